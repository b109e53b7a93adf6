import anyTest from 'ava';
import {parsePrefix} from '../../src/net/prefix.ts';
import type {PlanOptions} from '../../src/plan/options.ts';
import {addresses} from '../lab/addresses.ts';
import {askLab} from '../lab/ask.ts';
import {attachedPod, hostPortTables, podWithHostPorts} from '../lab/host-ports.ts';
import {parsePackets} from '../lab/packets.ts';
import {ReconciledNode} from '../lab/reconciled-node.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {gone, nodeChanges, put, udp} from '../lab/udp-services.ts';
import {nodeAddress} from '../plan/planned.ts';
import {buildEndpoint, buildService, buildSlice} from '../support/builders.ts';

const test = anyTest.serial; // one node, one set of rules
let lab: Lab;
let node: ReconciledNode | undefined;

test.before(async () => {
	lab = await buildLab();
	// as the plugin does where it attaches a pod: without it the kernel drops what comes from loopback
	await lab.hosts.n1.ask('sysctl', {
		'net.ipv4.conf.poda.route_localnet': '1',
		'net.ipv4.conf.podb.route_localnet': '1',
	});
});
test.after.always(async () => await lab.end());
test.afterEach.always(async () => {
	await node?.end();
	node = undefined;
});

async function start(options: Partial<PlanOptions> = {}): Promise<ReconciledNode> {
	node = new ReconciledNode(lab.hosts.n1, undefined, true, options);
	await node.forgetFlows();
	await node.apply([...addresses.alt.map((address) => put(nodeAddress(address, 'alt0'))), ...nodeChanges()]);
	return node;
}

test('packets to a host port reach the pod, from everywhere, on the addresses that it is on', async (t) => {
	await (await start()).apply([put(podWithHostPorts)]);
	t.deepEqual(await askLab(lab, hostPortTables), []);
});

test('when a pod with a host port goes, its port refuses; another pod takes it over', async (t) => {
	const running = await start();
	await running.apply([put(podWithHostPorts)]);
	await running.apply([gone(podWithHostPorts)]);
	const table = (cells: string) =>
		parsePackets(`
to       node address  loopback
IPv4     172.31.1.1    127.0.0.1
IPv6     fd00:31::1    -
port     8888 TCP UDP  8888 TCP UDP
${cells}`);
	t.deepEqual(await askLab(lab, table('outside  refused       -\nnode n1  refused       refused')), []);
	await running.apply([put(attachedPod('b', ['8888:8080', '8888:8080/UDP']))]);
	t.deepEqual(await askLab(lab, table('outside  b sees out    -\nnode n1  b sees n1     b sees n1')), []);
});

for (const target of [...addresses.n1, '127.0.0.1'].map((address) => udp(address, 8888))) {
	test(`a client with one UDP socket to ${target.address} is answered by the pod that has the host port, at once`, async (t) => {
		const client = lab.hosts[target.address === '127.0.0.1' ? 'n1' : 'out'];
		const running = await start();
		const answers = async (by: string) => (await client.ask('streamed', {target, by})).runs.map((run) => run.by);
		await client.ask('stream', {target, periodMs: 10});
		await answers('refused');
		const first = attachedPod('a', ['8888:8080/UDP']);
		await running.apply([put(first)]);
		t.deepEqual(await answers('a'), ['refused', 'a'], 'a flow that began before the pod came');
		await running.apply([gone(first), put(attachedPod('b', ['8888:8080/UDP']))]);
		t.deepEqual(await answers('b'), ['refused', 'a', 'b']);
		await running.apply([gone(attachedPod('b', []))]);
		t.deepEqual((await answers('refused')).at(-1), 'refused');
		await client.ask('unstream', target);
	});
}

/** The lab's clusters: pods, nodes. */
const inside = ['10.128.0.0/9', 'fd00:128::/32', '172.31.0.0/16', 'fd00:31::/64'].map(parsePrefix);

const detectors = {
	'by their interfaces': {kind: 'interfaceNamePrefix', prefix: 'pod'},
	'by their prefix': {kind: 'clusterCidr', cidrs: ['10.128.0.0/24', 'fd00:128::/64'].map(parsePrefix)},
} as const satisfies Record<string, PlanOptions['detector']>;

