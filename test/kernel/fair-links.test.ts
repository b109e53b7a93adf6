import anyTest from 'ava';
import {parsePrefix} from '../../src/net/prefix.ts';
import {addresses} from '../lab/addresses.ts';
import {askLab} from '../lab/ask.ts';
import type {Host} from '../lab/host.ts';
import {parsePackets} from '../lab/packets.ts';
import {ReconciledNode} from '../lab/reconciled-node.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {nodeChanges, put} from '../lab/udp-services.ts';
import {buildEndpoint, buildPort, buildService, buildSlice} from '../support/builders.ts';

const test = anyTest.serial; // one node, one set of rules
let lab: Lab;

test.before(async () => {
	lab = await buildLab('bare');
	const {n1, a, b} = lab.hosts;
	await n1.ask('ip', [
		'link add fair0 address 02:00:00:00:03:00 type bridge',
		'link set fair0 up',
		...linkTo(a, 'faira'),
		'link set faira master fair0',
		...linkTo(b, 'fairb'),
		...reach(a, 'fair0', addresses.a),
		...reach(b, 'fairb', addresses.b),
	]);
	await a.ask('ip', podLines(addresses.a, '02:00:00:00:03:00'));
	await b.ask('ip', podLines(addresses.b, nodeMac(b)));
});
test.after.always(async () => await lab.end());

const podMac = ({name}: Host) => `02:00:00:00:04:${name}0`;
const nodeMac = ({name}: Host) => `02:00:00:00:05:${name}0`;

function linkTo(host: Host, device: string): string[] {
	return [
		`link add ${device} address ${nodeMac(host)} type veth peer name eth0 address ${podMac(host)} netns ${host.pid}`,
		`link set ${device} up`,
	];
}

function reach(host: Host, device: string, pair: readonly string[]): string[] {
	return pair.flatMap((address, family) => [
		`route add ${address} dev ${device} src ${addresses.n1[family]}`,
		`neigh add ${address} lladdr ${podMac(host)} dev ${device} nud permanent`,
	]);
}

function podLines([ipv4 = '', ipv6 = '']: readonly string[], gatewayMac: string): string[] {
	const gateways = [
		['169.254.1.1', ipv4],
		['fe80::1', ipv6],
	] as const;
	return [
		...[
			'link set lo up',
			'link set eth0 up',
			`address add ${ipv4}/32 dev eth0`,
			`address add ${ipv6}/128 dev eth0 nodad`,
		],
		...gateways.flatMap(([gateway, source]) => [
			`neigh add ${gateway} lladdr ${gatewayMac} dev eth0 nud permanent`,
			`route add default via ${gateway} dev eth0 onlink src ${source}`,
		]),
	];
}

test('pods behind a bridge and behind links of their own that are called fair… are told by that prefix, and nobody else', async (t) => {
	const except = ['10.128.0.0/9', 'fd00:128::/32'].map(parsePrefix);
	const node = new ReconciledNode(lab.hosts.n1, undefined, true, {
		detector: {kind: 'interfaceNamePrefix', prefix: 'fair'},
		podMasquerade: {except},
	});
	const service = buildService('shop/web', {clusterIps: ['10.96.1.1'], ports: [buildPort()]});
	await node.apply([...nodeChanges(), put(service), put(buildSlice('shop/web', [buildEndpoint(addresses.c[0])]))]);
	t.deepEqual(
		await askLab(
			lab,
			parsePackets(`
to       cluster IP  outside     pod c        other pod
IPv4     10.96.1.1   192.0.2.80  10.128.1.21  10.128.0.12
IPv6     -           -           -            fd00:128::c
port     80 TCP      80 TCP UDP  8080 TCP UDP  8080 TCP UDP
pod a    c sees a    lb sees n1  c sees a     b sees a
pod b    c sees b    lb sees n1  c sees b     b sees b
outside  c sees n1   -           c sees out   b sees out
`),
		),
		[],
	);
	await node.end();
});
