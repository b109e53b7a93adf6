import test from 'ava';
import {type Draft, decodeBody, encodeMessage, type Layout} from '../../src/wire/body.ts';
import {bridgeFamily, linkFlags, noLinkLocal, portStates} from '../../src/wire/link.ts';
import {decodeMessages, messageFlags} from '../../src/wire/message.ts';
import {mainTable, matchedRoute, neighbourStates, routeTypes} from '../../src/wire/route.ts';
import {addressFamilies, rtnetlink, scopes} from '../../src/wire/rtnetlink.ts';
import {allProtocols, anyPacket, ethernet, redirect, trafficParents} from '../../src/wire/traffic.ts';
import {Writer} from '../../src/wire/writer.ts';
import {fromHex, hex} from './hex.ts';

// All bytes are those of iproute2 6.1, as strace shows them, but for two habits, of which the kernel takes both: it leaves
// NLA_F_NESTED (0x8000) out where lists of attributes are old, and the NUL behind the kind of a link.

const sequence = 0x6b0ac5db;
const {request, acknowledge, create, exclusive} = messageFlags;
const make = request | acknowledge | create | exclusive;

function bytesOf<L extends Layout>(type: number, flags: number, layout: L, body: Draft<L>): string {
	const writer = new Writer();
	encodeMessage(writer, {type, flags, sequence}, layout, body);
	return hex(writer.written());
}

function spelled(text: string): string {
	return hex(fromHex(text));
}

test('a veth pair to be made names both ends, the other one in a struct of its own', (t) => {
	// ip link add fa0 address ee:ee:ee:ee:ee:ee mtu 1400 group 7 type veth peer name fb0 address 02:00:00:00:00:05 mtu 1400
	const {new: type, layout} = rtnetlink.linkChange;
	const peer = {address: fromHex('020000000005'), mtuBytes: 1400, name: 'fb0'};
	const body = {
		address: fromHex('eeeeeeeeeeee'),
		mtuBytes: 1400,
		group: 7,
		name: 'fa0',
		info: {kind: 'veth', data: {peer}},
	};
	t.is(
		bytesOf(type, make, layout, body),
		spelled(`88000000 10000506 dbc50a6b 00000000 00000000 00000000 00000000 00000000 0a000100 eeeeeeee eeee0000
			08000400 78050000 08001b00 07000000 08000300 66613000 44001280 09000100 76657468 00000000 34000280 30000100 00000000
			00000000 00000000 00000000 0a000100 02000000 00050000 08000400 78050000 08000300 66623000`),
	);
});

test('the other end is made in a namespace that is told by its file descriptor, with so many queues', (t) => {
	// ip link add va type veth peer name vb netns x1 numtxqueues 1 numrxqueues 1, with the name before the descriptor
	const {new: type, layout} = rtnetlink.linkChange;
	const peer = {name: 'vb', netns: 4, sendQueues: 1, receiveQueues: 1};
	t.is(
		bytesOf(type, make, layout, {name: 'va', info: {kind: 'veth', data: {peer}}}),
		spelled(`70000000 10000506 dbc50a6b 00000000 00000000 00000000 00000000 00000000 07000300 76610000 48001280
			09000100 76657468 00000000 38000280 34000100 00000000 00000000 00000000 00000000 07000300 76620000 08001c00 04000000
			08001f00 01000000 08002000 01000000`),
	);
});

const changes: readonly (readonly [command: string, body: Draft<typeof rtnetlink.linkChange.layout>, bytes: string])[] =
	[
		[
			'ip link set fa0 alias abc up', // our text ends with a NUL, which the kernel cuts off
			{index: 3, flags: linkFlags.up, change: linkFlags.up, alias: 'abc'},
			'28000000 10000500 dbc50a6b 00000000 00000000 03000000 01000000 01000000 08001400 61626300',
		],
		[
			'ip link set fa0 master br7',
			{index: 3, master: 4},
			'28000000 10000500 dbc50a6b 00000000 00000000 03000000 00000000 00000000 08000a00 04000000',
		],
		[
			'ip link set fa0 group 7',
			{index: 3, group: 7},
			'28000000 10000500 dbc50a6b 00000000 00000000 03000000 00000000 00000000 08001b00 07000000',
		],
		[
			'ip link set fa0 addrgenmode none',
			{index: 3, families: {ipv6: {addressMode: noLinkLocal}}},
			'30000000 10000500 dbc50a6b 00000000 00000000 03000000 00000000 00000000 10001a80 0c000a80 05000800 01000000',
		],
		[
			'ip link set fa0 type bridge_slave hairpin on', // our kind is spelled IFLA_INFO_SLAVE_KIND "bridge"
			{index: 3, info: {portKind: 'bridge', portData: {hairpin: 1}}},
			'3c000000 10000500 dbc50a6b 00000000 00000000 03000000 00000000 00000000 1c001280 0b000400 62726964 67650000 0c000580 05000400 01000000',
		],
	];

