/** Bytes of a text that comes in pieces; no piece is copied before the text is whole. */
export class Pieces {
	#parts: Uint8Array[] = [];
	#length = 0;

	/** How many bytes wait for the rest of their text. */
	get length(): number {
		return this.#length;
	}

	add(part: Uint8Array): void {
		if (part.length > 0) {
			this.#parts.push(part);
			this.#length += part.length;
		}
	}

	/** The text of all that was added since the last call. */
	take(): string {
		const [first] = this.#parts;
		const whole = this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts, this.#length);
		this.#parts = [];
		this.#length = 0;
		return Buffer.from(whole.buffer, whole.byteOffset, whole.length).toString('utf8');
	}
}
