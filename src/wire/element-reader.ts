import {NetError} from '../errors.ts';
import {attributeEnd, attributeType, nextAttribute} from './attribute.ts';
import {type Element, elementTypes, type Verdict} from './elements.ts';
import {be32, be64, beS32, string} from './kinds.ts';
import {readComment} from './userdata.ts';
import {littleEndian, viewOf} from './writer.ts';

const nothing = new Uint8Array();
const headerLength = 4; // struct nfgenmsg
const netlinkHeaderLength = 16; // NLMSG_HDRLEN

/**
 * Walks the elements of a dump or an event without an object for each: `open` a message, then `next` until it is
 * false, and look at the fields, which hold the element that `next` stopped at. Offsets are into {@link bytes}; a
 * length of 0 means that the element has no such part.
 */
export class ElementReader {
	/** The message that is open. */
	bytes: Uint8Array = nothing;
	view: DataView = viewOf(nothing);
	/** Of nfFamilies. */
	family = 0;
	/** Names of the table and set that all elements of the message belong to. */
	table = '';
	set = '';

	/** Where the element itself starts and ends. */
	start = 0;
	end = 0;
	keyAt = 0;
	keyLength = 0;
	keyEndAt = 0;
	keyEndLength = 0;
	valueAt = 0;
	valueLength = 0;
	/** A code of verdicts, where the element has one. */
	verdict: number | undefined;
	/** elementFlags */
	flags = 0;
	timeoutMs: number | undefined;
	expirationMs: number | undefined;

	#chainAt = 0;
	#chainEnd = 0;
	#userdataAt = 0;
	#userdataEnd = 0;
	#next = 0;
	#end = 0;

