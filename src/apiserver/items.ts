import {NetError} from '../errors.ts';
import {checkLength} from './lines.ts';
import {Pieces} from './pieces.ts';

/** What a list says of itself. */
export type Envelope = {
	/** The state that the whole list is of, all of its pages. */
	readonly version: string;
	/** Asks for the next page; empty on the last one. */
	readonly next: string;
};

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBrace = 0x7d;
const closeBracket = 0x5d;
const comma = 0x2c;

/**
 * Cuts the bytes of a list, `{"kind": …, "metadata": …, "items": […]}`, into the texts of its items as they come, so
 * that no list is ever in memory as a whole, however long the API server makes it. It knows only where JSON's texts,
 * objects and lists begin and end; whoever parses the texts finds out whether they are JSON.
 */
export class ItemSplitter {
	readonly #item = new Pieces();
	/** Everything that is no item. */
	readonly #around = new Pieces();
	#depth = 0;
	#inText = false;
	#isEscaped = false;
	#inItems = false;
	/** The last few bytes before a list at depth 1, which tell whether it is that of the items. */
	#tail = '';

	/** The items that end in `chunk`. @throws NetError API_INVALID when one is endless */
	push(chunk: Uint8Array): string[] {
		const items: string[] = [];
		let from = 0;
		for (let at = 0; at < chunk.length; at++) {
			const byte = chunk[at] ?? 0;
			if (this.#inText) {
				this.#readText(byte);
				continue;
			}

			if (this.#inItems && this.#depth === 2) {
				if (byte === openBrace || byte === comma) {
					this.#around.add(chunk.subarray(from, at));
					from = byte === comma ? at + 1 : at; // the comma belongs to neither
				} else if (byte === closeBracket) {
					this.#inItems = false;
				}
			}

			this.#step(byte);
			if (this.#inItems && this.#depth === 2 && byte === closeBrace) {
				this.#item.add(chunk.subarray(from, at + 1));
				from = at + 1;
				items.push(this.#item.take());
			}
		}

		(this.#inItems && this.#depth > 2 ? this.#item : this.#around).add(chunk.subarray(from));
		checkLength(this.#item);
		checkLength(this.#around);
		return items;
	}

	/** After the last chunk. @throws NetError API_INVALID when the list is no JSON, cut off, or has no version */
	end(): Envelope {
		const text = this.#around.take();
		try {
			const {metadata} = JSON.parse(text) as {metadata?: {resourceVersion?: unknown; continue?: unknown}};
			const {resourceVersion: version, continue: next = ''} = metadata ?? {};
			if (typeof version === 'string' && version !== '' && typeof next === 'string') {
				return {version, next};
			}
		} catch (cause) {
			throw new NetError('API_INVALID', 'read a list: it is cut off or no JSON', {around: text.slice(0, 200)}, cause);
		}

		throw new NetError('API_INVALID', 'read a list without metadata.resourceVersion', {around: text.slice(0, 200)});
	}

	#readText(byte: number): void {
		if (this.#isEscaped) {
			this.#isEscaped = false;
		} else if (byte === backslash) {
			this.#isEscaped = true;
		} else if (byte === quote) {
			this.#inText = false;
		}

		this.#remember(byte);
	}

	#step(byte: number): void {
		switch (byte) {
			case quote:
				this.#inText = true;
				break;
			case openBracket:
				this.#inItems ||= this.#depth === 1 && this.#tail === '"items":';
				this.#depth++;
				break;
			case openBrace:
				this.#depth++;
				break;
			case closeBrace:
			case closeBracket:
				this.#depth--;
		}

		this.#remember(byte);
	}

	/** Spaces aside, as they may stand anywhere between. */
	#remember(byte: number): void {
		if (this.#depth === 1 && byte > 0x20) {
			this.#tail = `${this.#tail}${String.fromCharCode(byte)}`.slice(-8);
		}
	}
}
