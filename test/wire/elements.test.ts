import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {ElementReader, elementIndexAt} from '../../src/wire/element-reader.ts';
import {type Element, ElementWriter, elementFlags} from '../../src/wire/elements.ts';
import {decodeMessages, messageFlags} from '../../src/wire/message.ts';
import {nfFamilies, nftables} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from './hex.ts';
import {anyBytes, refusesCleanly} from './values.ts';

const header = {type: nftables.element.new, flags: messageFlags.request | messageFlags.create, sequence: 1};

function encode(set: string, elements: readonly Element[]): Uint8Array {
	const writer = new Writer(1);
	const message = new ElementWriter(writer);
	message.open(header, nfFamilies.ipv4, 't', set);
	for (const element of elements) {
		message.add(element);
	}

	message.close();
	return writer.written();
}

function decode(datagram: Uint8Array): Element[] {
	const reader = new ElementReader();
	const elements: Element[] = [];
	for (const {payload} of decodeMessages(datagram)) {
		reader.open(payload);
		while (reader.next()) {
			elements.push(reader.element());
		}
	}

	return elements;
}

/** The bytes of one element in NFTA_SET_ELEM_LIST_ELEMENTS, its own header included. */
function alone(element: Element): string {
	const empty = hex(encode('s', [])).length;
	return hex(encode('s', [element])).slice(empty + 1);
}

const cases: readonly (readonly [string, Element, string])[] = [
	['an address', {key: Uint8Array.of(10, 96, 7, 1)}, '10000180 0c000180 08000100 0a600701'],
	[
		'a concatenated key and a concatenated value',
		{key: fromHex('ac1f0101 11000000 79270000 00000000'), value: fromHex('0a80000b 1f900000')},
		'2c000180 18000180 14000100 ac1f0101 11000000 79270000 00000000 10000280 0c000100 0a80000b 1f900000',
	],
	[
		'a verdict with a chain, and a comment',
		{key: fromHex('ac1f0101 11000000 79270000'), verdict: {code: -4, chain: 'split'}, comment: 'shop/game:ud'},
		`48000180 14000180 10000100 ac1f0101 11000000 79270000 1c000280 18000280 08000100 fffffffc 0a000200 73706c69 74000000
			13000600 000d7368 6f702f67 616d653a 75640000`,
	],
	[
		'a verdict without a chain',
		{key: fromHex('0a000002 00500000'), verdict: {code: 0}},
		'24000180 10000180 0c000100 0a000002 00500000 10000280 0c000280 08000100 00000000',
	],
	[
		'a range in a concatenation, and a comment',
		{
			key: fromHex('cb007107 06000000 01bb0000 ac1f0900'),
			keyEnd: fromHex('cb007107 06000000 01bb0000 ac1f09ff'),
			comment: 'x',
		},
		`3c000180 18000180 14000100 cb007107 06000000 01bb0000 ac1f0900 18000a80 14000100 cb007107 06000000 01bb0000 ac1f09ff
			08000600 00027800`,
	],
	[
		'the end of an interval',
		{key: fromHex('0b000000'), flags: elementFlags.intervalEnd},
		'18000180 08000300 00000001 0c000180 08000100 0b000000',
	],
	[
		'a timeout of 90 s',
		{key: fromHex('0a000001 00500000'), timeoutMs: 90_000, verdict: {code: -4, chain: 'c'}, comment: 'c'},
		`40000180 0c000400 00000000 00015f90 10000180 0c000100 0a000001 00500000 18000280 14000280 08000100 fffffffc
			06000200 63000000 08000600 00026300`,
	],
	[
		'the catch-all, which has no key',
		{key: new Uint8Array(), flags: elementFlags.catchAll},
		'0c000180 08000300 00000002',
	],
];

for (const [title, element, bytes] of cases) {
	test(`${title} has the bytes that nft 1.0.6 sends`, (t) => {
		t.is(alone(element), hex(fromHex(bytes)));
		t.deepEqual(decode(encode('s', [element])), [element]);
	});
}

