import {mkdtempSync, rmSync} from 'node:fs';
import {connect, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {encodeFrame, FrameReader} from '../../src/control/framing.ts';

/** A folder of its own for one test, short enough for a socket's path. */
export function controlFolder(t: ExecutionContext): string {
	const folder = mkdtempSync(join(tmpdir(), 'control-'));
	t.teardown(() => rmSync(folder, {recursive: true, force: true}));
	return folder;
}

/** A client that says what a test has it say, byte by byte if need be. */
export class RawClient {
	readonly socket: Socket;
	readonly #reader = new FrameReader(2 ** 26);
	readonly #messages: unknown[] = [];
	readonly #waiting: ((message: unknown) => void)[] = [];
	/** Resolves when the server hung up. */
	readonly closed: Promise<void>;

	constructor(t: ExecutionContext, path: string) {
		this.socket = connect({path});
		this.socket.on('error', () => undefined);
		this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()));
		this.socket.on('data', (chunk) => {
			for (const message of this.#reader.push(Buffer.from(chunk))) {
				const waiting = this.#waiting.shift();
				if (waiting === undefined) {
					this.#messages.push(message);
				} else {
					waiting(message);
				}
			}
		});
		t.teardown(() => this.socket.destroy());
	}

	/** Sends one message, as a client of this version would. */
	ask(id: number, more: object = {}): void {
		this.write(encodeFrame({id, protocol: 1, verb: 'status', watch: false, ...more}, 2 ** 20));
	}

	write(bytes: Uint8Array): void {
		this.socket.write(bytes);
	}

	/** The next message that comes. */
	next(): Promise<unknown> {
		const message = this.#messages.shift();
		return message === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(message);
	}
}
