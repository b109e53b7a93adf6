import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {isIP} from 'node:net';
import {NetError} from '../errors.ts';

/** What one path answers: 200 when `ok`, else 503. A text body is sent as text, any other value as JSON. */
export type HealthAnswer = {readonly ok: boolean; readonly body: unknown};

/** Calls back once after a delay, unless the function it returns is called before. */
type After = (delayMs: number, callback: () => void) => () => void;

export type HealthOptions = {
	/** `0.0.0.0:10256`, `[::]:10256`, `127.0.0.1:0`. As with kube-proxy, the first two take IPv4 and IPv6. */
	readonly address: string;
	/** Path → what it answers now: `{'/healthz': () => ({ok: true, body: 'ok'})}`. */
	readonly answers: Readonly<Record<string, () => HealthAnswer>>;
	/** Called at each bind, with the port that was taken (of use where 0 was asked for). */
	readonly bound?: (port: number) => void;
	/** Called when the address cannot be bound; it is tried again every 5 s until the signal. */
	readonly refused?: (error: NetError) => void;
	readonly after?: After;
};

/** Source: kube-proxy, cmd/kube-proxy/app/server.go, serveHealthz: wait.Until(fn, 5*time.Second). */
const retryMs = 5000;
/** A probe is one line and a few headers; whoever takes longer holds a connection that others need. */
const requestTimeoutMs = 5000;
const maxConnections = 256;

const systemAfter: After = (delayMs, callback) => {
	const timer = setTimeout(callback, delayMs);
	return () => clearTimeout(timer);
};

/**
 * Answers HTTP on `address` until the signal, and returns at once. It never stops the process: an address in
 * use is told to `refused` and tried again, an answer that throws is a 500.
 *
 * @throws NetError HEALTH_ADDRESS when `address` is not `host:port`
 */
export function serveHealth(options: HealthOptions, signal: AbortSignal): void {
	const {after = systemAfter, bound, refused} = options;
	const {host, port} = parseBindAddress(options.address);
	const server = createHealthServer(options.answers);
	let cancelRetry = () => {};
	let bindTo = host === '0.0.0.0' ? '::' : host; // Go's net.Listen, and so kube-proxy, takes both families too
	const listen = () => server.listen({host: bindTo, port});
	server.on('listening', () => bound?.(portOf(server)));
	server.on('error', (cause: NodeJS.ErrnoException) => {
		if (bindTo !== host && (cause.code === 'EAFNOSUPPORT' || cause.code === 'EADDRNOTAVAIL')) {
			bindTo = host; // a node without IPv6
			listen();
			return;
		}

		refused?.(new NetError('HEALTH_BIND', `serve health on ${options.address}`, {address: options.address}, cause));
		if (!server.listening) {
			cancelRetry = after(retryMs, listen);
		}
	});
	const stop = () => {
		cancelRetry();
		server.close();
		server.closeAllConnections();
	};
	if (!signal.aborted) {
		signal.addEventListener('abort', stop, {once: true});
		listen();
	}
}

function portOf(server: Server): number {
	const address = server.address();
	return typeof address === 'object' && address !== null ? address.port : 0;
}

function createHealthServer(answers: HealthOptions['answers']): Server {
	const server = createServer(
		{requestTimeout: requestTimeoutMs, keepAliveTimeout: requestTimeoutMs},
		(request, response) => answer(answers, request, response),
	);
	server.maxConnections = maxConnections;
	return server;
}

function answer(answers: HealthOptions['answers'], request: IncomingMessage, response: ServerResponse): void {
	const [path = ''] = (request.url ?? '').split('?');
	const make = Object.hasOwn(answers, path) ? answers[path] : undefined;
	if (make === undefined) {
		send(response, 404, `nothing here; try ${Object.keys(answers).join(' ')}\n`);
		return;
	}

	if (request.method !== 'GET' && request.method !== 'HEAD') {
		response.setHeader('Allow', 'GET, HEAD');
		send(response, 405, 'only GET and HEAD\n');
		return;
	}

	try {
		const {ok, body} = make();
		send(response, ok ? 200 : 503, body);
	} catch (error) {
		send(response, 500, `${error instanceof Error ? error.message : String(error)}\n`);
	}
}

function send(response: ServerResponse, status: number, body: unknown): void {
	const isText = typeof body === 'string';
	response.writeHead(status, {
		'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json',
		'X-Content-Type-Options': 'nosniff',
		'Cache-Control': 'no-store',
	});
	response.end(isText ? body : `${JSON.stringify(body)}\n`); // node:http sends no body to HEAD
}

/**
 * Host and port of `0.0.0.0:10256` or `[::]:10256`. Port 0 lets the kernel choose.
 *
 * @throws NetError HEALTH_ADDRESS
 */
function parseBindAddress(text: string): {readonly host: string; readonly port: number} {
	const match = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:]+)):(?<port>\d{1,5})$/.exec(text);
	const host = match?.groups?.['v6'] ?? match?.groups?.['v4'] ?? '';
	const family = match?.groups?.['v6'] === undefined ? 4 : 6;
	const port = Number(match?.groups?.['port']);
	if (isIP(host) !== family || !(port <= 65_535)) {
		throw new NetError('HEALTH_ADDRESS', `serve health on ${JSON.stringify(text)}`, {address: text});
	}

	return {host, port};
}
