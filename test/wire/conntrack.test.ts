import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {type Draft, decodeBody, encodeMessage, type Layout} from '../../src/wire/body.ts';
import {conntrack, filterFields, flowStatus} from '../../src/wire/conntrack.ts';
import {decodeMessages, messageFlags} from '../../src/wire/message.ts';
import {nfFamilies} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from './hex.ts';
import {anyBytes, refusesCleanly, valuesOf} from './values.ts';

const {layout} = conntrack.flow;

/** conntrack -I -p udp -s 2001:db8::7 -d fd00:96::10 --sport 40000 --dport 53 -r fd00:128::b -q 2001:db8::7 --reply-port-src 5353 --reply-port-dst 40000 -t 100 */
const original = {
	addresses: {
		source6: fromHex('20010db8 00000000 00000000 00000007'),
		destination6: fromHex('fd000096 00000000 00000000 00000010'),
	},
	protocol: {number: 17, sourcePort: 40_000, destinationPort: 53},
};
const reply = {
	addresses: {
		source6: fromHex('fd000128 00000000 00000000 0000000b'),
		destination6: fromHex('20010db8 00000000 00000000 00000007'),
	},
	protocol: {number: 17, sourcePort: 5353, destinationPort: 40_000},
};
const originalBytes = `4c000180 2c000180 14000300 20010db8 00000000 00000000 00000007 14000400 fd000096 00000000
	00000000 00000010 1c000280 05000100 11000000 06000200 9c400000 06000300 00350000`;
const replyBytes = `4c000280 2c000180 14000300 fd000128 00000000 00000000 0000000b 14000400 20010db8 00000000
	00000000 00000007 1c000280 05000100 11000000 06000200 14e90000 06000300 9c400000`;

function encoded(type: number, flags: number, body: Draft<typeof layout>): string {
	const writer = new Writer();
	encodeMessage(writer, {type, flags, sequence: 0x6b0a5257}, layout, body);
	return hex(writer.written());
}

test('the question for one flow, byte for byte as `conntrack -G` 1.4.7 sends it', (t) => {
	t.is(
		encoded(conntrack.flow.get, messageFlags.request | messageFlags.acknowledge, {family: nfFamilies.ipv6, original}),
		hex(fromHex(`60000000 01010500 57520a6b 00000000 0a000000 ${originalBytes}`)),
	);
});

test('the request to delete a flow, as `conntrack -D` 1.4.7 sends it but for the empty SYNPROXY numbers behind', (t) => {
	const body = {family: nfFamilies.ipv6, original, reply, status: flowStatus.confirmed, timeoutSeconds: 99, mark: 0};
	t.is(
		encoded(conntrack.flow.delete, messageFlags.request | messageFlags.acknowledge, body),
		hex(
			fromHex(`c4000000 02010500 57520a6b 00000000 0a000000 ${originalBytes} ${replyBytes}
				08000300 00000008 08000700 00000063 08000800 00000000`),
		),
	);
});

test('a flow, as the kernel (6.18) answers `conntrack -G`', (t) => {
	const [message] = decodeMessages(
		fromHex(`f0000000 00010200 57520a6b e0480000 0a000000 ${originalBytes} ${replyBytes}
			08000300 00000008 08000800 00000000 08000c00 22a43162 08000b00 00000002 08000700 00000063
			1c001880 08000100 00000000 08000200 00000000 08000300 00000000`),
	);
	t.is(message?.type, conntrack.flow.new);
	t.deepEqual(decodeBody(layout, message?.payload ?? new Uint8Array()), {
		...{family: nfFamilies.ipv6, version: 0, resource: 0, original, reply},
		...{status: flowStatus.confirmed, mark: 0, id: 0x22a43162, timeoutSeconds: 99},
	});
});

test('a filter by destination says in host order which fields of the tuple count', (t) => {
	const body = {
		family: nfFamilies.ipv4,
		original: {
			addresses: {destination4: Uint8Array.of(10, 96, 0, 10)},
			protocol: {number: 17, destinationPort: 53},
		},
		filter: {original: filterFields.destination | filterFields.protocol | filterFields.destinationPort},
	};
	t.is(
		encoded(conntrack.flow.get, messageFlags.request | messageFlags.dump, body),
		hex(
			fromHex(`44000000 01010103 57520a6b 00000000 02000000
				24000180 0c000180 08000200 0a60000a 14000280 05000100 11000000 06000300 00350000
				0c001980 08000100 2a000000`),
		),
	);
});

const struct = fc.record(
	Object.fromEntries(layout.fields.map(([field, {size}]) => [field, fc.nat({max: 2 ** (8 * size) - 1})])),
);
const bodies = fc
	.tuple(struct, valuesOf(layout.attributes))
	.map(([fields, attributes]) => ({...attributes, ...fields}) as Draft<Layout>);

testProp('a flow decodes to what was encoded', [bodies], (t, body) => {
	const writer = new Writer();
	encodeMessage<Layout>(writer, {type: 0, flags: 0, sequence: 0}, layout, body);
	t.deepEqual(decodeBody<Layout>(layout, writer.written().subarray(16)) as object, body);
});

testProp('any bytes decode as a flow or are refused', [anyBytes], (t, bytes) => {
	refusesCleanly(t, () => decodeBody(layout, bytes));
});
