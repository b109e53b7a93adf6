import {NetError} from '../errors.ts';
import {align, littleEndian, NESTED, viewOf, type Writer} from './writer.ts';

/** How the payload of one attribute becomes a value and back. */
export type Kind<T> = {
	/** Appends the payload, without header and padding. */
	write(writer: Writer, value: T): void;
	/** The value of the payload between two offsets of `view`; a copy, never a view. */
	read(view: DataView, start: number, end: number): T;
	/** Bits that nla_type carries for this kind: NLA_F_NESTED or none. */
	readonly flags: number;
};

type Row = readonly [type: number, kind: Kind<unknown>];
type Rows = Readonly<Record<string, Row>>;

/** The attributes of one kind of object, made by {@link attributeTable}. */
export type AttributeTable<R extends Rows = Rows> = {
	readonly rows: R;
	/** In the order in which they are written. */
	readonly columns: readonly Column[];
	/** By nla_type, without holes. */
	readonly byType: readonly (Column | undefined)[];
};

type Column = {readonly name: string; readonly type: number; readonly kind: Kind<unknown>};

/** The object that a table describes: every attribute is optional on the wire. */
export type AttributesOf<T extends AttributeTable> = {
	readonly [K in keyof T['rows']]?: T['rows'][K][1] extends Kind<infer V> ? V : never;
};

/** Prepares `rows` (name → nla_type and kind, in the order in which they are written) for both directions. */
export function attributeTable<const R extends Rows>(rows: R): AttributeTable<R> {
	const columns = Object.entries(rows).map(([name, [type, kind]]) => ({name, type, kind}));
	const types = columns.map(({type}) => type);
	const byType = Array.from({length: Math.max(0, ...types) + 1}, (_, type) => columns[types.indexOf(type)]);
	return {rows, columns, byType};
}

/**
 * Appends the attributes of `value` in table order; absent ones take no bytes. What is appended has a length that
 * is a multiple of 4.
 *
 * @throws NetError WIRE_TOO_LONG when one payload passes 65,531 bytes; what was written until then stays
 * Source: include/uapi/linux/netlink.h, struct nlattr
 */
export function encodeAttributes<T extends AttributeTable>(writer: Writer, table: T, value: AttributesOf<T>): void {
	const values: Readonly<Record<string, unknown>> = value;
	for (const column of table.columns) {
		const field = values[column.name];
		if (field !== undefined) {
			const start = writer.beginAttribute(column.type | column.kind.flags);
			column.kind.write(writer, field);
			writer.endAttribute(start);
		}
	}
}

/**
 * The attributes in `bytes` from `start` on. Attributes that the table does not name are skipped, of two of the
 * same type the last counts, as in the kernel.
 *
 * @throws NetError WIRE_TRUNCATED when an attribute claims more bytes than there are, or fewer than its own 4
 * @throws NetError WIRE_INVALID when a payload has not the size that its kind asks
 */
export function decodeAttributes<T extends AttributeTable>(table: T, bytes: Uint8Array, start = 0): AttributesOf<T> {
	if (start > bytes.length) {
		throw new NetError('WIRE_TRUNCATED', `read attributes from byte ${start}`, {start, length: bytes.length});
	}

	return readAttributes(table, viewOf(bytes), start, bytes.length);
}

function readAttributes<T extends AttributeTable>(table: T, view: DataView, from: number, to: number): AttributesOf<T> {
	const result: Record<string, unknown> = {};
	for (let at = from; at < to; at = nextAttribute(view, at)) {
		const end = attributeEnd(view, at, to);
		const column = table.byType[attributeType(view, at)];
		if (column !== undefined) {
			result[column.name] = readColumn(column, view, at + 4, end);
		}
	}

	return result as AttributesOf<T>;
}

function readColumn({name, kind}: Column, view: DataView, start: number, end: number): unknown {
	try {
		return kind.read(view, start, end);
	} catch (error) {
		if (error instanceof NetError && error.details['attribute'] === undefined) {
			throw new NetError(error.code, `read attribute "${name}"`, {attribute: name, length: end - start}, error);
		}

		throw error;
	}
}

/** nla_type without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
export function attributeType(view: DataView, at: number): number {
	return view.getUint16(at + 2, littleEndian) & 0x3fff; // NLA_TYPE_MASK
}

/**
 * Where the payload of the attribute at `at` ends; it starts 4 bytes behind `at`.
 *
 * @param to the end of the list that holds it
 * @throws NetError WIRE_TRUNCATED when that is behind `to`, or before its own header ends
 */
export function attributeEnd(view: DataView, at: number, to: number): number {
	const length = at + 4 > to ? 0 : view.getUint16(at, littleEndian);
	if (length < 4 || at + length > to) {
		throw new NetError('WIRE_TRUNCATED', `read the attribute at byte ${at}`, {at, length, left: to - at});
	}

	return at + length;
}

/** Where the attribute behind the one at `at` starts. The last one may lack its padding. */
export function nextAttribute(view: DataView, at: number): number {
	return at + align(view.getUint16(at, littleEndian));
}

/** A list of attributes inside an attribute. */
export function nested<T extends AttributeTable>(table: T): Kind<AttributesOf<T>> & {readonly table: T} {
	return {
		table,
		flags: NESTED,
		write: (writer, value) => encodeAttributes(writer, table, value),
		read: (view, start, end) => readAttributes(table, view, start, end),
	};
}

/** Any number of attributes of one type, in order, inside an attribute. @param type NFTA_LIST_ELEM unless told */
export function list<T>(kind: Kind<T>, type = 1): Kind<readonly T[]> & {readonly item: Kind<T>} {
	return {
		item: kind,
		flags: NESTED,
		write(writer, values) {
			for (const value of values) {
				const start = writer.beginAttribute(type | kind.flags);
				kind.write(writer, value);
				writer.endAttribute(start);
			}
		},
		read(view, from, to) {
			const values: T[] = [];
			for (let at = from; at < to; at = nextAttribute(view, at)) {
				const end = attributeEnd(view, at, to);
				if (attributeType(view, at) === type) {
					values.push(kind.read(view, at + 4, end));
				}
			}

			return values;
		},
	};
}