test('a message of elements, whole, as nft 1.0.6 sends it', (t) => {
	t.is(
		hex(encode('m', [{key: fromHex('0a000002 00500000')}])),
		'3c000000 0c0a0104 01000000 00000000 02000000 06000100 74000000 06000200 6d000000 18000380 14000180 10000180 0c000100 0a000002 00500000',
	);
});

test('a dump of kernel 6.18 gives elements with what is left of their time', (t) => {
	const reader = new ElementReader();
	reader.open(
		fromHex(`0a000002 06000100 74000000 06000200 6d000000 74000300
		24000100 10000100 0c000100 0a000002 00500000 10000200 0c000200 08000100 00000000
		4c000100 10000100 0c000100 0a000001 00500000 18000200 14000200 08000100 fffffffc 06000200 63000000
		0c000400 00000000 00015f90 0c000500 00000000 00015f8c 08000600 00026300`),
	);
	t.deepEqual([reader.family, reader.table, reader.set], [nfFamilies.ipv6, 't', 'm']);
	t.true(reader.next());
	t.deepEqual(reader.element(), {key: fromHex('0a000002 00500000'), verdict: {code: 0}});
	t.true(reader.next());
	t.deepEqual(reader.element(), {
		key: fromHex('0a000001 00500000'),
		verdict: {code: -4, chain: 'c'},
		timeoutMs: 90_000,
		expirationMs: 89_996,
		comment: 'c',
	});
	t.false(reader.next());
	t.false(reader.next());
});

test('the fields of the reader point into the message', (t) => {
	const reader = new ElementReader();
	const [message] = decodeMessages(
		encode('s', [{key: fromHex('01020304'), keyEnd: fromHex('05060708'), value: fromHex('090a0b0c')}]),
	);
	reader.open(message?.payload ?? new Uint8Array());
	t.true(reader.next());
	const part = (at: number, length: number) => hex(reader.bytes.subarray(at, at + length));
	t.is(part(reader.keyAt, reader.keyLength), '01020304');
	t.is(part(reader.keyEndAt, reader.keyEndLength), '05060708');
	t.is(part(reader.valueAt, reader.valueLength), '090a0b0c');
	t.is(reader.chain(), '');
	t.is(reader.comment(), undefined);
});

test('an event without elements, and one that is opened after another, has no elements of the other', (t) => {
	const reader = new ElementReader();
	reader.open(fromHex('02000000 06000100 74000000 06000200 73000000 14000300 10000100 0c000100 08000100 0a600701'));
	reader.open(fromHex('02000000 06000100 75000000'));
	t.deepEqual([reader.table, reader.set, reader.next()], ['u', '', false]);
});

test('elements go on in the next message when one is full: none is lost, none is sent twice', (t) => {
	const writer = new Writer();
	const message = new ElementWriter(writer);
	const key = new Uint8Array(16);
	const sent: string[] = [];
	const counts: number[] = [];
	message.open(header, nfFamilies.ipv4, 't', 's');
	for (let index = 0; index < 5000; index++) {
		new DataView(key.buffer).setUint32(0, index);
		sent.push(hex(key));
		if (!message.add({key, value: key.subarray(0, 8)})) {
			counts.push(message.count);
			message.close();
			message.open(header, nfFamilies.ipv4, 't', 's');
			t.true(message.add({key, value: key.subarray(0, 8)}));
		}
	}

	message.close();
	const datagram = writer.written();
	t.deepEqual(counts, [1489, 1489, 1489]); // (65,535 - 4) / 44
	t.is(decodeMessages(datagram).length, 4);
	t.deepEqual(
		decode(datagram).map((element) => hex(element.key)),
		sent,
	);
});

test('an element that no message can hold is refused: a caller that opens the next one would never end', (t) => {
	const message = new ElementWriter(new Writer());
	message.open(header, nfFamilies.ipv4, 't', 's');
	t.throws(() => message.add({key: new Uint8Array(65_536)}), {code: 'WIRE_TOO_LONG'});
});

