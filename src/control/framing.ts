import {NetError} from '../errors.ts';

/** Bytes of the length in front of each message: a u32, big-endian. */
const headerBytes = 4;

/** What a reader keeps of a message at first; it grows as bytes come, never by what a header claims. */
const firstBytes = 4096;

/**
 * One message as it goes through the socket: its length, then JSON in UTF-8.
 *
 * @throws NetError CONTROL_TOO_LONG when it has more than `bytesMax` bytes
 */
export function encodeFrame(value: unknown, bytesMax: number): Uint8Array {
	const text = JSON.stringify(value);
	const length = Buffer.byteLength(text);
	if (length > bytesMax) {
		throw new NetError('CONTROL_TOO_LONG', `send a message of ${length} bytes`, {bytes: length, bytesMax});
	}

	const frame = Buffer.allocUnsafe(headerBytes + length);
	frame.writeUInt32BE(length);
	frame.write(text, headerBytes);
	return frame;
}

/** Takes bytes as they come and gives out whole messages. What it keeps is at most twice what came of one message. */
export class FrameReader {
	readonly #bytesMax: number;
	readonly #header = Buffer.alloc(headerBytes);
	#body = Buffer.alloc(0);
	/** Bytes of header and body that came of the message in hand. */
	#length = 0;

	/** @param bytesMax the longest message, without its header */
	constructor(bytesMax: number) {
		this.#bytesMax = bytesMax;
	}

	/**
	 * The messages that `chunk` completes, as JSON.parse gives them. After a throw nothing behind it can be read.
	 *
	 * @throws NetError CONTROL_TOO_LONG when a message announces more than `bytesMax`, as soon as it does
	 * @throws NetError CONTROL_INVALID when one is no JSON in UTF-8
	 */
	*push(chunk: Uint8Array): Generator<unknown, void, void> {
		for (let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length); rest.length > 0; ) {
			rest = rest.subarray(this.#length < headerBytes ? this.#takeHeader(rest) : this.#takeBody(rest));
			if (this.#length >= headerBytes && this.#length === headerBytes + this.#announced) {
				const message = parse(this.#body.subarray(0, this.#announced));
				this.#length = 0;
				this.#body = Buffer.alloc(0);
				yield message;
			}
		}
	}

	get #announced(): number {
		return this.#header.readUInt32BE();
	}

	/** Returns how many bytes it took. */
	#takeHeader(bytes: Buffer): number {
		const taken = bytes.copy(this.#header, this.#length);
		this.#length += taken;
		if (this.#length === headerBytes && this.#announced > this.#bytesMax) {
			const details = {bytes: this.#announced, bytesMax: this.#bytesMax};
			throw new NetError('CONTROL_TOO_LONG', `take a message of ${this.#announced} bytes`, details);
		}

		return taken;
	}

	#takeBody(bytes: Buffer): number {
		const have = this.#length - headerBytes;
		const taken = Math.min(bytes.length, this.#announced - have);
		if (have + taken > this.#body.length) {
			const room = Math.max(have + taken, Math.min(this.#announced, Math.max(firstBytes, this.#body.length * 2)));
			const grown = Buffer.allocUnsafe(room);
			this.#body.copy(grown, 0, 0, have);
			this.#body = grown;
		}

		bytes.copy(this.#body, have, 0, taken);
		this.#length += taken;
		return taken;
	}
}

const utf8 = new TextDecoder('utf-8', {fatal: true});

function parse(bytes: Uint8Array): unknown {
	try {
		return JSON.parse(utf8.decode(bytes));
	} catch (cause) {
		throw new NetError('CONTROL_INVALID', 'read a message that is no JSON in UTF-8', {bytes: bytes.length}, cause);
	}
}
