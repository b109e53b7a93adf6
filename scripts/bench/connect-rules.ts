import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import {parseObject} from '../../src/model/parse.ts';
import {addresses} from '../../test/lab/addresses.ts';
import type {Host} from '../../test/lab/host.ts';
import {Pipeline} from '../../test/lab/pipeline.ts';
import {buildLab, type Lab} from '../../test/lab/topology.ts';
import type {Pair} from './cluster.ts';
import {
	affinityPackets,
	clusterIpPacket,
	type FirstPacket,
	firstPackets,
	frontendOf,
	packetObjects,
	streamPort,
} from './connect-packets.ts';
import {stream} from './connect-prober.ts';
import {kubeProxyRuleset} from './peer.ts';

/** Rules that a first packet meets: those that the kernel looks at, whether they match or not. */
type FirstPacketRules = {readonly what: string; readonly fairlead: number; readonly kubeProxy?: number};

/** Rules that all packets of a connection but the first meet, and how many packets these are. */
type Met = {readonly rules: number; readonly packets: number};
type EstablishedRules = {readonly what: string; readonly fairlead: Met; readonly kubeProxy: Met};

export type RuleCounts = {
	readonly first: readonly FirstPacketRules[];
	readonly established: readonly EstablishedRules[];
};

/**
 * Counts by real packets. Each rule is given a counter as its first expression: a trace would name only those that
 * matched.
 */
export async function countRules(): Promise<RuleCounts> {
	const objects = packetObjects();
	const pipeline = new Pipeline(new Map([['cluster-cidr', '10.128.0.0/16,fd00:128::/48']]));
	pipeline.put(objects);
	const dataplane = new NftablesDataplane({kernel: new Nftables()});
	const affinity = [...pipeline.plan.frontends.values()].filter((frontend) => frontend.affinityTimeoutSeconds);
	const hasAffinity = affinity.every((frontend) => dataplane.takes(frontend).kind === 'whole');
	const packets = [...firstPackets, ...(hasAffinity ? affinityPackets : [])];
	const [ours, theirs] = [dataplane.print(pipeline.plan), [...kubeProxyRuleset(pairsOf(objects))].join('')];
	dataplane.close();
	const lab = await buildLab();
	try {
		const own = await countIn(lab, {name: 'fairlead', text: ours}, packets);
		const inPeer = packets.filter((packet) => packet.peer);
		const peer = await countIn(lab, {name: 'kube-proxy', text: theirs}, inPeer);
		return {
			first: packets.map((packet, index) => ({
				what: packet.what,
				fairlead: own.first[index] ?? Number.NaN,
				...(packet.peer && {kubeProxy: peer.first[inPeer.indexOf(packet)] ?? Number.NaN}),
			})),
			established: streams.map(({what}, index) => ({
				what,
				fairlead: own.established[index] ?? nothing,
				kubeProxy: peer.established[index] ?? nothing,
			})),
		};
	} finally {
		await lab.end();
	}
}

/** The Services and their IPv4 slices, for kube-proxy's shape; it is asked for cluster IPs only. */
function* pairsOf(objects: readonly unknown[]): Generator<Pair> {
	const parsed = objects.map((object) => parseObject(object)?.object);
	const slices = parsed.filter((object) => object?.kind === 'EndpointSlice');
	for (const service of parsed.filter((object) => object?.kind === 'Service')) {
		const clusterIps = service.clusterIps.filter((address) => !address.includes(':'));
		const slice = slices.find((candidate) => candidate.service === service.name && candidate.family === 'IPv4');
		if (slice?.endpoints.some(({ready}) => ready)) {
			yield {service: {...service, clusterIps}, slice};
		}
	}
}

type Counted = {readonly first: readonly number[]; readonly established: readonly Met[]};
const nothing: Met = {rules: Number.NaN, packets: Number.NaN};

