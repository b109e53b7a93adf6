import {NetError} from '../errors.ts';
import {type AttributesOf, type AttributeTable, decodeAttributes, encodeAttributes, type Kind} from './attribute.ts';
import type {NumberKind} from './kinds.ts';
import {beginMessage, endMessage} from './message.ts';
import {align, viewOf, type Writer} from './writer.ts';

type Fields = Readonly<Record<string, NumberKind<number>>>;

/** What stands behind the netlink header of one kind of message: a C struct, then attributes. Made by {@link layout}. */
export type Layout<F extends Fields = Fields, T extends AttributeTable = AttributeTable> = {
	readonly fields: readonly (readonly [name: string, kind: NumberKind<number>])[];
	/** Bytes of the struct, padded to 4. */
	readonly size: number;
	readonly attributes: T;
	/** Holds the types only. */
	readonly struct: F;
};

/** One message as one object: the fields of its struct and its attributes. */
export type BodyOf<L extends Layout> = {readonly [K in keyof L['struct']]: number} & AttributesOf<L['attributes']>;

/** A body to be sent: a field of the struct that is left out is 0. */
export type Draft<L extends Layout> = Partial<BodyOf<L>>;

export type RequestHeader = {readonly type: number; readonly flags: number; readonly sequence: number};

/** @param struct its fields in order, padding named too: nothing is aligned by itself */
export function layout<const F extends Fields, T extends AttributeTable>(struct: F, attributes: T): Layout<F, T> {
	const fields = Object.entries(struct);
	const size = fields.reduce((sum, [, kind]) => sum + kind.size, 0);
	return {fields, size: align(size), attributes, struct};
}

/**
 * Appends one whole message.
 *
 * @throws NetError WIRE_TOO_LONG when an attribute passes 65,531 bytes, WIRE_INVALID when a number does not fit;
 *   the writer is then as it was
 */
export function encodeMessage<L extends Layout>(writer: Writer, header: RequestHeader, to: L, body: Draft<L>): void {
	const start = beginMessage(writer, header.type, header.flags, header.sequence);
	try {
		encodeBody(writer, to, body);
	} catch (error) {
		writer.length = start;
		throw error;
	}

	endMessage(writer, start);
}

/** Appends the body alone, for messages whose last attribute stays open. */
export function encodeBody<L extends Layout>(writer: Writer, to: L, body: Draft<L>): void {
	const values: Readonly<Record<string, unknown>> = body;
	for (const [name, kind] of to.fields) {
		kind.write(writer, (values[name] as number | undefined) ?? 0);
	}

	writer.pad();
	encodeAttributes<AttributeTable>(writer, to.attributes, values);
}

/**
 * The body of a message.
 *
 * @param payload as decodeMessages gives it
 * @throws NetError WIRE_TRUNCATED or WIRE_INVALID, as decodeAttributes does
 */
export function decodeBody<L extends Layout>(from: L, payload: Uint8Array): BodyOf<L> {
	if (payload.length < from.size) {
		throw new NetError('WIRE_TRUNCATED', 'read a message body', {size: from.size, length: payload.length});
	}

	const view = viewOf(payload);
	const result: Record<string, unknown> = decodeAttributes(from.attributes, payload, from.size);
	let at = 0;
	for (const [name, kind] of from.fields) {
		result[name] = kind.read(view, at, at + kind.size);
		at += kind.size;
	}

	return result as BodyOf<L>;
}

/** A C struct and what attributes follow it, inside an attribute. */
export function body<L extends Layout>(of: L): Kind<Draft<L>> & {readonly layout: L} {
	return {
		layout: of,
		flags: 0,
		write: (writer, value) => encodeBody(writer, of, value),
		read: (view, start, end) => decodeBody(of, new Uint8Array(view.buffer, view.byteOffset + start, end - start)),
	};
}
