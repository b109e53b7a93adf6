import {NetError} from '../errors.ts';
import type {Kind} from './attribute.ts';
import {littleEndian, type Writer} from './writer.ts';

/** A number of a fixed size: good for the fields of a struct too. */
export type NumberKind<T> = Kind<T> & {readonly size: number};

type Put<T> = (view: DataView, at: number, value: T) => void;
type Get<T> = (view: DataView, at: number) => T;

/** A number of exactly `size` bytes, between `min` and `max`: one that does not fit is never cut off in silence. */
function number<T extends number | bigint>(size: number, min: T, max: T, put: Put<T>, get: Get<T>): NumberKind<T> {
	return {
		size,
		flags: 0,
		write(writer, value) {
			if (!(value >= min && value <= max)) {
				throw new NetError('WIRE_INVALID', `write ${value} in ${size} bytes`, {value, min, max});
			}

			const at = writer.reserve(size);
			put(writer.view, at, value);
		},
		read(view, start, end) {
			if (end - start !== size) {
				throw new NetError('WIRE_INVALID', `read a number of ${size} bytes from ${end - start}`, {
					size,
					found: end - start,
				});
			}

			return get(view, start);
		},
	};
}

const maxU64 = 2n ** 64n - 1n;

export const u8 = number(
	1,
	0,
	0xff,
	(view, at, value: number) => view.setUint8(at, value),
	(view, at) => view.getUint8(at),
);

/** Host order. */
export const u16 = number(
	2,
	0,
	0xffff,
	(view, at, value: number) => view.setUint16(at, value, littleEndian),
	(view, at) => view.getUint16(at, littleEndian),
);

/** Host order. */
export const u32 = number(
	4,
	0,
	0xffffffff,
	(view, at, value: number) => view.setUint32(at, value, littleEndian),
	(view, at) => view.getUint32(at, littleEndian),
);

/** Host order. */
export const u64 = number(
	8,
	0n,
	maxU64,
	(view, at, value: bigint) => view.setBigUint64(at, value, littleEndian),
	(view, at) => view.getBigUint64(at, littleEndian),
);

/** Network order. */
export const be16 = number(
	2,
	0,
	0xffff,
	(view, at, value: number) => view.setUint16(at, value),
	(view, at) => view.getUint16(at),
);

/** Network order. */
export const be32 = number(
	4,
	0,
	0xffffffff,
	(view, at, value: number) => view.setUint32(at, value),
	(view, at) => view.getUint32(at),
);

/** Network order, signed: hook priorities and verdicts are negative. */
export const beS32 = number(
	4,
	-(2 ** 31),
	2 ** 31 - 1,
	(view, at, value: number) => view.setInt32(at, value),
	(view, at) => view.getInt32(at),
);

/** Network order. */
export const be64 = number(
	8,
	0n,
	maxU64,
	(view, at, value: bigint) => view.setBigUint64(at, value),
	(view, at) => view.getBigUint64(at),
);

/** Bytes that another layer understands. */
export const bytes: Kind<Uint8Array> = {
	flags: 0,
	write: (writer, value) => writer.raw(value),
	read: (view, start, end) => new Uint8Array(view.buffer, view.byteOffset + start, end - start).slice(),
};

/** An attribute that says all by being there. */
export const flag: Kind<true> = {flags: 0, write: () => undefined, read: () => true};

const utf8 = new TextDecoder();

/** UTF-8 with a NUL at its end, as nft and iproute2 send names; read with and without it, up to the first NUL. */
export const string: Kind<string> = {
	flags: 0,
	write: writeString,
	read(view, start, end) {
		let text = '';
		for (let at = start; at < end; at++) {
			const code = view.getUint8(at);
			if (code === 0) {
				break;
			}

			if (code > 0x7f) {
				return decodeUtf8(view, start, end);
			}

			text += String.fromCharCode(code);
		}

		return text;
	},
};

function writeString(writer: Writer, value: string): void {
	if (value.includes('\0')) {
		throw new NetError('WIRE_INVALID', `write ${JSON.stringify(value)}: a NUL ends a string early`, {value});
	}

	writer.text(value);
	writer.u8(0);
}

function decodeUtf8(view: DataView, start: number, end: number): string {
	const all = new Uint8Array(view.buffer, view.byteOffset + start, end - start);
	const mark = all.indexOf(0);
	return utf8.decode(mark < 0 ? all : all.subarray(0, mark));
}
