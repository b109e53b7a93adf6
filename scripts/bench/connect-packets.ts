import {addresses} from '../../test/lab/addresses.ts';
import {
	clusterObjects,
	type KubeJson,
	type MatrixService,
	matrixDestinations,
	matrixObjects,
} from '../../test/lab/matrix.ts';
import type {MatrixFrontend} from '../../test/lab/oracle.ts';
import type {ProbeResult} from '../../test/lab/requests.ts';

/** The first packet of a connection whose rules are counted, in the lab of `test/lab`: n1 has the rules. */
export type FirstPacket = {
	readonly what: string;
	readonly from: 'a' | 'b' | 'n1' | 'out';
	readonly address: string;
	readonly port: number;
	/** What must become of it, or it was another packet that was counted. */
	readonly result: ProbeResult['kind'];
	/** Whether kube-proxy's shape, as far as it is built here, has rules for it. */
	readonly peer?: true;
	/** Not sent before it is counted. */
	readonly fresh?: true;
};

const cluster = {internal: 'Cluster', external: 'Cluster', location: 'both'} as const;
const services = {
	web: {...cluster, name: 'web', index: 1},
	self: {...cluster, location: 'here', name: 'self', index: 2},
	local: {...cluster, external: 'Local', name: 'local', index: 3},
	none: {...cluster, location: 'none', name: 'none', index: 4},
	ranges: {...cluster, name: 'ranges', index: 5},
	sticky: {...cluster, name: 'sticky', index: 6},
	/** One endpoint, pod a, at the port of the prober's server. */
	stream: {...cluster, location: 'here', name: 'stream', index: 7},
} as const satisfies Record<string, MatrixService>;

export const streamPort = 9000;

/** All Services that the packets go to, with endpoints a on n1 and c on another node, as the API server gives them. */
export function packetObjects(): KubeJson[] {
	const {web, self, local, none, ranges, sticky, stream} = services;
	return [
		...clusterObjects(),
		...[web, self, local, none].flatMap(matrixObjects),
		...withSpec(ranges, 'Service', {loadBalancerSourceRanges: ['192.0.2.0/24']}),
		...withSpec(sticky, 'Service', {
			sessionAffinity: 'ClientIP',
			sessionAffinityConfig: {clientIP: {timeoutSeconds: 600}},
		}),
		...matrixObjects(stream).map((object) => ('ports' in object ? {...object, ports: streamPorts} : object)),
	];
}

const streamPorts = [
	{name: 'http', port: streamPort, protocol: 'TCP'},
	{name: 'quic', port: streamPort, protocol: 'UDP'},
];

function withSpec(service: MatrixService, kind: string, extra: Readonly<Record<string, unknown>>): KubeJson[] {
	return matrixObjects(service).map((object) =>
		object['kind'] === kind ? {...object, spec: {...Object(object['spec']), ...extra}} : object,
	);
}

/** Where a frontend of one of the Services is, in IPv4. */
export function frontendOf(name: keyof typeof services, frontend: MatrixFrontend): {address: string; port: number} {
	const {addresses: pair, port} = matrixDestinations(services[name])[frontend];
	return {address: pair[0] ?? '', port};
}

export const clusterIpPacket: FirstPacket = {
	what: 'cluster IP, from a pod',
	from: 'b',
	...frontendOf('web', 'clusterIP'),
	result: 'answered',
	peer: true,
};

/** Every kind of first packet but those of session affinity. */
export const firstPackets: readonly FirstPacket[] = [
	clusterIpPacket,
	{...clusterIpPacket, what: 'cluster IP, from the node', from: 'n1'},
	{what: 'hairpin: a pod to itself', from: 'a', ...frontendOf('self', 'clusterIP'), result: 'answered'},
	{what: 'node port', from: 'out', ...frontendOf('web', 'nodePort'), result: 'answered'},
	{what: 'load-balancer IP', from: 'out', ...frontendOf('web', 'loadBalancerIP'), result: 'answered'},
	{
		what: 'load-balancer IP with source ranges',
		from: 'out',
		...frontendOf('ranges', 'loadBalancerIP'),
		result: 'answered',
	},
	{
		what: 'the same, from none of the ranges',
		from: 'b',
		...frontendOf('ranges', 'loadBalancerIP'),
		result: 'dropped',
	},
	...(['out', 'b', 'n1'] as const).map((from) => ({
		what: `external policy Local, from ${{out: 'outside', b: 'a pod', n1: 'the node'}[from]}`,
		from,
		...frontendOf('local', 'loadBalancerIP'),
		result: 'answered' as const,
	})),
	{what: 'refused: no endpoints', from: 'b', ...frontendOf('none', 'clusterIP'), result: 'refused'},
	{what: 'refused: unused port', from: 'b', ...frontendOf('web', 'clusterIP'), port: 81, result: 'refused', peer: true},
	{
		what: 'dropped: unallocated service IP',
		from: 'b',
		address: '10.96.200.200',
		port: 80,
		result: 'dropped',
		peer: true,
	},
	{what: 'a connection to no Service', from: 'b', address: addresses.c[0], port: 8080, result: 'answered', peer: true},
];

const sticky = {...frontendOf('sticky', 'clusterIP'), result: 'answered'} as const;

export const affinityPackets: readonly FirstPacket[] = [
	{what: 'session affinity, a known client', from: 'b', ...sticky},
	{what: 'session affinity, a new client', from: 'n1', ...sticky, fresh: true},
];
