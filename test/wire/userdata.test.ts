import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {commentUserdata, decodeUserdata, encodeUserdata, setUserdata, type Typeof} from '../../src/wire/userdata.ts';
import {fromHex, hex} from './hex.ts';
import {anyBytes, refusesCleanly} from './values.ts';

const daddr: Typeof = {expression: 7, fields: {0: 12, 1: 12}};
const l4proto: Typeof = {expression: 9, fields: {0: 16}};
const dport: Typeof = {expression: 7, fields: {0: 11, 1: 2}};
const slot: Typeof = {expression: 23, fields: {0: 1, 1: 65_536, 2: 0}};

test('`typeof ip daddr . meta l4proto . th dport . numgen random mod 65536 : ip daddr . th dport`, as nft 1.0.6 stores it', (t) => {
	const map = {
		keyByteOrder: 0,
		dataByteOrder: 0,
		keyTypeof: {expression: 13, parts: [daddr, l4proto, dport, slot]},
		dataTypeof: {expression: 13, parts: [daddr, dport]},
		dataInterval: 0,
	} as const;
	const bytes = `00040000 00000104 00000000 03600004 0d000000 01580014 00040700 0000010c 00040c00 00000104 0c000000
		010e0004 09000000 01060004 10000000 02140004 07000000 010c0004 0b000000 01040200 0000031a 00041700 00000112
		00040100 00000104 00000100 02040000 00000434 00040d00 0000012c 00140004 07000000 010c0004 0c000000 01040c00
		00000114 00040700 0000010c 00040b00 00000104 02000000 06040000 0000`;
	t.is(hex(encodeUserdata(setUserdata, map)), hex(fromHex(bytes)));
	t.deepEqual(decodeUserdata(setUserdata, fromHex(bytes)), map);
});

test('the comment of a rule, as nft 1.0.6 stores it', (t) => {
	const bytes = '000d7275 6c652063 6f6d6d65 6e7400';
	t.is(hex(encodeUserdata(commentUserdata, {comment: 'rule comment'})), bytes);
	t.deepEqual(decodeUserdata(commentUserdata, fromHex(bytes)), {comment: 'rule comment'});
});

test('an entry that we do not know is skipped', (t) => {
	t.deepEqual(decodeUserdata(commentUserdata, fromHex('0904 00000000 0002 7800')), {comment: 'x'});
});

test('an entry holds at most 255 bytes', (t) => {
	t.is(encodeUserdata(commentUserdata, {comment: 'x'.repeat(254)}).length, 257);
	t.throws(() => encodeUserdata(commentUserdata, {comment: 'x'.repeat(255)}), {code: 'WIRE_TOO_LONG'});
});

test('what is cut off, or no typeof, is refused', (t) => {
	t.throws(() => decodeUserdata(commentUserdata, fromHex('0003 7800')), {code: 'WIRE_TRUNCATED'});
	t.throws(() => decodeUserdata(commentUserdata, fromHex('00')), {code: 'WIRE_TRUNCATED'});
	t.throws(() => decodeUserdata(setUserdata, fromHex('0306 000407000000')), {code: 'WIRE_INVALID'});
});

const typeofs = fc.letrec<{readonly leaf: Typeof; readonly any: Typeof}>((tie) => ({
	leaf: fc.record(
		{
			expression: fc.nat({max: 12}),
			fields: fc.dictionary(fc.nat({max: 255}).map(String), fc.nat(), {maxKeys: 4, noNullPrototype: true}),
		},
		{noNullPrototype: true},
	),
	any: fc.oneof(
		{maxDepth: 2, withCrossShrink: true},
		tie('leaf'),
		fc.record(
			{expression: fc.constant(13 as const), parts: fc.array(tie('leaf'), {maxLength: 4})},
			{noNullPrototype: true},
		),
	),
})).any;

testProp('a typeof decodes to what was encoded', [typeofs], (t, keyTypeof) => {
	t.deepEqual(decodeUserdata(setUserdata, encodeUserdata(setUserdata, {keyTypeof})), {keyTypeof});
});

const entries = fc
	.array(fc.tuple(fc.nat({max: 8}), fc.nat({max: 20}), fc.uint8Array({maxLength: 16})), {maxLength: 4})
	.map((parts) => Uint8Array.from(parts.flatMap(([type, length, rest]) => [type, length, ...rest])));

testProp('any user data decodes or is refused', [fc.oneof(entries, anyBytes)], (t, bytes) => {
	refusesCleanly(t, () => decodeUserdata(setUserdata, bytes));
});
