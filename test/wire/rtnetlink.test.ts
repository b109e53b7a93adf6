import {testProp} from '@fast-check/ava';
import test from 'ava';
import {decodeBody, encodeMessage, type Layout} from '../../src/wire/body.ts';
import {linkFlags, skipStatistics} from '../../src/wire/link.ts';
import {decodeMessages, messageFlags} from '../../src/wire/message.ts';
import {addressFamilies, addressFlags, rtnetlink, scopes} from '../../src/wire/rtnetlink.ts';
import {Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from './hex.ts';
import {anyBytes, bodiesOf, refusesCleanly} from './values.ts';

function payload(message: string): Uint8Array {
	return decodeMessages(fromHex(message))[0]?.payload ?? new Uint8Array();
}

test('an IPv4 address with label and broadcast, as the kernel tells of it', (t) => {
	// ip addr add 10.1.2.3/24 brd + dev d0 label d0:x
	const event = `58000000 14000000 1cb7046b cc560000 02188000 03000000 08000100 0a010203 08000200 0a010203
		08000400 0a0102ff 09000300 64303a78 00000000 08000800 80000000 14000600 ffffffff ffffffff a7e40300 a7e40300`;
	t.deepEqual(decodeBody(rtnetlink.address.layout, payload(event)), {
		family: addressFamilies.ipv4,
		prefixLength: 24,
		flags: 0x80,
		scope: scopes.universe,
		index: 3,
		address: Uint8Array.of(10, 1, 2, 3),
		local: Uint8Array.of(10, 1, 2, 3),
		broadcast: Uint8Array.of(10, 1, 2, 255),
		label: 'd0:x',
		allFlags: addressFlags.permanent,
	});
});

test('of a point-to-point address `local` is ours and `address` the peer', (t) => {
	// ip addr add 10.9.9.1 peer 10.9.9.2 dev d0
	const event = `4c000000 14000000 1cb7046b cd560000 02208000 03000000 08000100 0a090902 08000200 0a090901
		07000300 64300000 08000800 80000000 14000600 ffffffff ffffffff a7e40300 a7e40300`;
	const {address, local} = decodeBody(rtnetlink.address.layout, payload(event));
	t.deepEqual([address, local], [Uint8Array.of(10, 9, 9, 2), Uint8Array.of(10, 9, 9, 1)]);
});

test('an IPv6 address that needs no duplicate detection', (t) => {
	// ip addr add fd00::5/64 dev d0 nodad preferred_lft 100 valid_lft 200
	const event = `48000000 14000000 00000000 00000000 0a400200 03000000 14000100 fd000000 00000000 00000000 00000005
		14000600 64000000 c8000000 a7e40300 a7e40300 08000800 02000000`;
	t.deepEqual(decodeBody(rtnetlink.address.layout, payload(event)), {
		family: addressFamilies.ipv6,
		prefixLength: 64,
		flags: 2,
		scope: scopes.universe,
		index: 3,
		address: fromHex('fd000000 00000000 00000000 00000005'),
		allFlags: addressFlags.noDuplicateDetection,
	});
});

test('a removed address is told with the type `delete`', (t) => {
	const [message] = decodeMessages(fromHex('18000000 15000000 1cb7046b cf560000 02188000 03000000'));
	t.is(message?.type, rtnetlink.address.delete);
});

test('an interface has a name, an index, flags and an MTU', (t) => {
	// `ip link show d0`, a veth, without the attributes that nobody reads
	const answer = `5c000000 10000000 1eb7046b 4c649aab 00000100 03000000 43100100 00000000 07000300 64300000
		05001000 06000000 08000400 78050000 0a000100 e67fce8a 26760000 10001200 09000100 76657468 00000000 08000500 02000000`;
	const link = decodeBody(rtnetlink.link.layout, payload(answer));
	t.deepEqual(link, {
		family: 0,
		padding: 0,
		type: 1,
		index: 3,
		flags: 0x11043,
		change: 0,
		name: 'd0',
		operState: 6,
		mtuBytes: 1400,
		address: fromHex('e67fce8a 2676'),
		info: {kind: 'veth'},
		peer: 2,
	});
	t.not(link.flags & linkFlags.up, 0);
	t.is(link.flags & linkFlags.loopback, 0);
});

test('a request for one interface by name, byte for byte as iproute2 6.1 sends it', (t) => {
	const writer = new Writer();
	const header = {type: rtnetlink.link.get, flags: messageFlags.request, sequence: 0x6b04b71e};
	const name = 'd0';
	encodeMessage(writer, header, rtnetlink.link.layout, {extendedMask: skipStatistics | 1, name});
	t.is(
		hex(writer.written()),
		'30000000 12000100 1eb7046b 00000000 00000000 00000000 00000000 00000000 08001d00 09000000 07000300 64300000',
	);
});

for (const [name, {layout}] of Object.entries<{readonly layout: Layout}>(rtnetlink)) {
	testProp(`a ${name} decodes to what was encoded`, [bodiesOf(layout)], (t, body) => {
		const writer = new Writer();
		encodeMessage(writer, {type: 0, flags: 0, sequence: 0}, layout, body);
		t.deepEqual(decodeBody(layout, writer.written().subarray(16)) as object, body);
	});

	testProp(`any bytes decode as a ${name} or are refused`, [anyBytes], (t, bytes) => {
		refusesCleanly(t, () => decodeBody(layout, bytes));
	});
}
