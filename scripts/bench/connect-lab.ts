import {Host} from '../../test/lab/host.ts';
import {spareAddress} from './cluster.ts';

/** A way from a client to the pod: through a node of its own, so that tables need no reloading between rounds. */
export type Way = {
	readonly client: Host;
	readonly clientAddress: string;
	readonly node: Host;
	readonly nodeAddress: string;
};

export type ConnectLab = {readonly ways: readonly Way[]; readonly pod: Host; end(): Promise<void>};

/** All of them in one pod, so that each backend answers as quickly as the next. */
export const podAddresses = [spareAddress(0), spareAddress(1), spareAddress(2)] as const;

/** The next hop of clients and pod, as Calico uses it: an address that only the permanent neighbour entry knows. */
const gateway = '169.254.1.1';

/**
 * Builds as many ways as asked, equal in all but their last address byte:
 *
 *     client 0 ── node 0 ─┐
 *     client 1 ── node 1 ─┼─ pod
 *     …                   ┘
 */
export async function buildConnectLab(count: number): Promise<ConnectLab> {
	const pod = new Host('pod');
	const ways = Array.from(
		{length: count},
		(_, index): Way => ({
			client: new Host(`client ${index}`),
			clientAddress: spareAddress(100 + index),
			node: new Host(`node ${index}`),
			nodeAddress: `172.31.1.${index + 1}`,
		}),
	);
	const hosts = [pod, ...ways.flatMap(({client, node}) => [client, node])];
	await Promise.all(hosts.map((host) => host.ready()));
	await Promise.all(hosts.map((host) => host.ask('sysctl', sysctls)));
	await pod.ask('ip', ['link set lo up', ...podAddresses.map((address) => `address add ${address}/32 dev lo`)]);
	for (const [index, way] of ways.entries()) {
		await way.node.ask('ip', nodeLines(way, pod, index));
		await way.client.ask('ip', clientLines(way, index));
		await pod.ask('ip', podLines(way, index));
	}

	return {ways, pod, end: async () => void (await Promise.all(hosts.map((host) => host.end())))};
}

const sysctls = {
	'net.ipv4.ip_forward': '1',
	'net.ipv4.conf.all.rp_filter': '0',
	'net.ipv4.conf.default.rp_filter': '0',
	'net.ipv6.conf.default.disable_ipv6': '1', // no router solicitations between two measurements
	// what is measured is over; entries that pile up would make every path slower, direct ones too
	'net.netfilter.nf_conntrack_tcp_timeout_close': '1',
	'net.netfilter.nf_conntrack_udp_timeout': '1',
	'net.netfilter.nf_conntrack_udp_timeout_stream': '1',
} as const;

/** The MAC address of one of the four link ends of way `index`. */
function mac(end: 'client' | 'node to client' | 'node to pod' | 'pod', index: number): string {
	const number = {client: 1, 'node to client': 2, 'node to pod': 3, pod: 4}[end];
	return `02:00:00:00:0${number}:${index.toString(16).padStart(2, '0')}`;
}

function nodeLines({client, clientAddress, nodeAddress}: Way, pod: Host, index: number): string[] {
	return [
		'link set lo up',
		`link add client address ${mac('node to client', index)} type veth peer name eth0 address ${mac('client', index)} netns ${client.pid}`,
		`link add pod address ${mac('node to pod', index)} type veth peer name eth${index} address ${mac('pod', index)} netns ${pod.pid}`,
		'link set client up',
		'link set pod up',
		`address add ${nodeAddress}/32 dev pod`,
		`route add ${clientAddress} dev client`,
		`neigh add ${clientAddress} lladdr ${mac('client', index)} dev client nud permanent`,
		...podAddresses.flatMap((address) => [
			`route add ${address} dev pod src ${nodeAddress}`,
			`neigh add ${address} lladdr ${mac('pod', index)} dev pod nud permanent`,
		]),
		// a packet of the node itself is routed before a rule gives it another destination
		`route add default via ${gateway} dev pod onlink src ${nodeAddress}`,
	];
}

function clientLines({clientAddress}: Way, index: number): string[] {
	return [
		'link set lo up',
		'link set eth0 up',
		`address add ${clientAddress}/32 dev eth0`,
		`neigh add ${gateway} lladdr ${mac('node to client', index)} dev eth0 nud permanent`,
		`route add default via ${gateway} dev eth0 onlink src ${clientAddress}`,
	];
}

function podLines({clientAddress, nodeAddress}: Way, index: number): string[] {
	return [
		`link set eth${index} up`,
		...[clientAddress, nodeAddress].flatMap((address) => [
			`route add ${address} dev eth${index}`,
			`neigh add ${address} lladdr ${mac('node to pod', index)} dev eth${index} nud permanent`,
		]),
	];
}