async function countIn(
	lab: Lab,
	table: {readonly name: string; readonly text: string},
	packets: readonly FirstPacket[],
): Promise<Counted> {
	const {n1} = lab.hosts;
	await n1.exec('nft', ['-f', '-'], `${withCounters(table.text)}${countForwarded}`);
	for (const packet of packets.filter(({fresh}) => !fresh)) {
		await verify(lab, packet);
	}

	await n1.exec('nft', ['-f', '-'], dropAnswers);
	const first: number[] = [];
	for (const packet of packets) {
		first.push(await met(n1, table.name, async () => await send(lab, 'TCP', packet)));
	}

	// a UDP probe asks twice; the second time it belongs to a flow that was answered, and is dropped like an answer
	const firstOf = {
		TCP: await met(n1, table.name, async () => await send(lab, 'TCP', clusterIpPacket)),
		UDP: await met(n1, table.name, async () => await send(lab, 'UDP', clusterIpPacket)),
	};
	await n1.exec('nft', ['delete', 'table', 'ip', 'answers']);
	const established: Met[] = [];
	for (const {protocol, messages} of streams) {
		const before = await countersIn(n1, 'forwarded');
		const all = await met(n1, table.name, async () => await sendStream(lab, protocol, messages));
		const packets = (await countersIn(n1, 'forwarded')) - before - 1;
		established.push({rules: all - firstOf[protocol], packets});
	}

	await n1.exec('nft', ['flush', 'ruleset']);
	return {first, established};
}

/** Every rule counts the packets that it is tried on. */
function withCounters(text: string): string {
	return text.replaceAll(/^(add rule ip6? \S+ \S+) /gm, '$1 counter ');
}

/** How many packets a stream is. */
const countForwarded = `
add table ip forwarded
add chain ip forwarded seen { type filter hook forward priority -300; }
add rule ip forwarded seen counter
`;

/** With this a connection is its first packet: all that follows is dropped before it meets a rule that is counted. */
const dropAnswers = `
add table ip answers
add chain ip answers prerouting { type filter hook prerouting priority -150; }
add rule ip answers prerouting ct state established,related drop
`;

/** How much more the counters of a table say after `act` than before. */
async function met(node: Host, table: string, act: () => Promise<unknown>): Promise<number> {
	const before = await countersIn(node, table);
	await act();
	return (await countersIn(node, table)) - before;
}

async function countersIn(node: Host, table: string): Promise<number> {
	const {stdout} = await node.exec('nft', ['list', 'table', 'ip', table]);
	return [...stdout.matchAll(/counter packets (\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
}

/** Longer than an answer takes, shorter than the second that TCP waits before it sends its first packet again. */
const deadlineMs = 400;

async function send(
	lab: Lab,
	protocol: 'TCP' | 'UDP',
	{from, address, port}: Pick<FirstPacket, 'from' | 'address' | 'port'>,
): Promise<string | undefined> {
	const [got] = await lab.hosts[from].ask('probe', {probes: [{protocol, address, port}], deadlineMs});
	return got?.kind;
}

/** That a packet is what it is called. */
async function verify(lab: Lab, packet: FirstPacket): Promise<void> {
	const got = await send(lab, 'TCP', packet);
	if (got !== packet.result) {
		throw new Error(`${packet.what}: ${got} instead of ${packet.result}`);
	}
}

const streamPacket = {from: 'b', ...frontendOf('stream', 'clusterIP')} as const;
const streams = [
	{what: 'TCP, 10 MiB there and back over one connection', protocol: 'TCP', messages: 640},
	{what: 'UDP, 300 datagrams there and back over one socket', protocol: 'UDP', messages: 300},
] as const;

async function sendStream(lab: Lab, protocol: 'TCP' | 'UDP', messages: number): Promise<void> {
	const {a, b} = lab.hosts;
	const target = {...streamPacket, from: b, source: addresses.b[0]};
	await stream(protocol, {host: a, port: streamPort}, target, messages);
}
