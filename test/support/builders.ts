import type {
	Endpoint,
	EndpointPort,
	EndpointSlice,
	HostPort,
	Node,
	PodAttachment,
	Service,
	ServiceCidr,
	ServicePort,
} from '../../src/model/objects.ts';
import {type Address, familyOf, parseAddress} from '../../src/net/address.ts';
import type {Protocol} from '../../src/net/port.ts';
import {parsePrefix} from '../../src/net/prefix.ts';

/** This node, in every test that does not say otherwise. */
export const thisNode = 'here';

/** As `namespace/name`. */
type Name = `${string}/${string}`;

type ServiceParts = Partial<
	Omit<
		Service,
		'kind' | 'namespace' | 'name' | 'clusterIps' | 'externalIps' | 'loadBalancerSourceRanges' | 'loadBalancerIngress'
	>
> & {
	readonly clusterIps?: readonly string[];
	readonly externalIps?: readonly string[];
	/** As addresses with ipMode VIP, or `Proxy 192.0.2.1`. */
	readonly ingress?: readonly string[];
	readonly sourceRanges?: readonly string[];
};

/** A ClusterIP Service with the cluster IP 10.96.0.10 and the TCP port 80 named http, but for what `parts` say. */
export function buildService(name: Name, parts: ServiceParts = {}): Service {
	const {clusterIps = ['10.96.0.10'], externalIps = [], ingress = [], sourceRanges = [], ...rest} = parts;
	return {
		kind: 'Service',
		...split(name),
		type: 'ClusterIP',
		clusterIps: clusterIps.map(parseAddress),
		ports: [buildPort()],
		externalIps: externalIps.map(parseAddress),
		loadBalancerIngress: ingress.map((text) => ({
			address: parseAddress(text.replace('Proxy ', '')),
			ipMode: text.startsWith('Proxy ') ? 'Proxy' : 'VIP',
		})),
		loadBalancerSourceRanges: sourceRanges.map(parsePrefix),
		externalTrafficPolicy: 'Cluster',
		internalTrafficPolicy: 'Cluster',
		healthCheckNodePort: 0,
		...rest,
	};
}

/** The port `http`, 80/TCP, without a node port, but for what `parts` say. */
export function buildPort(parts: Partial<ServicePort> = {}): ServicePort {
	return {name: 'http', protocol: 'TCP', port: 80, nodePort: 0, ...parts};
}

type EndpointParts = Partial<Omit<Endpoint, 'address'>>;

/** A ready endpoint on node `there`, but for what `parts` say. */
export function buildEndpoint(address: string, parts: EndpointParts = {}): Endpoint {
	const plain = {ready: true, serving: true, terminating: false, nodeName: 'there'};
	return {
		address: parseAddress(address),
		...plain,
		hintZones: undefined,
		hintNodes: undefined,
		pod: undefined,
		...parts,
	};
}

/** A ready endpoint on this node. */
export function buildLocalEndpoint(address: string, parts: EndpointParts = {}): Endpoint {
	return buildEndpoint(address, {nodeName: thisNode, ...parts});
}

/** Conditions of an endpoint that is going away but still answers. */
export const terminating = {ready: false, serving: true, terminating: true} as const;

/** Conditions of an endpoint that does not answer. */
export const notReady = {ready: false, serving: false, terminating: false} as const;

type SliceParts = {readonly name?: string; readonly ports?: readonly EndpointPort[]};

/** A slice of the Service `service` (as `namespace/name`) with the port `http` as 8080/TCP. Family: the first endpoint's. */
export function buildSlice(service: Name, endpoints: readonly Endpoint[], parts: SliceParts = {}): EndpointSlice {
	const {namespace, name} = split(service);
	const [first] = endpoints;
	return {
		kind: 'EndpointSlice',
		namespace,
		name: parts.name ?? `${name}-abc`,
		service: name,
		family: first === undefined ? 'IPv4' : familyOf(first.address),
		ports: parts.ports ?? [buildEndpointPort()],
		endpoints,
	};
}

export function buildEndpointPort(port = 8080, name = 'http', protocol: Protocol = 'TCP'): EndpointPort {
	return {name, protocol, port};
}

type NodeParts = {
	readonly addresses?: readonly string[];
	readonly podCidrs?: readonly string[];
	readonly zone?: string;
	readonly leaving?: boolean;
};

/** The node `here` with the address 172.31.1.1, but for what `parts` say. */
export function buildNode(parts: NodeParts = {}, name = thisNode): Node {
	const {addresses = ['172.31.1.1'], podCidrs = [], zone, leaving = false} = parts;
	return {
		kind: 'Node',
		name,
		addresses: addresses.map(parseAddress) as readonly Address[],
		podCidrs: podCidrs.map(parsePrefix),
		...(zone !== undefined && {zone}),
		leaving,
	};
}

export function buildServiceCidr(name: string, ...cidrs: readonly string[]): ServiceCidr {
	return {kind: 'ServiceCIDR', name, cidrs: cidrs.map(parsePrefix)};
}

function split(name: Name): {namespace: string; name: string} {
	const [namespace = '', rest = ''] = name.split('/');
	return {namespace, name: rest};
}

type AttachmentParts = Partial<Omit<PodAttachment, 'kind' | 'namespace' | 'name' | 'addresses' | 'hostPorts'>> & {
	readonly addresses?: readonly string[];
	/** As `8080:80`, `53:5353/UDP`, `192.0.2.1 8080:80`, `:: 8080:80`. */
	readonly hostPorts?: readonly string[];
};

/** The pod's interface eth0, of the container `<name>-container`, with the address 10.128.0.9, but for what `parts` say. */
export function buildAttachment(name: Name, parts: AttachmentParts = {}): PodAttachment {
	const {addresses = ['10.128.0.9'], hostPorts = [], ...rest} = parts;
	const pod = split(name);
	return {
		kind: 'PodAttachment',
		containerId: `${pod.name}-container`,
		ifName: 'eth0',
		...pod,
		uid: `${pod.name}-uid`,
		addresses: addresses.map(parseAddress),
		link: 'fair1',
		hostPorts: hostPorts.map(buildHostPort),
		...rest,
	};
}

function buildHostPort(text: string): HostPort {
	const [, hostIp, hostPort, containerPort, protocol = 'TCP'] =
		/^(?:(\S+) )?(\d+):(\d+)(?:\/(TCP|UDP|SCTP))?$/.exec(text) ?? [];
	return {
		protocol: protocol as Protocol,
		hostPort: Number(hostPort),
		containerPort: Number(containerPort),
		...(hostIp !== undefined && {hostIp: parseAddress(hostIp)}),
	};
}
