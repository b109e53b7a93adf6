import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {
	type AttributesOf,
	attributeTable,
	decodeAttributes,
	encodeAttributes,
	list,
	nested,
} from '../../src/wire/attribute.ts';
import {be16, be32, be64, beS32, bytes, flag, string, u8, u16, u32, u64} from '../../src/wire/kinds.ts';
import {Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from './hex.ts';
import {anyBytes, refusesCleanly, valuesOf} from './values.ts';

const inner = attributeTable({number: [1, be32], priority: [2, beS32]});
const table = attributeTable({
	name: [3, string],
	u8: [1, u8],
	u16: [2, u16],
	u32: [4, u32],
	u64: [5, u64],
	be16: [6, be16],
	be64: [7, be64],
	here: [8, flag],
	raw: [9, bytes],
	inner: [10, nested(inner)],
	list: [11, list(nested(inner))],
	names: [12, list(string, 7)],
});

function encode(value: AttributesOf<typeof table>): Uint8Array {
	const writer = new Writer(1);
	encodeAttributes(writer, table, value);
	return writer.written();
}

test('attributes are written in table order, padded to four bytes, nested ones marked', (t) => {
	const value = {u8: 7, name: 'in', inner: {number: 1, priority: -100}};
	const written = '07000300 696e0000 05000100 07000000 14000a80 08000100 00000001 08000200 ffffff9c';
	t.is(hex(encode(value)), written);
	t.deepEqual(decodeAttributes(table, fromHex(written)), value);
});

test('an attribute that the table does not name is skipped', (t) => {
	t.deepEqual(decodeAttributes(table, fromHex('08006300 00000001 05000100 07000000 04000002')), {u8: 7});
});

test('the nested bit is not needed to read a nested attribute: iproute2 leaves it out', (t) => {
	t.deepEqual(decodeAttributes(table, fromHex('0c000a00 08000100 00000001')), {inner: {number: 1}});
});

test('a string is read with and without its NUL, and as UTF-8', (t) => {
	t.deepEqual(decodeAttributes(table, fromHex('06000300 696e')), {name: 'in'});
	t.deepEqual(decodeAttributes(table, fromHex('09000300 696e00ff ff000000')), {name: 'in'});
	t.deepEqual(decodeAttributes(table, encode({name: 'größe'})), {name: 'größe'});
	t.throws(() => encode({name: 'a\0b'}), {code: 'WIRE_INVALID'});
});

test('one payload holds at most 65,531 bytes', (t) => {
	t.is(encode({raw: new Uint8Array(65_531)}).length, 65_536);
	const error = t.throws(() => encode({raw: new Uint8Array(65_532)}), {code: 'WIRE_TOO_LONG'});
	t.is(error.message, 'cannot write attribute 9 of 65532 bytes');
	t.throws(() => encode({list: Array.from({length: 4000}, () => ({number: 1, priority: 1}))}), {code: 'WIRE_TOO_LONG'});
});

test('a number that does not fit is refused, not cut off', (t) => {
	t.throws(() => encode({u8: 256}), {code: 'WIRE_INVALID', message: 'cannot write 256 in 1 bytes'});
	t.throws(() => encode({be16: -1}), {code: 'WIRE_INVALID'});
	t.throws(() => encode({u64: 2n ** 64n}), {code: 'WIRE_INVALID'});
	t.throws(() => encode({u32: Number.NaN}), {code: 'WIRE_INVALID'});
});

test('an attribute that is cut off is refused, with the path to it', (t) => {
	t.throws(() => decodeAttributes(table, fromHex('08000400 0000')), {code: 'WIRE_TRUNCATED'});
	t.throws(() => decodeAttributes(table, fromHex('0300')), {code: 'WIRE_TRUNCATED'});
	t.throws(() => decodeAttributes(table, fromHex('03000300')), {code: 'WIRE_TRUNCATED'});
	t.throws(() => decodeAttributes(table, new Uint8Array(4), 8), {code: 'WIRE_TRUNCATED'});
	const error = t.throws(() => decodeAttributes(table, fromHex('0a000a80 06000100 0001')), {code: 'WIRE_INVALID'});
	t.is(error.message, 'cannot read attribute "number"');
});

test('what is read stays as it is when the datagram is overwritten', (t) => {
	const datagram = fromHex('08000900 01020304');
	const {raw} = decodeAttributes(table, datagram);
	datagram.fill(0);
	t.deepEqual(raw, Uint8Array.of(1, 2, 3, 4));
});

test('a writer is used again: padding is zero whatever stood there before', (t) => {
	const writer = new Writer(64);
	writer.raw(new Uint8Array(64).fill(0xff));
	writer.reset();
	encodeAttributes(writer, table, {u8: 1, name: 'é'});
	t.is(hex(writer.written()), '07000300 c3a90000 05000100 01000000');
});

testProp('what is encoded decodes to the same value', [valuesOf(table)], (t, value) => {
	t.deepEqual(decodeAttributes(table, encode(value)), value);
});

testProp('any bytes decode or are refused', [anyBytes, fc.nat({max: 8})], (t, bytes, start) => {
	refusesCleanly(t, () => decodeAttributes(table, bytes, start));
});