	/**
	 * @param payload of a message of type nftables.element.new or .delete
	 * @throws NetError WIRE_TRUNCATED
	 */
	open(payload: Uint8Array): void {
		if (payload.length < headerLength) {
			throw new NetError('WIRE_TRUNCATED', 'read set elements', {length: payload.length});
		}

		this.bytes = payload;
		this.view = viewOf(payload);
		this.family = this.view.getUint8(0);
		[this.table, this.set, this.#next, this.#end] = ['', '', 0, 0];
		for (let at = headerLength; at < payload.length; at = nextAttribute(this.view, at)) {
			const end = attributeEnd(this.view, at, payload.length);
			const type = attributeType(this.view, at);
			if (type === elementTypes.list.table) {
				this.table = string.read(this.view, at + 4, end);
			} else if (type === elementTypes.list.set) {
				this.set = string.read(this.view, at + 4, end);
			} else if (type === elementTypes.list.elements) {
				[this.#next, this.#end] = [at + 4, end];
			}
		}
	}

	/**
	 * Steps to the next element; false when there is none.
	 *
	 * @throws NetError WIRE_TRUNCATED or WIRE_INVALID
	 */
	next(): boolean {
		const at = this.#next;
		if (at >= this.#end) {
			return false;
		}

		const end = attributeEnd(this.view, at, this.#end);
		this.#next = nextAttribute(this.view, at);
		this.#clear();
		this.start = at;
		this.end = end;
		for (let inner = at + 4; inner < end; inner = nextAttribute(this.view, inner)) {
			const partEnd = attributeEnd(this.view, inner, end); // first: it finds a header that is cut short
			this.#readPart(attributeType(this.view, inner), inner + 4, partEnd);
		}

		return true;
	}

	/** The chain of a jump or goto, else ''. */
	chain(): string {
		return string.read(this.view, this.#chainAt, this.#chainEnd);
	}

	comment(): string | undefined {
		return readComment(this.view, this.#userdataAt, this.#userdataEnd);
	}

	/** A copy of the element, as {@link ElementWriter.add} takes it. */
	element(): Element {
		const {verdict, flags, timeoutMs, expirationMs} = this;
		const comment = this.comment();
		return {
			key: this.#copy(this.keyAt, this.keyLength),
			...(this.keyEndLength > 0 && {keyEnd: this.#copy(this.keyEndAt, this.keyEndLength)}),
			...(this.valueLength > 0 && {value: this.#copy(this.valueAt, this.valueLength)}),
			...(verdict !== undefined && {verdict: this.#verdict(verdict)}),
			...(flags !== 0 && {flags}),
			...(timeoutMs !== undefined && {timeoutMs}),
			...(expirationMs !== undefined && {expirationMs}),
			...(comment !== undefined && {comment}),
		};
	}

	#verdict(code: number): Verdict {
		return this.#chainEnd > 0 ? {code, chain: this.chain()} : {code};
	}

	#copy(at: number, length: number): Uint8Array {
		return this.bytes.slice(at, at + length);
	}

	#clear(): void {
		this.keyLength = 0;
		this.keyEndLength = 0;
		this.valueLength = 0;
		this.verdict = undefined;
		this.flags = 0;
		this.timeoutMs = undefined;
		this.expirationMs = undefined;
		this.#chainAt = 0;
		this.#chainEnd = 0;
		this.#userdataAt = 0;
		this.#userdataEnd = 0;
	}

	#readPart(type: number, start: number, end: number): void {
		const {element} = elementTypes;
		if (type === element.key) {
			this.keyAt = valueStart(this.view, start, end);
			this.keyLength = this.#lengthAt(this.keyAt);
		} else if (type === element.data) {
			this.#readData(start, end);
		} else if (type === element.userdata) {
			this.#userdataAt = start;
			this.#userdataEnd = end;
		} else if (type === element.flags) {
			this.flags = be32.read(this.view, start, end);
		} else if (type === element.timeout) {
			this.timeoutMs = milliseconds(this.view, start, end);
		} else if (type === element.expiration) {
			this.expirationMs = milliseconds(this.view, start, end);
		} else if (type === element.keyEnd) {
			this.keyEndAt = valueStart(this.view, start, end);
			this.keyEndLength = this.#lengthAt(this.keyEndAt);
		}
	}

	#readData(from: number, to: number): void {
		const end = attributeEnd(this.view, from, to);
		if (attributeType(this.view, from) === elementTypes.data.verdict) {
			this.#readVerdict(from + 4, end);
		} else {
			this.valueAt = valueStart(this.view, from, to);
			this.valueLength = this.#lengthAt(this.valueAt);
		}
	}

	#readVerdict(from: number, to: number): void {
		for (let at = from; at < to; at = nextAttribute(this.view, at)) {
			const end = attributeEnd(this.view, at, to);
			const type = attributeType(this.view, at);
			if (type === elementTypes.verdict.code) {
				this.verdict = beS32.read(this.view, at + 4, end);
			} else if (type === elementTypes.verdict.chain) {
				this.#chainAt = at + 4;
				this.#chainEnd = end;
			}
		}
	}

	/** Length of the payload that starts at `at`, from the header before it. */
	#lengthAt(at: number): number {
		return this.view.getUint16(at - 4, littleEndian) - 4;
	}
}

/**
 * Which element of a request the kernel refused, counted from 0; undefined when it points at none of them, as older
 * kernels do.
 *
 * @param request the whole message that was sent, from its netlink header
 * @param offset of the acknowledgement. Source: net/netfilter/nf_tables_api.c, nf_tables_newsetelem
 * @throws NetError WIRE_TRUNCATED when `request` is no message of elements
 */
export function elementIndexAt(request: Uint8Array, offset: number): number | undefined {
	const reader = new ElementReader();
	reader.open(request.subarray(netlinkHeaderLength));
	for (let index = 0; reader.next(); index++) {
		if (offset < reader.end + netlinkHeaderLength) {
			return offset < reader.start + netlinkHeaderLength ? undefined : index;
		}
	}

	return undefined;
}

/** Where the payload of the NFTA_DATA_VALUE starts that is alone between two offsets. */
function valueStart(view: DataView, from: number, to: number): number {
	attributeEnd(view, from, to);
	if (attributeType(view, from) !== elementTypes.data.value) {
		throw new NetError('WIRE_INVALID', 'read an element: its data has no value', {at: from});
	}

	return from + 4;
}

/** A u64 as a number: exact up to 285,000 years. */
function milliseconds(view: DataView, start: number, end: number): number {
	return Number(be64.read(view, start, end));
}
