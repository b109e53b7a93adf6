import {connect, type Socket} from 'node:net';
import {NetError} from '../errors.ts';
import type {After} from './connection.ts';
import {encodeFrame, FrameReader} from './framing.ts';
import {
	type Answer,
	type Ask,
	answerBytesMax,
	encodeRequest,
	type Part,
	parseAnswer,
	type Result,
	refusedError,
	requestBytesMax,
	type Verb,
} from './protocol.ts';

/** A daemon answers in milliseconds; one whose node is starved may take seconds. */
const defaultTimeoutMs = 10_000;

const systemAfter: After = (delayMs, callback) => {
	const timer = setTimeout(callback, delayMs);
	return () => clearTimeout(timer);
};

export type AskOptions = {
	/** How long the daemon may be silent. */
	readonly timeoutMs?: number;
	readonly after?: After;
	/** Whether it may be silent for any time once its first piece has come: it then tells of changes. */
	readonly patient?: boolean;
};

/**
 * The daemon's answer, piece by piece; the generator returns what ends it. Leaving the loop, or the signal, hangs up.
 *
 * @throws NetError CONTROL_NO_DAEMON, CONTROL_DENIED when nobody listens at `path` or this user may not ask
 * @throws NetError CONTROL_TIMEOUT, CONTROL_CLOSED when the answer breaks off
 * @throws NetError whatever the daemon refuses with
 */
export async function* ask<V extends Verb>(
	path: string,
	verb: V,
	asked: Ask<V>,
	signal: AbortSignal,
	{timeoutMs = defaultTimeoutMs, after = systemAfter, patient = false}: AskOptions = {},
): AsyncGenerator<Part<V>, Result<V>, void> {
	using line = new Line(path, (giveUp) => after(timeoutMs, giveUp), signal);
	await line.opened;
	line.socket.write(encodeFrame(encodeRequest(1, verb, asked), requestBytesMax));
	for await (const answer of line.answers<V>()) {
		if ('result' in answer) {
			return answer.result;
		}

		if ('error' in answer) {
			throw refusedError(answer.error);
		}

		line.wait(true); // while whoever asked looks at it
		yield answer.part;
		line.wait(patient);
	}

	signal.throwIfAborted();
	throw new NetError('CONTROL_CLOSED', 'hear the daemon to the end', {path});
}

/** One connection to the daemon. */
class Line {
	readonly socket: Socket;
	/** Resolves when the daemon took the connection. */
	readonly opened: Promise<void>;
	readonly #path: string;
	readonly #signal: AbortSignal;
	readonly #release: () => void;
	readonly #startWait: (giveUp: () => void) => () => void;
	#endWait: () => void = () => undefined;

	constructor(path: string, startWait: (giveUp: () => void) => () => void, signal: AbortSignal) {
		[this.#path, this.#startWait, this.#signal] = [path, startWait, signal];
		const {promise, resolve, reject} = Promise.withResolvers<void>();
		this.opened = promise;
		this.socket = connect({path}, resolve);
		const hangUp = () => this.socket.destroy();
		this.socket.on('error', (error) => reject(this.#explain(error)));
		this.socket.on('close', () => reject(this.#explain(new NetError('CONTROL_CLOSED', `ask the daemon at ${path}`))));
		signal.addEventListener('abort', hangUp, {once: true});
		this.wait(false);
		this.#release = () => signal.removeEventListener('abort', hangUp);
		if (signal.aborted) {
			hangUp();
		}
	}

	/** The daemon has the whole time again for its next piece, or all the time of the world. */
	wait(forever: boolean): void {
		this.#endWait();
		const late = new NetError('CONTROL_TIMEOUT', `get an answer at ${this.#path} in time`, {path: this.#path});
		this.#endWait = forever ? () => undefined : this.#startWait(() => this.socket.destroy(late));
	}

	async *answers<V extends Verb>(): AsyncGenerator<Answer<V>, void, void> {
		const reader = new FrameReader(answerBytesMax);
		try {
			for await (const chunk of this.socket) {
				for (const message of reader.push(chunk)) {
					yield parseAnswer<V>(message);
				}
			}
		} catch (error) {
			throw this.#explain(error);
		}
	}

	[Symbol.dispose](): void {
		this.#release();
		this.#endWait();
		this.socket.destroy();
	}

	#explain(error: unknown): unknown {
		if (this.#signal.aborted) {
			return this.#signal.reason;
		}

		if (error instanceof NetError || !(error instanceof Error && 'code' in error)) {
			return error;
		}

		const [what, details] = [`ask the daemon at ${this.#path}`, {path: this.#path}];
		switch (error.code) {
			case 'ENOENT':
			case 'ENOTDIR':
			case 'ECONNREFUSED':
				return new NetError('CONTROL_NO_DAEMON', what, details, error);
			case 'EACCES':
			case 'EPERM':
				return new NetError('CONTROL_DENIED', what, details, error);
			case 'ECONNRESET':
			case 'EPIPE':
			case 'ERR_STREAM_PREMATURE_CLOSE':
				return new NetError('CONTROL_CLOSED', what, details, error);
			default:
				return new NetError('CONTROL_FAILED', what, details, error);
		}
	}
}
