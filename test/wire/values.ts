import {fc} from '@fast-check/ava';
import type {ExecutionContext} from 'ava';
import {NetError} from '../../src/errors.ts';
import type {AttributesOf, AttributeTable, Kind} from '../../src/wire/attribute.ts';
import type {Draft, Layout} from '../../src/wire/body.ts';
import {dataValue, type Expression, expression, expressions} from '../../src/wire/expressions.ts';
import * as kinds from '../../src/wire/kinds.ts';

const unsigned = (bits: number) => fc.nat({max: 2 ** bits - 1});
const u64 = fc.bigInt({min: 0n, max: 2n ** 64n - 1n});

/** Which values fit each kind; nested tables and lists are walked. */
const leaves = new Map<Kind<unknown>, fc.Arbitrary<unknown>>([
	[kinds.u8, unsigned(8)],
	[kinds.u16, unsigned(16)],
	[kinds.u32, unsigned(32)],
	[kinds.u64, u64],
	[kinds.be16, unsigned(16)],
	[kinds.be32, unsigned(32)],
	[kinds.beS32, fc.integer()],
	[kinds.be64, u64],
	[kinds.flag, fc.constant(true)],
	[kinds.bytes, fc.uint8Array({maxLength: 40})],
	[kinds.string, fc.string({unit: 'grapheme', maxLength: 20}).map((text) => text.replaceAll('\0', ''))],
	[dataValue, fc.uint8Array({maxLength: 16})],
]);

/** Any object that `table` can carry, generated from its rows. */
export function valuesOf<T extends AttributeTable>(table: T): fc.Arbitrary<AttributesOf<T>> {
	const rows = table.columns.map(({name, kind}) => [name, valuesOfKind(kind)]);
	return fc.record(Object.fromEntries(rows), {requiredKeys: [], noNullPrototype: true}) as fc.Arbitrary<
		AttributesOf<T>
	>;
}

/** Any whole body of `layout`. */
export function bodiesOf<L extends Layout>(layout: L): fc.Arbitrary<Draft<L>> {
	const struct = fc.record(Object.fromEntries(layout.fields.map(([field, {size}]) => [field, unsigned(8 * size)])));
	return fc
		.tuple(struct, valuesOf(layout.attributes))
		.map(([fields, attributes]) => ({...attributes, ...fields}) as Draft<L>);
}

function valuesOfKind(
	kind: Kind<unknown> & {readonly table?: AttributeTable; readonly item?: Kind<unknown>; readonly layout?: Layout},
): fc.Arbitrary<unknown> {
	if (kind.layout !== undefined) {
		return bodiesOf(kind.layout);
	}

	if (kind.table !== undefined) {
		return valuesOf(kind.table);
	}

	if (kind.item !== undefined) {
		return fc.array(valuesOfKind(kind.item), {maxLength: 3});
	}

	const leaf = leaves.get(kind);
	if (leaf === undefined) {
		throw new Error('a kind without generator: add it to the leaves');
	}

	return leaf;
}

/** Any step of a rule's program. */
export const anyExpression: fc.Arbitrary<Expression> = fc.oneof(
	...Object.entries(expressions).map(
		([kind, table]) => valuesOf(table).map((attributes) => ({kind, ...attributes})) as fc.Arbitrary<Expression>,
	),
	fc.uint8Array({maxLength: 20}).map((data) => ({kind: 'unknown', name: 'log', data}) as const),
);
leaves.set(expression, anyExpression);

/** Bytes of any content, and bytes that look enough like attributes to get past the first header. */
export const anyBytes = fc.oneof(
	fc.uint8Array({maxLength: 64}),
	fc
		.array(fc.tuple(fc.nat({max: 24}), fc.nat({max: 20}), fc.uint8Array({maxLength: 20})), {maxLength: 5})
		.map((parts) => Uint8Array.from(parts.flatMap(([length, type, rest]) => [length, 0, type, 0, ...rest]))),
);

/** Passes when `decode` returns, or refuses with an error of ours. */
export function refusesCleanly(t: ExecutionContext, decode: () => unknown): void {
	try {
		decode();
		t.pass();
	} catch (error) {
		t.true(error instanceof NetError, String(error));
	}
}
