import type {Socket} from 'node:net';
import {NetError} from '../errors.ts';
import {encodeFrame, FrameReader} from './framing.ts';
import {
	answerBytesMax,
	encodeError,
	type Handlers,
	parseRequest,
	type Request,
	requestBytesMax,
	requestId,
} from './protocol.ts';

/** Calls back once after a delay, unless the function it returns is called before. */
export type After = (delayMs: number, callback: () => void) => () => void;

/** What one connection may have in hand at once. */
const requestsMax = 16;

/** How long whoever asked may leave its answer unread. */
const unreadMs = 30_000;

/** One for all: without a reason each signal makes an error with a stack, which takes longer than an answer. */
const hungUp = new Error('the client hung up');

/**
 * One client. Requests are answered as they come, each for itself; what is held for a client is bounded by the longest
 * request and the requests it may have in hand, of which each waits with its next piece until the last one was read.
 */
export class Connection {
	readonly #socket: Socket;
	readonly #handlers: Handlers;
	readonly #after: After;
	readonly #reader = new FrameReader(requestBytesMax);
	readonly #gone = new AbortController();
	/** Also aborted when the client will say no more: a watch has no other end. */
	readonly #silent = new AbortController();
	#working = 0;

	/** @param onEnd called once, when the connection is closed */
	constructor(socket: Socket, handlers: Handlers, after: After, onEnd: () => void) {
		[this.#socket, this.#handlers, this.#after] = [socket, handlers, after];
		socket.on('data', (chunk: Buffer) => this.#take(chunk));
		socket.on('end', () => {
			this.#silent.abort(hungUp);
			this.#settle();
		});
		socket.on('error', () => undefined); // 'close' follows, and there is nobody to tell
		socket.on('close', () => {
			this.#silent.abort(hungUp);
			this.#gone.abort(hungUp);
			onEnd();
		});
	}

	/** Whether no request is being answered. */
	get isIdle(): boolean {
		return this.#working === 0;
	}

	/** Tells the client why, and hangs up. */
	refuse(error: NetError, id = 0): void {
		if (this.#socket.writable) {
			this.#socket.end(encodeFrame(encodeError(id, error), answerBytesMax), () => this.#socket.destroy());
		}
	}

	close(): void {
		this.#socket.destroy();
	}

	#take(chunk: Uint8Array): void {
		if (!this.#socket.writable) {
			return; // refused: nothing that still comes is read
		}

		try {
			for (const message of this.#reader.push(chunk)) {
				this.#serve(message).catch(() => this.close()); // an answer that cannot even be written
			}
		} catch (caught) {
			this.refuse(asRefusal(caught));
		}
	}

	async #serve(message: unknown): Promise<void> {
		const id = requestId(message);
		this.#working++;
		try {
			if (this.#working > requestsMax) {
				throw new NetError('CONTROL_BUSY', `answer more than ${requestsMax} requests of one connection at once`);
			}

			await this.#answer(parseRequest(message));
		} catch (caught) {
			await this.#send(encodeError(id, asRefusal(caught)));
		} finally {
			this.#working--;
			this.#settle();
		}
	}

	async #answer(request: Request): Promise<void> {
		const {id} = request;
		const pieces = this.#begin(request);
		for (let piece = await pieces.next(); !this.#gone.signal.aborted; piece = await pieces.next()) {
			await this.#send(piece.done === true ? {id, result: piece.value} : {id, part: piece.value});
			if (piece.done === true) {
				return;
			}
		}

		await pieces.return(undefined);
	}

	/** @throws NetError CONTROL_INVALID when this daemon does not do such things */
	#begin({id: _, verb, ...ask}: Request): AsyncGenerator<unknown, unknown, void> {
		const handle = this.#handlers[verb] as ((ask: object, signal: AbortSignal) => AsyncGenerator) | undefined;
		if (handle === undefined) {
			throw new NetError('CONTROL_INVALID', `do ${verb}: this daemon does not`, {verb});
		}

		return handle(ask, 'watch' in ask && ask.watch ? this.#silent.signal : this.#gone.signal);
	}

	/** Resolves when the client has room for more, or is gone. */
	async #send(answer: object): Promise<void> {
		const socket = this.#socket;
		if (!socket.writable || socket.write(encodeFrame(answer, answerBytesMax))) {
			return;
		}

		const {promise, resolve} = Promise.withResolvers<void>();
		const giveUp = this.#after(unreadMs, () => socket.destroy());
		socket.once('drain', resolve);
		socket.once('close', resolve);
		await promise;
		giveUp();
		socket.off('drain', resolve);
		socket.off('close', resolve);
	}

	/** A client that has said all hangs up when everything is answered. */
	#settle(): void {
		if (this.#working === 0 && this.#silent.signal.aborted) {
			this.#socket.end();
		}
	}
}

function asRefusal(caught: unknown): NetError {
	return caught instanceof NetError ? caught : new NetError('CONTROL_FAILED', 'answer a request', {}, caught);
}