for (const [command, body, bytes] of changes) {
	test(`a change of a link is spelled as ${command}`, (t) => {
		const {new: type, layout} = rtnetlink.linkChange;
		t.is(bytesOf(type, request | acknowledge, layout, body), spelled(bytes));
	});
}

test('a port is closed by a request to its bridge, which has a type and a family of its own', (t) => {
	const {set, layout} = rtnetlink.linkChange; // bridge link set dev va state 0
	const body = {family: bridgeFamily, index: 4, port: {state: portStates.disabled}};
	t.is(
		bytesOf(set, request | acknowledge, layout, body),
		spelled('2c000000 13000500 dbc50a6b 00000000 07000000 04000000 00000000 00000000 0c000c80 05000100 00000000'),
	);
});

test('all links of a group are removed by one request', (t) => {
	const {delete: type, layout} = rtnetlink.link; // ip link delete group 7
	t.is(
		bytesOf(type, request | acknowledge, layout, {group: 7}),
		spelled('28000000 11000500 dbc50a6b 00000000 00000000 00000000 00000000 00000000 08001b00 07000000'),
	);
});

test('a route by a gateway carries its metrics', (t) => {
	// ip route add 10.9.0.0/16 via 169.254.1.1 dev fb0 mtu 1300 advmss 1200 metric 5, with the interface before the metric
	const {new: type, layout} = rtnetlink.route;
	const body = {
		family: addressFamilies.ipv4,
		destinationBits: 16,
		table: mainTable,
		protocol: 3, // RTPROT_BOOT
		type: routeTypes.unicast,
		destination: Uint8Array.of(10, 9, 0, 0),
		gateway: Uint8Array.of(169, 254, 1, 1),
		link: 2,
		priority: 5,
		metrics: {mtu: 1300, advmss: 1200},
	};
	t.is(
		bytesOf(type, make, layout, body),
		spelled(`50000000 18000506 dbc50a6b 00000000 02100000 fe030001 00000000 08000100 0a090000 08000500 a9fe0101
			08000400 02000000 08000600 05000000 14000880 08000200 14050000 08000800 b0040000`),
	);
});

test('a route to a neighbour has the scope of the link, one in another table has its number in an attribute', (t) => {
	// ip route add 169.254.1.1 dev fb0 scope link
	const {new: type, layout} = rtnetlink.route;
	const head = {
		family: addressFamilies.ipv4,
		destinationBits: 32,
		protocol: 3,
		scope: scopes.link,
		type: routeTypes.unicast,
	};
	const body = {...head, destination: Uint8Array.of(169, 254, 1, 1), link: 2};
	t.is(
		bytesOf(type, make, layout, {...body, table: mainTable}),
		spelled('2c000000 18000506 dbc50a6b 00000000 02200000 fe03fd01 00000000 08000100 a9fe0101 08000400 02000000'),
	);
	t.is(
		bytesOf(type, make, layout, {...body, table32: 1000}),
		spelled(
			'34000000 18000506 dbc50a6b 00000000 02200000 0003fd01 00000000 08000100 a9fe0101 08000400 02000000 08000f00 e8030000',
		),
	);
});

