import {existsSync} from 'node:fs';
import {addresses, type HostName} from './addresses.ts';
import {Host} from './host.ts';
import type {Serve} from './requests.ts';

/**
 * Who serves, TCP and UDP, under which name. 8080 is everybody's; a and c have one port that the other has not, so
 * that a packet to the right pod's wrong port is refused. `n1` is a host-network pod, `lb` a load balancer outside.
 */
const servers: readonly (Serve & {readonly host: HostName})[] = [
	{host: 'a', name: 'a', ports: [8080, 8081]},
	{host: 'b', name: 'b', ports: [8080]},
	{host: 'c', name: 'c', ports: [8080, 9090]},
	...addresses.n1.map((address) => ({host: 'n1', name: 'n1', ports: [8080], address}) as const),
	...addresses.lb.map((address) => ({host: 'out', name: 'lb', ports: [80], address}) as const),
];

/** Whether somebody answers at `port` of the host that holds the address called `name`. */
export function isServed(name: string, port: number): boolean {
	return servers.some((server) => server.name === name && server.ports.includes(port));
}

/** Next hops as Calico uses them: addresses that only the permanent neighbour entry knows. */
const gateways = ['169.254.1.1', 'fe80::1'] as const;

export type Lab = {readonly hosts: Readonly<Record<HostName, Host>>; end(): Promise<void>};

/**
 * Builds the cluster of `addresses.ts`; `end` leaves nothing behind. Every link has fixed MAC addresses and
 * permanent neighbours, so no packet waits for ARP or ND.
 *
 * @param pods `bare`: a and b serve, but have no network yet
 */
export async function buildLab(pods: 'linked' | 'bare' = 'linked'): Promise<Lab> {
	const names: readonly HostName[] = ['n1', 'n2', 'a', 'b', 'c', 'out'];
	const started = names.map((name) => new Host(name));
	const [n1, n2, a, b, c, out] = await Promise.all(started.map((host) => host.ready()));
	if (!(n1 && n2 && a && b && c && out)) {
		throw new Error('a host is missing');
	}

	const hosts = {n1, n2, a, b, c, out};
	await Promise.all(started.map((host) => host.ask('sysctl', sysctls)));
	await Promise.all([n1, n2].map((host) => host.ask('sysctl', forwarding)));
	await n1.ask('ip', [...n1Lines(hosts), ...(pods === 'linked' ? podLines(hosts) : [])]);
	await n2.ask('ip', n2Lines(hosts));
	const edges = pods === 'linked' ? (['a', 'b', 'c', 'out'] as const) : (['c', 'out'] as const);
	await Promise.all(edges.map((name) => hosts[name].ask('ip', edgeLines(name))));
	await Promise.all(servers.map(({host, ...server}) => hosts[host].ask('serve', server)));
	return {hosts, end: async () => void (await Promise.all(started.map((host) => host.end())))};
}

/** The kernel's bound on ICMP errors of all kinds to anybody; a namespace's own since 6.11, the machine's before. */
const errorRate = {'net.ipv4.icmp_msgs_per_sec': '1000000', 'net.ipv4.icmp_msgs_burst': '100000'} as const;
const hasErrorRate = existsSync('/proc/sys/net/ipv4/icmp_msgs_per_sec');

/** Set in each namespace before it has any link. */
const sysctls = {
	'net.ipv4.conf.all.rp_filter': '0',
	'net.ipv4.conf.default.rp_filter': '0',
	'net.ipv6.conf.default.addr_gen_mode': '1', // no link-local addresses
	'net.ipv4.ping_group_range': '0 0', // root may have ping sockets, of both families
	'net.ipv4.icmp_ratelimit': '0', // each of a hundred refused probes must hear its port-unreachable
	'net.ipv6.icmp.ratelimit': '0',
	...(hasErrorRate && errorRate),
	'net.netfilter.nf_conntrack_udp_timeout': '2', // flows of probes are forgotten before their ports come round again
	'net.netfilter.nf_conntrack_udp_timeout_stream': '2',
} as const;

const forwarding = {'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.forwarding': '1'} as const;

/** The MAC address of `name`'s end of its link towards n1 or n2 (`own`), or of the other end of that link. */
function mac(name: string, own: boolean): string {
	return `02:00:00:00:${own ? '01' : '02'}:${(name.codePointAt(0) ?? 0).toString(16)}`;
}

function addAddress(device: string, pair: readonly string[]): string[] {
	return pair.map(
		(address) => `address add ${address.includes(':') ? `${address}/128 nodad` : `${address}/32`} dev ${device}`,
	);
}

function addNeighbours(device: string, pair: readonly string[], lladdr: string): string[] {
	return pair.map((address) => `neigh add ${address} lladdr ${lladdr} dev ${device} nud permanent`);
}

/** A link from `device` of this namespace to `eth0` of `host`. */
function link(device: string, {name, pid}: Host): string[] {
	return [
		`link add ${device} address ${mac(name, false)} type veth peer name eth0 address ${mac(name, true)} netns ${pid}`,
		`link set ${device} up`,
	];
}

/** The way over `device` to addresses that `host` holds, and the source that this namespace takes for it. */
function reach(device: string, host: HostName, pair: readonly string[], sources: readonly string[]): string[] {
	const source = (address: string) => sources.find((own) => own.includes(':') === address.includes(':'));
	const routes = pair.map((address) => `route add ${address} dev ${device} src ${source(address)}`);
	return [...routes, ...addNeighbours(device, pair, mac(host, true))];
}

function n1Lines(hosts: Lab['hosts']): string[] {
	return [
		'link set lo up',
		...link('eth0', hosts.n2),
		...addAddress('eth0', addresses.n1),
		'link add alt0 type veth peer name alt1',
		'link set alt0 up',
		...addAddress('alt0', addresses.alt),
		...link('out0', hosts.out),
		...reach('eth0', 'n2', addresses.n2, addresses.n1),
		...reach('out0', 'out', [...addresses.out, ...addresses.lb], addresses.n1),
		`route add 10.128.1.0/24 via ${addresses.n2[0]} dev eth0 onlink`,
		`route add fd00:128:0:1::/64 via ${addresses.n2[1]} dev eth0`,
		...defaultRoutes('out0', mac('out', true), addresses.n1),
	];
}

function podLines(hosts: Lab['hosts']): string[] {
	return [
		...link('poda', hosts.a),
		...link('podb', hosts.b),
		...reach('poda', 'a', addresses.a, addresses.n1),
		...reach('podb', 'b', addresses.b, addresses.n1),
	];
}

function n2Lines(hosts: Lab['hosts']): string[] {
	return [
		'link set lo up',
		'link set eth0 up',
		...addAddress('eth0', addresses.n2),
		...link('podc', hosts.c),
		...reach('podc', 'c', addresses.c, addresses.n2),
		...defaultRoutes('eth0', mac('n2', false), addresses.n2),
	];
}

/** A pod or the outside host: one link, and the default route over it. */
function edgeLines(name: Exclude<HostName, 'n1' | 'n2'>): string[] {
	return [
		'link set lo up',
		'link set eth0 up',
		...addAddress('eth0', addresses[name]),
		...(name === 'out' ? addAddress('eth0', addresses.lb) : []),
		...defaultRoutes('eth0', mac(name, false), addresses[name]),
	];
}

function defaultRoutes(device: string, lladdr: string, sources: readonly string[]): string[] {
	return [
		...addNeighbours(device, gateways, lladdr),
		...gateways.map(
			(gateway, family) => `route add default via ${gateway} dev ${device} onlink src ${sources[family]}`,
		),
	];
}
