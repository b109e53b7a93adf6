import {NetError} from '../errors.ts';
import {Pieces} from './pieces.ts';

const newline = 0x0a;

/** Longer than any object that etcd takes (1.5 MiB) can become as JSON. Bytes. */
export const maxObjectBytes = 16 * 1024 * 1024;

/** Cuts the bytes of a watch into its lines. What has no end of line yet is kept, and never told. */
export class LineSplitter {
	readonly #pieces = new Pieces();

	/** Bytes of a line that did not end so far. */
	get rest(): number {
		return this.#pieces.length;
	}

	/** The lines that end in `chunk`, without the empty ones. @throws NetError API_INVALID when one is endless */
	push(chunk: Uint8Array): string[] {
		const lines: string[] = [];
		let from = 0;
		for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
			this.#pieces.add(chunk.subarray(from, at));
			from = at + 1;
			if (this.#pieces.length > 0) {
				lines.push(this.#pieces.take());
			}
		}

		this.#pieces.add(chunk.subarray(from));
		checkLength(this.#pieces);
		return lines;
	}
}

/** @throws NetError API_INVALID */
export function checkLength({length}: Pieces): void {
	if (length > maxObjectBytes) {
		throw new NetError('API_INVALID', `read an object of more than ${maxObjectBytes} bytes`, {bytes: length});
	}
}
