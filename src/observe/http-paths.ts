import {type ErrorCode, NetError} from '../errors.ts';
import {type BindAddress, listenHttp, type Reply, textReply} from './http.ts';

/** What a path answers now. A throw or a rejection is a 500. */
type Answer = () => Reply | Promise<Reply>;

/** Calls back once after a delay, unless the function it returns is called before. */
type Timer = {after(delayMs: number, callback: () => void): () => void};

export type ServeOptions = {
	/** What errors call it: `serve health on 0.0.0.0:10256`. */
	readonly what: string;
	/** The code of its errors, whose hint names the flag. */
	readonly code: ErrorCode;
	/** As with kube-proxy, `0.0.0.0` and `::` take IPv4 and IPv6. */
	readonly bind: BindAddress;
	/** Path → what it answers. */
	readonly answers: Readonly<Record<string, Answer>>;
	/** Called at each bind, with the port that was taken (of use where 0 was asked for). */
	readonly bound?: (port: number) => void;
	/** Called when the address cannot be bound; it is tried again every 5 s until the signal. */
	readonly refused: (error: NetError) => void;
	readonly clock: Timer;
};

/** Source: kube-proxy, cmd/kube-proxy/app/server.go, serveHealthz and serveMetrics: wait.Until(fn, 5*time.Second). */
const retryMs = 5000;

/** Serves the paths of `answers` until the signal, and returns at once. An address in use never stops the process. */
export function serveHttp(options: ServeOptions, signal: AbortSignal): void {
	const {what, code, bind, answers, bound, clock} = options;
	let close = () => {};
	let address = bind.address === '0.0.0.0' ? '::' : bind.address; // Go's net.Listen takes both families too
	const refused = (cause: NodeJS.ErrnoException) => {
		close();
		if (address !== bind.address && (cause.code === 'EAFNOSUPPORT' || cause.code === 'EADDRNOTAVAIL')) {
			address = bind.address; // a node without IPv6
			listen();
			return;
		}

		const at = printBind(bind);
		close = clock.after(retryMs, listen);
		options.refused(new NetError(code, `serve ${what} on ${at}`, {address: at}, cause));
	};
	const listen = () => {
		close = listenHttp({
			bind: {address, port: bind.port},
			answer: (path) => answerPath(answers, path),
			...(bound && {bound}),
			refused,
		});
	};
	if (!signal.aborted) {
		signal.addEventListener('abort', () => close(), {once: true});
		listen();
	}
}

function answerPath(answers: ServeOptions['answers'], path: string): Reply | Promise<Reply> {
	const answer = Object.hasOwn(answers, path) ? answers[path] : undefined;
	return answer === undefined ? textReply(404, `nothing here; try ${Object.keys(answers).join(' ')}\n`) : answer();
}

function printBind({address, port}: BindAddress): string {
	return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