/**
 * The pods' way to the outside, to a Service whose one endpoint is there, and inside the cluster.
 *
 * @param seen of each pod in each family: of n1's addresses the kernel takes that which is nearest to the destination
 */
const masqueradeTables = (seen: readonly (readonly [a: string, b: string])[]) =>
	seen.flatMap(([a, b], family) =>
		parsePackets(`
to     outside      Service      pod c
${['IPv4   192.0.2.80   10.96.1.1    10.128.1.21', 'IPv4   -            -            -'][family]}
${['IPv6   -            -            -', 'IPv6   2001:db8::80  fd00:96::101  fd00:128:0:1::15'][family]}
port   80 TCP UDP   80 TCP UDP   8080 TCP UDP
pod a  lb sees ${a}  lb sees ${a}  c sees a
pod b  lb sees ${b}  lb sees ${b}  c sees b
`),
	);
const byNode = [
	['n1', 'n1'],
	['alt', 'alt'],
] as const;
const byThemselves = [
	['a', 'b'],
	['a', 'b'],
] as const;

const external = [
	buildService('shop/far', {clusterIps: ['10.96.1.1', 'fd00:96::101'], ports: [port('TCP'), port('UDP')]}),
	...addresses.lb.map((address, family) => ({
		...buildSlice('shop/far', [buildEndpoint(address)], {
			name: `far-${family}`,
			ports: (['TCP', 'UDP'] as const).map((protocol) => ({name: protocol, protocol, port: 80})),
		}),
		family: family === 0 ? ('IPv4' as const) : ('IPv6' as const),
	})),
].map(put);

function port(protocol: 'TCP' | 'UDP') {
	return {name: protocol, protocol, port: 80, nodePort: 0};
}

for (const [how, detector] of Object.entries(detectors)) {
	test(`pods told ${how} are seen by the node's address outside, by their own inside the cluster`, async (t) => {
		const running = await start({detector, podMasquerade: {except: inside}});
		await running.apply([put(podWithHostPorts), ...external]);
		t.deepEqual(await askLab(lab, masqueradeTables(byNode)), []);
		t.deepEqual(await askLab(lab, hostPortTables), [], 'host ports are what they were');
	});
}

test('where no masquerade of pods is asked for, they are seen by their own addresses everywhere', async (t) => {
	const running = await start({detector: detectors['by their prefix']});
	await running.apply(external);
	t.deepEqual(await askLab(lab, masqueradeTables(byThemselves)), []);
});

test('a pod that sends packets to loopback addresses reaches nothing of the node', async (t) => {
	const {n1, b} = lab.hosts;
	await n1.ask('serve', {name: 'trusting', ports: [7777], address: '127.0.0.1'});
	const ways = [
		'address del 127.0.0.1/8 dev lo',
		'route add 127.0.0.1 via 169.254.1.1 dev eth0 onlink src 10.128.0.12',
	];
	await b.ask('sysctl', {'net.ipv4.conf.eth0.route_localnet': '1'});
	await b.ask('ip', ways);
	const probes = (['TCP', 'UDP'] as const).map((protocol) => ({protocol, address: '127.0.0.1', port: 7777}));
	const ask = async () => (await b.ask('probe', {probes, deadlineMs: 350})).map(({kind}) => kind);
	const running = await start();
	t.deepEqual(await ask(), ['answered', 'answered'], 'the links let it pass');
	await running.apply([put(attachedPod('a', ['8888:8080']))]);
	t.deepEqual(await ask(), ['dropped', 'dropped']);
	t.deepEqual(
		await askLab(lab, parsePackets('to  it\nIPv4  127.0.0.1\nIPv6  -\nport  8888 TCP\nnode n1  a sees n1')),
		[],
	);
	await running.apply([gone(attachedPod('a', []))]);
	t.deepEqual(await ask(), ['answered', 'answered'], 'the rule is there while it is needed');
	await b.ask('ip', ['route del 127.0.0.1 dev eth0', 'address add 127.0.0.1/8 dev lo']);
});
