import {fc, testProp} from '@fast-check/ava';
import test, {type ExecutionContext} from 'ava';
import {type Draft, decodeBody, encodeMessage, type Layout} from '../../src/wire/body.ts';
import {decodeMessages, messageFlags} from '../../src/wire/message.ts';
import {
	encodeBatchBegin,
	encodeBatchEnd,
	hooks,
	nfFamilies,
	nftables,
	setFlags,
	tableFlags,
	verdictDataType,
} from '../../src/wire/nftables.ts';
import {encodeUserdata, setUserdata} from '../../src/wire/userdata.ts';
import {Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from './hex.ts';
import {anyBytes, refusesCleanly, valuesOf} from './values.ts';

const create = messageFlags.request | messageFlags.create;

/** The message without its netlink header. */
function body<L extends Layout>(layout: L, value: Draft<L>): string {
	const writer = new Writer();
	encodeMessage(writer, {type: 0, flags: 0, sequence: 0}, layout, value);
	return hex(writer.written()).slice(36);
}

/** `value` is sent as `bytes`, and `bytes` are read as `value`. */
function isSent<L extends Layout>(t: ExecutionContext, layout: L, value: Draft<L>, bytes: string): void {
	t.is(body(layout, value), hex(fromHex(bytes)));
	t.like(decodeBody(layout, fromHex(bytes)), value);
}

test('a batch that makes a table, whole, as nft 1.0.6 sends it', (t) => {
	const writer = new Writer();
	encodeBatchBegin(writer, 0);
	const header = {type: nftables.table.new, flags: messageFlags.request, sequence: 1};
	encodeMessage(writer, header, nftables.table.layout, {family: nfFamilies.ipv4, name: 'kub', flags: 0});
	encodeBatchEnd(writer, 3);
	t.is(
		hex(writer.written()),
		[
			'14000000 10000100 00000000 00000000 0000000a',
			'24000000 000a0100 01000000 00000000 02000000 08000100 6b756200 08000200 00000000',
			'14000000 11000100 03000000 00000000 0000000a',
		].join(' '),
	);
});

test('a batch can insist on the generation that it was made for', (t) => {
	const writer = new Writer();
	encodeBatchBegin(writer, 1, 7);
	t.is(hex(writer.written()), '1c000000 10000100 01000000 00000000 0000000a 08000100 00000007');
});

test('a chain is made with NLM_F_CREATE', (t) => {
	const writer = new Writer();
	const header = {type: nftables.chain.new, flags: create, sequence: 3};
	encodeMessage(writer, header, nftables.chain.layout, {family: nfFamilies.ipv6, table: 't', name: 'd'});
	t.is(hex(writer.written()), '24000000 030a0104 03000000 00000000 0a000000 06000100 74000000 06000300 64000000');
});

test('an owned table', (t) => {
	const table = {family: nfFamilies.ipv4, name: 'x', flags: tableFlags.owner};
	isSent(t, nftables.table.layout, table, '02000000 06000100 78000000 08000200 00000002');
});

test('a table with a comment', (t) => {
	const userdata = Uint8Array.from([0, 6, ...Buffer.from('hello\0')]);
	const table = {family: nfFamilies.ipv6, name: 't', flags: 0, userdata};
	isSent(t, nftables.table.layout, table, '0a000000 06000100 74000000 08000200 00000000 0c000600 00066865 6c6c6f00');
});

test('a base chain', (t) => {
	const hook = {hooknum: hooks.prerouting, priority: -100};
	const chain = {family: nfFamilies.ipv6, table: 't', name: 'p', type: 'nat', policy: 1, hook};
	const bytes = `0a000000 06000100 74000000 06000300 70000000 08000700 6e617400 08000500 00000001
		14000480 08000100 00000000 08000200 ffffff9c`;
	isSent(t, nftables.chain.layout, chain, bytes);
});

test('a base chain as the kernel dumps it has a handle, a use count and NFT_CHAIN_BASE', (t) => {
	const bytes = fromHex(`0a000002 06000100 74000000 06000300 71000000 0c000200 00000000 00000004
		14000400 08000100 00000004 08000200 00000064 08000500 00000001 08000700 6e617400 08000a00 00000001 08000600 00000002`);
	t.deepEqual(decodeBody(nftables.chain.layout, bytes), {
		family: nfFamilies.ipv6,
		version: 0,
		resource: 2,
		table: 't',
		name: 'q',
		handle: 4n,
		hook: {hooknum: hooks.postrouting, priority: 100},
		policy: 1,
		type: 'nat',
		flags: 1,
		use: 2,
	});
});

test('a rule', (t) => {
	const rule = {
		family: nfFamilies.ipv4,
		table: 'fairlead',
		chain: 'masq',
		expressions: [{kind: 'masq', flags: 16}],
	} as const;
	const bytes = `02000000 0d000100 66616972 6c656164 00000000 09000200 6d617371 00000000
		20000480 1c000180 09000100 6d617371 00000000 0c000280 08000100 00000010`;
	isSent(t, nftables.rule.layout, rule, bytes);
});

test('a rule behind another one, and the deletion of a rule by its handle', (t) => {
	const drop = {kind: 'immediate', dreg: 0, data: {verdict: {code: 0}}} as const;
	const rule = {family: nfFamilies.ipv6, table: 't', chain: 'c', expressions: [drop], position: 12n};
	const bytes = `0a000000 06000100 74000000 06000200 63000000 34000480 30000180 0e000100 696d6d65 64696174 65000000
		1c000280 08000100 00000000 10000280 0c000280 08000100 00000000 0c000600 00000000 0000000c`;
	isSent(t, nftables.rule.layout, rule, bytes);
	const handle = {family: nfFamilies.ipv6, table: 't', chain: 'c', handle: 12n};
	isSent(t, nftables.rule.layout, handle, '0a000000 06000100 74000000 06000200 63000000 0c000300 00000000 0000000c');
});

test('a set of intervals in a concatenation names the length of each field', (t) => {
	const fields = [4, 1, 2, 4].map((len) => ({len}));
	const flags = setFlags.interval | setFlags.concat;
	const set = {
		family: 2,
		table: 'fairlead',
		name: 'source-ranges',
		flags,
		keyType: 0x1cc347,
		keyLen: 16,
		id: 5,
		desc: {concat: fields},
	};
	const bytes = `02000000 0d000100 66616972 6c656164 00000000 12000200 736f7572 63652d72 616e6765 73000000
		08000300 00000084 08000400 001cc347 08000500 00000010 08000a00 00000005 38000980 34000280
		0c000180 08000100 00000004 0c000180 08000100 00000001 0c000180 08000100 00000002 0c000180 08000100 00000004`;
	isSent(t, nftables.set.layout, set, bytes);
});

test('a set with size, timeout, collection interval, typeof and comment', (t) => {
	const keyTypeof = {expression: 7, fields: {0: 13, 1: 8}};
	const userdata = encodeUserdata(setUserdata, {keyByteOrder: 2, keyTypeof, comment: 'a set'});
	const flags = setFlags.timeout | setFlags.eval;
	const set = {
		family: 10,
		table: 't',
		name: 's',
		flags,
		keyType: 8,
		keyLen: 16,
		id: 1,
		desc: {size: 100},
		timeout: 600_000n,
		gcInterval: 60_000,
		userdata,
	};
	const bytes = `0a000000 06000100 74000000 06000200 73000000 08000300 00000030 08000400 00000008 08000500 00000010
		08000a00 00000001 0c000980 08000100 00000064 0c000b00 00000000 000927c0 08000c00 0000ea60
		28000d00 00040200 00000314 00040700 0000010c 00040d00 00000104 08000000 07066120 73657400`;
	isSent(t, nftables.set.layout, set, bytes);
});

test('a map to verdicts', (t) => {
	const flags = setFlags.map | setFlags.timeout;
	const map = {
		family: 10,
		table: 't',
		name: 'm',
		flags,
		keyType: 0x1cd,
		keyLen: 8,
		dataType: verdictDataType,
		dataLen: 0,
		id: 3,
	};
	const bytes = `0a000000 06000100 74000000 06000200 6d000000 08000300 00000018 08000400 000001cd 08000500 00000008
		08000600 ffffff00 08000700 00000000 08000a00 00000003`;
	isSent(t, nftables.set.layout, map, bytes);
});

test('a set as kernel 6.18 dumps it tells how many elements it holds', (t) => {
	const bytes = fromHex(`02000002 0d000100 66616972 6c656164 00000000 10000200 636c7573 7465722d 69707300
		0c001000 00000000 00000010 08000400 00000007 08000500 00000004 20000d00 00040200 00000314 00040700 0000010c
		00040c00 00000104 0c000000 04000900 17001300 30786666 66666666 66663832 35303766 34300000 08001400 00000004`);
	t.like(decodeBody(nftables.set.layout, bytes), {name: 'cluster-ips', handle: 16n, desc: {}, count: 4});
});

test('a generation says who made it', (t) => {
	const [message] = decodeMessages(
		fromHex('2c000000 0f0a0000 00000000 ec1c0000 00000001 08000100 00000001 08000200 00001cec 08000300 6e667400'),
	);
	t.is(message?.type, nftables.generation.new);
	const body = decodeBody(nftables.generation.layout, message?.payload ?? new Uint8Array());
	t.like(body, {resource: 1, id: 1, pid: 7404, process: 'nft'});
});

test('a message that does not fit leaves the writer as it was', (t) => {
	const writer = new Writer();
	encodeBatchBegin(writer, 1);
	const before = hex(writer.written());
	const header = {type: nftables.chain.new, flags: create, sequence: 3};
	t.throws(() => encodeMessage(writer, header, nftables.chain.layout, {table: 'x'.repeat(65_531)}), {
		code: 'WIRE_TOO_LONG',
	});
	t.is(hex(writer.written()), before);
});

for (const [name, {layout}] of Object.entries<{readonly layout: Layout}>(nftables)) {
	const header = fc.record({family: fc.nat({max: 255}), version: fc.nat({max: 255}), resource: fc.nat({max: 0xffff})});
	const drafts = fc
		.tuple(header, valuesOf(layout.attributes))
		.map(([struct, attributes]) => ({...attributes, ...struct}));

	testProp(`a ${name} decodes to what was encoded`, [drafts], (t, draft) => {
		t.deepEqual(decodeBody(layout, fromHex(body(layout, draft))) as object, draft);
	});

	testProp(`any bytes decode as a ${name} or are refused`, [anyBytes], (t, bytes) => {
		refusesCleanly(t, () => decodeBody(layout, bytes));
	});
}