test('the offset in a refusal tells which element it is about', (t) => {
	// six keys 10.0.0.3 to 10.0.0.8, deleted from a set that held up to 10.0.0.4: kernel 6.18 answered ENOENT at byte 0x48
	const request = encode(
		's',
		Array.from({length: 6}, (_, index) => ({key: Uint8Array.of(10, 0, 0, 3 + index)})),
	);
	t.is(elementIndexAt(request, 0x48), 2);
	t.is(elementIndexAt(request, 0x28), 0);
	t.is(elementIndexAt(request, 0x4c), 2);
	t.is(elementIndexAt(request, request.length - 1), 5);
	t.is(elementIndexAt(request, request.length), undefined);
	t.is(elementIndexAt(request, 0x18), undefined);
});

test('an element that cannot be written leaves the message as it was', (t) => {
	const writer = new Writer();
	const message = new ElementWriter(writer);
	message.open(header, nfFamilies.ipv4, 't', 's');
	const key = fromHex('0a000001');
	t.throws(() => message.add({key, comment: 'x'.repeat(255)}), {code: 'WIRE_TOO_LONG'});
	message.add({key});
	message.close();
	t.deepEqual(decode(writer.written()), [{key}]);
});

test('bytes that end early are refused', (t) => {
	const open = (bytes: string) => () => {
		const reader = new ElementReader();
		reader.open(fromHex(bytes));
		return reader.next();
	};
	t.throws(open('0200'), {code: 'WIRE_TRUNCATED'});
	t.throws(open('02000000 14000300 10000100'), {code: 'WIRE_TRUNCATED'});
	t.throws(open('02000000 14000300 10000100 0c000100 0c000100 0a600701'), {code: 'WIRE_TRUNCATED'});
	t.throws(open('02000000 0c000300 08000100 04000100'), {code: 'WIRE_TRUNCATED'});
	t.throws(open('02000000 0a000300 06000100 0000'), {code: 'WIRE_TRUNCATED'});
	t.throws(open('02000000 14000300 10000100 0c000100 08000700 0a600701'), {code: 'WIRE_INVALID'});
});

const bytes = (length: number) => fc.uint8Array({minLength: length, maxLength: length});
const milliseconds = fc.nat({max: Number.MAX_SAFE_INTEGER});
const text = fc.string({unit: 'grapheme', maxLength: 20}).map((string) => string.replaceAll('\0', ''));
const anyElement = fc.record(
	{
		key: bytes(16),
		keyEnd: bytes(16),
		flags: fc.constantFrom(1, 2),
		timeoutMs: milliseconds,
		expirationMs: milliseconds,
		comment: text,
	},
	{requiredKeys: ['key'], noNullPrototype: true},
);
const anyData = fc.oneof(
	fc.constant({}),
	bytes(8).map((value) => ({value})),
	fc.integer().map((code) => ({verdict: {code}})),
	fc
		.tuple(
			fc.integer(),
			text.filter((chain) => chain !== ''),
		)
		.map(([code, chain]) => ({verdict: {code, chain}})),
);
const elements = fc.array(
	fc.tuple(anyElement, anyData).map(([element, data]) => ({...element, ...data})),
	{maxLength: 5},
);

testProp('elements decode to what was encoded', [elements], (t, values) => {
	t.deepEqual(decode(encode('set', values)), values);
});

/** Attributes in attributes, as deep as those of an element: list, element, part, data, verdict. */
function nest(depth: number, inner: Uint8Array): Uint8Array {
	return depth === 0 ? inner : nest(depth - 1, Uint8Array.from([inner.length + 4, 0, (depth % 2) + 1, 0, ...inner]));
}

const deep = fc.tuple(fc.nat({max: 4}), anyBytes, anyBytes).map(([depth, inner, more]) => {
	const list = Uint8Array.from([...nest(depth, inner.subarray(0, 40)), ...more.subarray(0, 40)]);
	return Uint8Array.from([2, 0, 0, 0, list.length + 4, 0, 3, 0, ...list]);
});

testProp('any bytes decode as elements or are refused', [fc.oneof(deep, anyBytes)], (t, payload) => {
	refusesCleanly(t, () => {
		const reader = new ElementReader();
		reader.open(payload);
		while (reader.next()) {
			reader.element();
		}
	});
});
