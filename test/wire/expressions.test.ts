import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {type Expression, expression, expressions} from '../../src/wire/expressions.ts';
import {viewOf, Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from './hex.ts';
import {anyBytes, anyExpression, refusesCleanly} from './values.ts';

function encode(value: Expression): Uint8Array {
	const writer = new Writer();
	expression.write(writer, value);
	return writer.written();
}

const decode = (bytes: Uint8Array) => expression.read(viewOf(bytes), 0, bytes.length);

/** What is said to nft 1.0.6, the expression it makes of it, and its bytes in NFTA_RULE_EXPRESSIONS. */
const cases: readonly (readonly [string, Expression, string])[] = [
	[
		'ip saddr',
		{kind: 'payload', dreg: 1, base: 1, offset: 12, len: 4},
		'0c000100 7061796c 6f616400 24000280 08000100 00000001 08000200 00000001 08000300 0000000c 08000400 00000004',
	],
	[
		'meta l4proto',
		{kind: 'meta', key: 16, dreg: 1},
		'09000100 6d657461 00000000 14000280 08000200 00000010 08000100 00000001',
	],
	[
		'meta priority set',
		{kind: 'meta', key: 2, sreg: 1},
		'09000100 6d657461 00000000 14000280 08000200 00000002 08000300 00000001',
	],
	[
		'ct status dnat, compared with 0',
		{kind: 'cmp', sreg: 1, op: 1, data: Uint8Array.of(0, 0, 0, 0)},
		'08000100 636d7000 20000280 08000100 00000001 08000200 00000001 0c000380 08000100 00000000',
	],
	[
		'ct status dnat, masked',
		{kind: 'bitwise', sreg: 1, dreg: 1, len: 4, mask: Uint8Array.of(32, 0, 0, 0), xor: Uint8Array.of(0, 0, 0, 0)},
		`0c000100 62697477 69736500 34000280 08000100 00000001 08000200 00000001 08000300 00000004
			0c000480 08000100 20000000 0c000580 08000100 00000000`,
	],
	[
		'meta l4proto in a set with intervals',
		{kind: 'byteorder', sreg: 9, dreg: 9, op: 1, len: 1, size: 2},
		`0e000100 62797465 6f726465 72000000 2c000280 08000100 00000009 08000200 00000009 08000300 00000001
			08000400 00000001 08000500 00000002`,
	],
	[
		'goto incoming',
		{kind: 'immediate', dreg: 0, data: {verdict: {code: -4, chain: 'incoming'}}},
		`0e000100 696d6d65 64696174 65000000 2c000280 08000100 00000000 20000280 1c000280 08000100 fffffffc
			0d000200 696e636f 6d696e67 00000000`,
	],
	[
		'drop',
		{kind: 'immediate', dreg: 0, data: {verdict: {code: 0}}},
		'0e000100 696d6d65 64696174 65000000 1c000280 08000100 00000000 10000280 0c000280 08000100 00000000',
	],
	[
		'ct mark set 5',
		{kind: 'immediate', dreg: 1, data: {value: Uint8Array.of(5, 0, 0, 0)}},
		'0e000100 696d6d65 64696174 65000000 18000280 08000100 00000001 0c000280 08000100 05000000',
	],
	[
		'ip saddr @local-pods',
		{kind: 'lookup', sreg: 1, set: 'local-pods', setId: 3},
		'0b000100 6c6f6f6b 75700000 24000280 08000200 00000001 0f000100 6c6f6361 6c2d706f 64730000 08000400 00000003',
	],
	[
		'ip saddr != @local-pods',
		{kind: 'lookup', sreg: 1, set: 'local-pods', setId: 3, flags: 1},
		`0b000100 6c6f6f6b 75700000 2c000280 08000200 00000001 0f000100 6c6f6361 6c2d706f 64730000
			08000400 00000003 08000500 00000001`,
	],
	[
		'vmap @services',
		{kind: 'lookup', sreg: 1, dreg: 0, set: 'services', setId: 6},
		`0b000100 6c6f6f6b 75700000 2c000280 08000200 00000001 08000300 00000000 0d000100 73657276 69636573 00000000
			08000400 00000006`,
	],
	[
		'update @affinity { … timeout 10m : meta priority }',
		{kind: 'dynset', sregKey: 1, sregData: 2, op: 1, timeout: 600_000n, set: 'affinity', setId: 13},
		`0b000100 64796e73 65740000 40000280 08000400 00000001 08000500 00000002 08000300 00000001
			0c000600 00000000 000927c0 0d000100 61666669 6e697479 00000000 08000200 0000000d`,
	],
	[
		'numgen random mod 2',
		{kind: 'numgen', dreg: 11, modulus: 2, type: 1, offset: 0},
		'0b000100 6e756d67 656e0000 24000280 08000100 0000000b 08000200 00000002 08000300 00000001 08000400 00000000',
	],
	[
		'jhash ip6 saddr mod 4294967295 seed 0x1',
		{kind: 'hash', sreg: 2, dreg: 1, len: 16, modulus: 0xffffffff, seed: 1, offset: 0, type: 0},
		`09000100 68617368 00000000 3c000280 08000100 00000002 08000200 00000001 08000300 00000010
			08000400 ffffffff 08000500 00000001 08000600 00000000 08000700 00000000`,
	],
	[
		'dnat ip to an address and port from a map',
		{kind: 'nat', type: 1, family: 2, regAddrMin: 1, regProtoMin: 9},
		'08000100 6e617400 24000280 08000100 00000001 08000200 00000002 08000300 00000001 08000500 00000009',
	],
	[
		'dnat to fd00::1-fd00::9 random,persistent',
		{kind: 'nat', type: 1, family: 10, regAddrMin: 1, regAddrMax: 2, flags: 12},
		'08000100 6e617400 2c000280 08000100 00000001 08000200 0000000a 08000300 00000001 08000400 00000002 08000700 0000000c',
	],
	['masquerade fully-random', {kind: 'masq', flags: 16}, '09000100 6d617371 00000000 0c000280 08000100 00000010'],
	[
		'masquerade to :1024-2048',
		{kind: 'masq', flags: 2, regProtoMin: 1, regProtoMax: 2},
		'09000100 6d617371 00000000 1c000280 08000100 00000002 08000200 00000001 08000300 00000002',
	],
	['redirect', {kind: 'redir'}, '0a000100 72656469 72000000 04000280'],
	[
		'redirect to :8080',
		{kind: 'redir', regProtoMin: 1, flags: 2},
		'0a000100 72656469 72000000 14000280 08000100 00000001 08000300 00000002',
	],
	[
		'reject with tcp reset',
		{kind: 'reject', type: 1, code: 0},
		'0b000100 72656a65 63740000 14000280 08000100 00000001 05000200 00000000',
	],
	[
		'fib saddr type',
		{kind: 'fib', flags: 1, result: 3, dreg: 1},
		'08000100 66696200 1c000280 08000300 00000001 08000200 00000003 08000100 00000001',
	],
	['ct status', {kind: 'ct', key: 2, dreg: 1}, '07000100 63740000 14000280 08000200 00000002 08000100 00000001'],
	[
		'ct original ip daddr',
		{kind: 'ct', key: 20, dreg: 1, direction: 0},
		'07000100 63740000 1c000280 08000200 00000014 08000100 00000001 05000300 00000000',
	],
	[
		'counter packets 5 bytes 7',
		{kind: 'counter', bytes: 7n, packets: 5n},
		'0c000100 636f756e 74657200 1c000280 0c000100 00000000 00000007 0c000200 00000000 00000005',
	],
	[
		'log prefix "x", which we never write',
		{kind: 'unknown', name: 'log', data: Uint8Array.of(6, 0, 2, 0, 0x78, 0, 0, 0)},
		'08000100 6c6f6700 0c000280 06000200 78000000',
	],
];

for (const [said, value, bytes] of cases) {
	test(`\`${said}\` has the bytes that nft 1.0.6 sends`, (t) => {
		t.is(hex(encode(value)), hex(fromHex(bytes)));
		t.deepEqual(decode(fromHex(bytes)), value);
	});
}

test('every expression that has a table has bytes from nft', (t) => {
	const seen = new Set<string>(cases.map(([, value]) => value.kind));
	t.deepEqual(
		Object.keys(expressions).filter((name) => !seen.has(name)),
		[],
	);
});

test('an expression without data is read as one without attributes', (t) => {
	t.deepEqual(decode(fromHex('0a000100 72656469 72000000')), {kind: 'redir'});
	t.deepEqual(decode(fromHex('0c000100 6e6f7472 61636b00')), {kind: 'unknown', name: 'notrack'});
});

test('an expression without a name, or a comparison without a value, is refused', (t) => {
	t.throws(() => decode(fromHex('04000280')), {code: 'WIRE_INVALID'});
	t.throws(() => decode(fromHex('08000100 636d7000 08000280 04000380')), {code: 'WIRE_INVALID'});
});

testProp('an expression decodes to what was encoded', [anyExpression], (t, value) => {
	t.deepEqual(decode(encode(value)), value);
});

const named = fc
	.tuple(fc.constantFrom(...Object.keys(expressions)), anyBytes)
	.map(([name, data]) => encode({kind: 'unknown', name, data}));

testProp(
	'any bytes behind the name of an expression decode or are refused',
	[fc.oneof(named, anyBytes)],
	(t, bytes) => {
		refusesCleanly(t, () => decode(bytes));
	},
);
