import {NetError} from '../errors.ts';
import {type AttributesOf, type AttributeTable, attributeTable, type Kind} from './attribute.ts';
import {string, u32} from './kinds.ts';
import {viewOf, Writer} from './writer.ts';

// User data is what nft stores beside an object to print it as it was typed; the kernel keeps it unread. It is a list
// of type (u8), length (u8) and value, without padding. Source: libnftnl, include/libnftnl/udata.h

/**
 * What nft prints behind `typeof`, as the expression's number in nft and the numbers that tell its kind from others:
 * for a payload its protocol and field, for meta its key. A concatenation lists its parts.
 */
export type Typeof =
	| {readonly expression: number; readonly fields: Readonly<Record<number, number>>}
	| {readonly expression: typeof concatenation; readonly parts: readonly Typeof[]};

/** EXPR_CONCAT. Source: nftables 1.0.6, include/expression.h, enum expr_types */
const concatenation = 13;

/** NFTNL_UDATA_SET_TYPEOF_EXPR and NFTNL_UDATA_SET_TYPEOF_DATA */
const typeOf: Kind<Typeof> = {
	flags: 0,
	write(writer, value) {
		writeEntry(writer, 0, () => writer.u32(value.expression));
		writeEntry(writer, 1, () => {
			if ('parts' in value) {
				for (const [index, part] of value.parts.entries()) {
					writeEntry(writer, index, () => typeOf.write(writer, part));
				}
			} else {
				for (const [type, number] of Object.entries(value.fields)) {
					writeEntry(writer, Number(type), () => writer.u32(number));
				}
			}
		});
	},
	read(view, start, end) {
		const [expression, data, ...more] = entriesOf(view, start, end);
		if (expression?.type !== 0 || data?.type !== 1 || more.length > 0) {
			throw new NetError('WIRE_INVALID', 'read a typeof: it is not an expression and its data', {length: end - start});
		}

		const number = u32.read(view, expression.start, expression.end);
		const entries = entriesOf(view, data.start, data.end);
		if (number === concatenation) {
			return {expression: number, parts: entries.map((entry) => typeOf.read(view, entry.start, entry.end))};
		}

		const fields = entries.map((entry) => [entry.type, u32.read(view, entry.start, entry.end)]);
		return {expression: number, fields: Object.fromEntries(fields)};
	},
};

/** NFTNL_UDATA_TABLE_*, NFTNL_UDATA_CHAIN_* and NFTNL_UDATA_RULE_*: of each only the comment is used */
export const commentUserdata = attributeTable({comment: [0, string]});

/** NFTNL_UDATA_SET_*, in the order in which nft writes them. Byte orders: 1 host, 2 big endian, 0 neither */
export const setUserdata = attributeTable({
	keyByteOrder: [0, u32],
	dataByteOrder: [1, u32],
	mergeElements: [2, u32],
	keyTypeof: [3, typeOf],
	dataTypeof: [4, typeOf],
	dataInterval: [6, u32],
	comment: [7, string],
});

/**
 * The user data bytes of `value`, in table order.
 *
 * @throws NetError WIRE_TOO_LONG when one entry passes 255 bytes: its length is one byte
 */
export function encodeUserdata<T extends AttributeTable>(table: T, value: AttributesOf<T>): Uint8Array<ArrayBuffer> {
	const writer = new Writer(256); // NFT_USERDATA_MAXLEN
	const values: Readonly<Record<string, unknown>> = value;
	for (const {name, type, kind} of table.columns) {
		const field = values[name];
		if (field !== undefined) {
			writeEntry(writer, type, () => kind.write(writer, field));
		}
	}

	return writer.written();
}

/**
 * What user data bytes say. Entries that the table does not name are skipped.
 *
 * @throws NetError WIRE_TRUNCATED when an entry claims more bytes than there are
 * @throws NetError WIRE_INVALID when an entry has not the form that nft gives it
 */
export function decodeUserdata<T extends AttributeTable>(table: T, bytes: Uint8Array): AttributesOf<T> {
	const view = viewOf(bytes);
	const result: Record<string, unknown> = {};
	for (const {type, start, end} of entriesOf(view, 0, bytes.length)) {
		const column = table.byType[type];
		if (column !== undefined) {
			result[column.name] = column.kind.read(view, start, end);
		}
	}

	return result as AttributesOf<T>;
}

/** Appends the user data of an element that carries a comment. NFTNL_UDATA_SET_ELEM_COMMENT, type 0 */
export function writeComment(writer: Writer, comment: string): void {
	const start = writer.reserve(2);
	string.write(writer, comment);
	closeEntry(writer, start, 0);
}

/** The comment in an element's user data, if it has one. */
export function readComment(view: DataView, from: number, to: number): string | undefined {
	for (let at = from; at < to; ) {
		const end = entryEnd(view, at, to);
		if (view.getUint8(at) === 0) {
			return string.read(view, at + 2, end);
		}

		at = end;
	}

	return undefined;
}

function writeEntry(writer: Writer, type: number, write: () => void): void {
	const start = writer.reserve(2);
	write();
	closeEntry(writer, start, type);
}

function closeEntry(writer: Writer, start: number, type: number): void {
	const length = writer.length - start - 2;
	if (length > 0xff) {
		throw new NetError('WIRE_TOO_LONG', `write ${length} bytes of user data: one entry holds 255`, {type, length});
	}

	writer.bytes[start] = type;
	writer.bytes[start + 1] = length;
}

type Entry = {readonly type: number; readonly start: number; readonly end: number};

function entriesOf(view: DataView, from: number, to: number): Entry[] {
	const entries: Entry[] = [];
	for (let at = from; at < to; ) {
		const end = entryEnd(view, at, to);
		entries.push({type: view.getUint8(at), start: at + 2, end});
		at = end;
	}

	return entries;
}

function entryEnd(view: DataView, at: number, to: number): number {
	const end = at + 2 <= to ? at + 2 + view.getUint8(at + 1) : to + 1;
	if (end > to) {
		throw new NetError('WIRE_TRUNCATED', `read the user data at byte ${at}`, {at, left: to - at});
	}

	return end;
}
