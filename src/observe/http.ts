import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';

/** What a request gets. `contentType` is sent as it stands, with a note that browsers shall not guess another. */
export type Reply = {
	readonly status: number;
	readonly contentType: string;
	readonly body: string;
	readonly headers?: Readonly<Record<string, string>>;
};

/** An address and port; port 0 lets the kernel choose. */
export type BindAddress = {readonly address: string; readonly port: number};

type ListenOptions = {
	readonly bind: BindAddress;
	/** A throw or a rejection is a 500. */
	readonly answer: (path: string) => Reply | Promise<Reply>;
	/** Whether `::` leaves IPv4 to others. */
	readonly ipv6Only?: boolean;
	readonly bound?: (port: number) => void;
	readonly refused?: (error: Error) => void;
};

/** A probe is one line and a few headers; whoever takes longer holds a connection that others need. */
const requestTimeoutMs = 5000;
const maxConnections = 256;

export const jsonType = 'application/json';
const textType = 'text/plain; charset=utf-8';

export function textReply(status: number, body: string): Reply {
	return {status, contentType: textType, body};
}

export function jsonReply(status: number, value: unknown): Reply {
	return {status, contentType: jsonType, body: `${JSON.stringify(value)}\n`};
}

/**
 * Answers HTTP of any method on one address until the function it returns is called, which frees the port and ends
 * open connections at once. Whether the port was free is told later, to `bound` or `refused`.
 */
export function listenHttp(options: ListenOptions): () => void {
	const {bind, answer, ipv6Only = false, bound, refused} = options;
	const server = createServer(
		{requestTimeout: requestTimeoutMs, keepAliveTimeout: requestTimeoutMs},
		(request, response) => void respond(answer, request, response), // never rejects
	);
	let closed = false;
	server.maxConnections = maxConnections;
	server.on('listening', () => bound?.(portOf(server)));
	server.on('error', (error) => {
		if (!closed && !server.listening) {
			refused?.(error); // one that listens has only failed to accept a connection, and goes on
		}
	});
	server.listen({host: bind.address, port: bind.port, ipv6Only});
	return () => {
		closed = true;
		server.close();
		server.closeAllConnections();
	};
}

function portOf(server: Server): number {
	const address = server.address();
	return typeof address === 'object' && address !== null ? address.port : 0;
}

/** As kube-proxy's servers, whatever the method: some load balancers probe with OPTIONS. */
async function respond(
	answer: ListenOptions['answer'],
	{url = ''}: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const [path = ''] = url.split('?');
	try {
		send(response, await answer(path));
	} catch (error) {
		send(response, textReply(500, `${error instanceof Error ? error.message : String(error)}\n`));
	}
}

/** node:http sends no body to HEAD. */
function send(response: ServerResponse, {status, contentType, body, headers}: Reply): void {
	response.writeHead(status, {
		'Content-Type': contentType,
		'X-Content-Type-Options': 'nosniff',
		'Content-Length': Buffer.byteLength(body),
		...headers,
	});
	response.end(body);
}
