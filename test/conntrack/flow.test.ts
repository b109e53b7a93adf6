import {testProp} from '@fast-check/ava';
import test from 'ava';
import {decodeFlow, encodeDelete} from '../../src/conntrack/flow.ts';
import {Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from '../wire/hex.ts';
import {anyBytes, refusesCleanly} from '../wire/values.ts';

const original = `34000180 14000180 08000100 c0000207 08000200 0a60000a
	1c000280 05000100 11000000 06000200 9c400000 06000300 00350000`;
const reply = `34000280 14000180 08000100 0a80000b 08000200 c0000207
	1c000280 05000100 11000000 06000200 14e90000 06000300 9c400000`;
const rest = '08000300 00000008 08000800 00000000 08000c00 227ec899 08000700 00000063';
/** A DNS query through a cluster IP, as the kernel tells of it. */
const payload = fromHex(`02000000 ${original} ${reply} ${rest}`);

function deletion(bytes: Uint8Array): string {
	const flow = decodeFlow(bytes);
	const writer = new Writer();
	if (flow !== undefined) {
		encodeDelete(writer, flow);
	}

	return hex(writer.written());
}

test('a flow goes from its client to the frontend, and its answers come from the backend', (t) => {
	const flow = decodeFlow(payload);
	t.is(flow?.protocol, 'UDP');
	t.deepEqual(flow?.original, {
		...{source: '192.0.2.7', sourcePort: 40_000, destination: '10.96.0.10', destinationPort: 53},
	} as never);
	t.deepEqual(flow?.reply, {
		...{source: '10.128.0.11', sourcePort: 5353, destination: '192.0.2.7', destinationPort: 40_000},
	} as never);
});

test('a flow is deleted by what its client sends and by its number, so that a later one of the same looks stays', (t) => {
	t.is(deletion(payload), hex(fromHex(`50000000 02010100 00000000 00000000 02000000 ${original} 08000c00 227ec899`)));
});

test('a flow of a conntrack zone is deleted in its zone', (t) => {
	const zoned = fromHex(`02000000 ${original} ${reply} ${rest} 06001200 00070000`);
	t.regex(deletion(zoned), /06001200 00070000$/);
});

test('a ping is no flow of a Service', (t) => {
	const ping = `34000180 14000180 08000100 c0000207 08000200 0a60000a
		1c000280 05000100 01000000 06000400 00010000 05000500 08000000`;
	t.is(decodeFlow(fromHex(`02000000 ${ping}`)), undefined);
});

testProp('any bytes are a flow, none of a Service, or refused', [anyBytes], (t, bytes) => {
	refusesCleanly(t, () => decodeFlow(bytes));
});
