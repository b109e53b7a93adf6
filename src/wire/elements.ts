import {NetError} from '../errors.ts';
import {encodeBody, type RequestHeader} from './body.ts';
import {string} from './kinds.ts';
import {beginMessage, endMessage} from './message.ts';
import {nftables} from './nftables.ts';
import {writeComment} from './userdata.ts';
import {align, NESTED, type Writer} from './writer.ts';

// Elements are most of what is ever sent and read: hundreds of thousands at a start. So they do not go through
// attribute tables: they are written and read in place, without an object for each.
// Source of all numbers: include/uapi/linux/netfilter/nf_tables.h

/** Attribute types: NFTA_SET_ELEM_LIST_*, NFTA_SET_ELEM_* and NFTA_DATA_* */
export const elementTypes = {
	list: {table: 1, set: 2, elements: 3},
	element: {key: 1, data: 2, flags: 3, timeout: 4, expiration: 5, userdata: 6, keyEnd: 10},
	data: {value: 1, verdict: 2},
	verdict: {code: 1, chain: 2},
} as const;

/** NFT_SET_ELEM_* */
export const elementFlags = {
	intervalEnd: 0x1, // in a set of intervals that is no concatenation: the first key behind the interval
	catchAll: 0x2, // matches what no other element does; has no key
} as const;

/** NFTA_VERDICT_*: `chain` belongs to jump and goto. */
export type Verdict = {readonly code: number; readonly chain?: string};

/** An element of a set or map, as the kernel knows it. `undefined` is as good as absent, so that one object can be used again. */
export type Element = {
	/** Each field padded with zeros to 4 bytes; empty for the catch-all. */
	readonly key: Uint8Array;
	/** The last key of a range, of the same length, in a concatenation with intervals. */
	readonly keyEnd?: Uint8Array | undefined;
	/** What a map answers, each field padded to 4 bytes. */
	readonly value?: Uint8Array | undefined;
	/** What a verdict map answers. */
	readonly verdict?: Verdict | undefined;
	/** {@link elementFlags}; 0 is as good as absent. */
	readonly flags?: number | undefined;
	/** How long it lives after the last refresh. */
	readonly timeoutMs?: number | undefined;
	/** What is left of that. */
	readonly expirationMs?: number | undefined;
	readonly comment?: string | undefined;
};

/** Writes elements of one set, as many to a message as its 16-bit lengths allow. Keeps nothing between messages. */
export class ElementWriter {
	readonly #writer: Writer;
	#message = 0;
	#list = 0;
	/** Elements in the message that is open. */
	count = 0;

	constructor(writer: Writer) {
		this.#writer = writer;
	}

	/** Opens a message for elements of one set. @param header its type is nftables.element.new or .delete */
	open(header: RequestHeader, family: number, table: string, set: string): void {
		const writer = this.#writer;
		this.#message = beginMessage(writer, header.type, header.flags, header.sequence);
		encodeBody(writer, nftables.element.layout, {family, table, set});
		this.#list = writer.beginAttribute(elementTypes.list.elements | NESTED);
		this.count = 0;
	}

	/**
	 * Appends one element, or writes nothing and returns false when the message is full: close it, open the next one
	 * and add the element there.
	 *
	 * @throws NetError WIRE_TOO_LONG when a comment passes 254 bytes, or the element no message could hold; it is then
	 *   not written
	 */
	add(element: Element): boolean {
		const writer = this.#writer;
		const start = writer.beginAttribute(1 | NESTED); // NFTA_LIST_ELEM
		try {
			writeElement(writer, element);
		} catch (error) {
			writer.length = start;
			throw error;
		}

		if (writer.length - this.#list > 0xffff) {
			const length = writer.length - start;
			writer.length = start;
			if (this.count === 0) {
				throw new NetError('WIRE_TOO_LONG', `write an element of ${length} bytes`, {length});
			}

			return false;
		}

		writer.endAttribute(start);
		this.count++;
		return true;
	}

	/** Closes the message. */
	close(): void {
		this.#writer.endAttribute(this.#list);
		endMessage(this.#writer, this.#message);
	}
}

const types = elementTypes.element;

function writeElement(writer: Writer, element: Element): void {
	const {key, keyEnd, value, verdict, flags, timeoutMs, expirationMs, comment} = element;
	if (flags !== undefined && flags !== 0) {
		const start = writer.beginAttribute(types.flags);
		writer.be32(flags);
		writer.endAttribute(start);
	}

	writeDuration(writer, types.timeout, timeoutMs);
	writeDuration(writer, types.expiration, expirationMs);
	if (key.length > 0) {
		writeValue(writer, types.key, key);
	}

	if (keyEnd !== undefined) {
		writeValue(writer, types.keyEnd, keyEnd);
	}

	if (value !== undefined) {
		writeValue(writer, types.data, value);
	} else if (verdict !== undefined) {
		writeVerdict(writer, verdict);
	}

	if (comment !== undefined) {
		const start = writer.beginAttribute(types.userdata);
		writeComment(writer, comment);
		writer.endAttribute(start);
	}
}

/** A nested NFTA_DATA_VALUE, in one go: this is where the time of a cold start is spent. */
function writeValue(writer: Writer, type: number, value: Uint8Array): void {
	const {length} = value;
	const size = align(length);
	const start = writer.reserve(8 + size);
	writer.header(start, type | NESTED, 8 + size);
	writer.header(start + 4, elementTypes.data.value, 4 + length);
	const {bytes} = writer;
	let at = start + 8;
	for (let index = 0; index < length; index++) {
		bytes[at++] = value[index] ?? 0;
	}

	while (at < start + 8 + size) {
		bytes[at++] = 0;
	}
}

function writeVerdict(writer: Writer, {code, chain}: Verdict): void {
	const outer = writer.beginAttribute(types.data | NESTED);
	const inner = writer.beginAttribute(elementTypes.data.verdict | NESTED);
	writer.header(writer.reserve(4), elementTypes.verdict.code, 8);
	writer.be32(code);
	if (chain !== undefined) {
		const start = writer.beginAttribute(elementTypes.verdict.chain);
		string.write(writer, chain);
		writer.endAttribute(start);
	}

	writer.endAttribute(inner);
	writer.endAttribute(outer);
}

function writeDuration(writer: Writer, type: number, milliseconds: number | undefined): void {
	if (milliseconds !== undefined) {
		const start = writer.beginAttribute(type);
		writer.be32(Math.floor(milliseconds / 2 ** 32));
		writer.be32(milliseconds % 2 ** 32);
		writer.endAttribute(start);
	}
}