test('a route is asked for as it stands, not as one packet takes it', (t) => {
	// ip route get fibmatch 10.1.2.3, but for RTM_F_LOOKUP_TABLE, which only makes the answer name the table
	const {get: type, layout} = rtnetlink.route;
	const body = {
		family: addressFamilies.ipv4,
		destinationBits: 32,
		flags: matchedRoute,
		destination: Uint8Array.of(10, 1, 2, 3),
	};
	t.is(
		bytesOf(type, request, layout, body),
		spelled('24000000 1a000100 dbc50a6b 00000000 02200000 00000000 00200000 08000100 0a010203'),
	);
});

test('a neighbour that stays has an address and a MAC', (t) => {
	// ip neigh add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev fb0 nud permanent
	const {new: type, layout} = rtnetlink.neighbour;
	const body = {
		family: addressFamilies.ipv4,
		index: 2,
		state: neighbourStates.permanent,
		destination: Uint8Array.of(169, 254, 1, 1),
		address: fromHex('eeeeeeeeeeee'),
	};
	t.is(
		bytesOf(type, make, layout, body),
		spelled(
			'30000000 1c000506 dbc50a6b 00000000 02000000 02000000 80000000 08000100 a9fe0101 0a000200 eeeeeeee eeee0000',
		),
	);
});

test('a token bucket has a rate, what may wait, and what may pass at once', (t) => {
	// tc qdisc add dev fa0 root tbf rate 8mbit burst 64kb latency 25ms, without TCA_TBF_RTAB, which Ethernet has no need of
	const {new: type, layout} = rtnetlink.tbf;
	const parameters = {
		cellLog: 3,
		linkLayer: ethernet,
		cellAlign: 0xffff,
		rate: 1_000_000,
		limit: 90_536,
		buffer: 1_024_000,
	};
	const body = {index: 3, parent: trafficParents.root, kind: 'tbf', options: {parameters, burst: 65_536}};
	t.is(
		bytesOf(type, make, layout, body),
		spelled(`60000000 24000506 dbc50a6b 00000000 00000000 03000000 00000000 ffffffff 00000000 08000100 74626600
			34000280 28000100 03010000 ffff0000 40420f00 00000000 00000000 00000000 a8610100 00a00f00 00000000 08000600
			00000100`),
	);
});

test('a token bucket as kernel 6.18 tells of it', (t) => {
	const answer = `60000000 24000000 dbc50a6b 00000000 00000000 02000000 00003581 ffffffff 02000000 08000100 74626600 2c000200
		28000100 00010000 00000000 40420f00 00000000 00000000 00000000 a8610100 00a00f00 00000000 05000c00 00000000`;
	const [message] = decodeMessages(fromHex(answer));
	const {kind, options} = decodeBody(rtnetlink.tbf.layout, message?.payload ?? new Uint8Array());
	t.is(kind, 'tbf');
	t.like(options?.parameters, {rate: 1_000_000, limit: 90_536, buffer: 1_024_000, linkLayer: ethernet});
});

test('what comes in is looked at by a discipline with a handle of its own', (t) => {
	const {new: type, layout} = rtnetlink.discipline; // tc qdisc add dev fa0 ingress
	const body = {index: 3, handle: trafficParents.ingressHandle, parent: trafficParents.ingress, kind: 'ingress'};
	t.is(
		bytesOf(type, make, layout, body),
		spelled(`30000000 24000506 dbc50a6b 00000000 00000000 03000000 0000ffff f1ffffff 00000000 0c000100 696e6772
			65737300`),
	);
});

test('a filter that every packet meets sends it out by another interface', (t) => {
	// tc filter add dev fa0 parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ifb7
	const {new: type, layout} = rtnetlink.u32;
	const action = {kind: 'mirred', options: {parameters: {...redirect, link: 4}}};
	const body = {
		index: 3,
		parent: trafficParents.ingressHandle,
		info: allProtocols,
		kind: 'u32',
		options: {selector: anyPacket, actions: [action]},
	};
	t.is(
		bytesOf(type, make, layout, body),
		spelled(`8c000000 2c000506 dbc50a6b 00000000 00000000 03000000 00000000 0000ffff 00030000 08000100 75333200
			60000280 38000780 34000180 0b000100 6d697272 65640000 24000280 20000200 00000000 00000000 04000000 00000000
			00000000 01000000 04000000 24000500 01000100 00000000 00000000 00000000 00000000 00000000 00000000 00000000`),
	);
});
