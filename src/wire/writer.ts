import {NetError} from '../errors.ts';

/** Whether this machine is little-endian: netlink headers and rtnetlink numbers are in host order. */
export const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** NLA_ALIGN and NLMSG_ALIGN: both pad to 4 bytes. Source: include/uapi/linux/netlink.h */
export function align(length: number): number {
	return (length + 3) & ~3;
}

const attributeHeaderLength = 4; // NLA_HDRLEN
const attributePayloadMax = 0xffff - attributeHeaderLength; // nla_len is a u16 that counts its header
/** NLA_F_NESTED: the payload is a list of attributes. Source: include/uapi/linux/netlink.h */
export const NESTED = 0x8000;

/** The same bytes as a DataView. */
export function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const utf8 = new TextEncoder();

/**
 * Bytes on their way to the kernel: a buffer that grows and is used again for the next datagram, so that a warm
 * writer allocates nothing. Lengths of attributes are written when they are known, at their `end`.
 */
export class Writer {
	/** The whole buffer; only the first {@link length} bytes are written. Replaced when the buffer grows. */
	bytes: Uint8Array<ArrayBuffer>;
	/** The same buffer. Replaced when the buffer grows. */
	view: DataView<ArrayBuffer>;
	/** Bytes written so far. Set it back to an earlier value to drop what came after. */
	length = 0;

	/** @param capacity bytes to start with */
	constructor(capacity = 4096) {
		this.bytes = new Uint8Array(capacity);
		this.view = new DataView(this.bytes.buffer);
	}

	/** Empties the writer and keeps its buffer. */
	reset(): void {
		this.length = 0;
	}

	/** What is written, as a view: valid until the next write. */
	written(): Uint8Array<ArrayBuffer> {
		return this.bytes.subarray(0, this.length);
	}

	/** Makes room for `count` more bytes and returns the offset of the first; they count as written, and hold anything. */
	reserve(count: number): number {
		const start = this.length;
		this.length = start + count;
		if (this.length > this.bytes.length) {
			this.#grow();
		}

		return start;
	}

	u8(value: number): void {
		const at = this.reserve(1); // first: it may replace the buffer
		this.bytes[at] = value;
	}

	/** Host order. */
	u16(value: number): void {
		const at = this.reserve(2);
		this.view.setUint16(at, value, littleEndian);
	}

	/** Host order. */
	u32(value: number): void {
		const at = this.reserve(4);
		this.view.setUint32(at, value, littleEndian);
	}

	/** Network order. */
	be16(value: number): void {
		const at = this.reserve(2);
		this.view.setUint16(at, value);
	}

	/** Network order; also of negative numbers, as two's complement. */
	be32(value: number): void {
		const at = this.reserve(4);
		this.view.setUint32(at, value);
	}

	/** Copies `bytes`. */
	raw(bytes: Uint8Array): void {
		let at = this.reserve(bytes.length);
		if (bytes.length > 64) {
			this.bytes.set(bytes, at);
			return;
		}

		// a loop is twice as fast as `set` for the few bytes of a set's key
		for (let index = 0; index < bytes.length; index++) {
			this.bytes[at++] = bytes[index] ?? 0;
		}
	}

	/** UTF-8, without an end mark. */
	text(text: string): void {
		const start = this.length;
		let at = this.reserve(text.length);
		for (let index = 0; index < text.length; index++) {
			const code = text.charCodeAt(index);
			if (code > 0x7f) {
				this.length = start;
				this.raw(utf8.encode(text));
				return;
			}

			this.bytes[at++] = code;
		}
	}

	/** Zeros up to the next multiple of 4. */
	pad(): void {
		const end = align(this.length);
		let at = this.length;
		this.reserve(end - at);
		while (at < end) {
			this.bytes[at++] = 0;
		}
	}

	/** Writes the header of an attribute at `at`, its length included, in one store. */
	header(at: number, type: number, length: number): void {
		this.view.setUint32(at, littleEndian ? (type << 16) | length : (length << 16) | type, littleEndian);
	}

	/** Opens an attribute of `type` (NLA_F_* included) and returns its start, for {@link endAttribute}. */
	beginAttribute(type: number): number {
		const start = this.reserve(attributeHeaderLength);
		this.header(start, type, 0);
		return start;
	}

	/**
	 * Closes the attribute that was opened at `start`: writes its length and pads to 4 bytes.
	 *
	 * @throws NetError WIRE_TOO_LONG when its payload passes 65,531 bytes: nla_len is a u16, split the list
	 * Source: include/uapi/linux/netlink.h, struct nlattr
	 */
	endAttribute(start: number): void {
		const length = this.length - start;
		if (length > 0xffff) {
			const type = this.view.getUint16(start + 2, littleEndian) & ~NESTED;
			const details = {type, length: length - attributeHeaderLength, most: attributePayloadMax};
			throw new NetError('WIRE_TOO_LONG', `write attribute ${type} of ${details.length} bytes`, details);
		}

		this.view.setUint16(start, length, littleEndian);
		this.pad();
	}

	#grow(): void {
		const bytes = new Uint8Array(Math.max(this.length, 2 * this.bytes.length));
		bytes.set(this.bytes);
		this.bytes = bytes;
		this.view = new DataView(bytes.buffer);
	}
}
