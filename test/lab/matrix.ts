import type {TrafficPolicy} from '../../src/model/objects.ts';
import {addresses} from './addresses.ts';
import {
	expected,
	type Location,
	locations,
	type MatrixFrontend,
	matrixClients,
	type Policies,
	type State,
} from './oracle.ts';
import type {Destination, PacketTable} from './packets.ts';

/** A Kubernetes object as the API server gives it. */
export type KubeJson = Readonly<Record<string, unknown>> & {readonly metadata: Readonly<Record<string, unknown>>};

const policies: readonly TrafficPolicy[] = ['Cluster', 'Local'];

export const allPolicies: readonly Policies[] = policies.flatMap((internal) =>
	policies.map((external) => ({internal, external})),
);

export const allStates: readonly State[] = allPolicies.flatMap(
	(pair) => (Object.keys(locations) as Location[]).map((location) => ({...pair, location})), // the keys of a literal
);

/** One Service of the matrix; `index` 1 to 250 gives it addresses and a node port of its own. */
export type MatrixService = State & {readonly name: string; readonly index: number};

const created = '2026-05-04T09:12:00Z';

function metadata(kind: string, name: string, extra: Readonly<Record<string, unknown>> = {}): KubeJson['metadata'] {
	return {
		creationTimestamp: created,
		...extra,
		name,
		...(kind === 'cluster' ? {} : {namespace: 'shop'}),
		resourceVersion: '4711',
		uid: `7a1e0000-0000-4000-8000-${Buffer.from(name).toString('hex').slice(-12).padStart(12, '0')}`,
	};
}

/** The two nodes and the range of service addresses. */
export function clusterObjects(): KubeJson[] {
	return [
		nodeObject('n1', 'zone-1', addresses.n1, ['10.128.0.0/24', 'fd00:128::/64']),
		nodeObject('n2', 'zone-2', addresses.n2, ['10.128.1.0/24', 'fd00:128:0:1::/64']),
		{
			apiVersion: 'networking.k8s.io/v1',
			kind: 'ServiceCIDR',
			metadata: metadata('cluster', 'kubernetes'),
			spec: {cidrs: ['10.96.0.0/16', 'fd00:96::/112']},
			status: {
				conditions: [
					{
						lastTransitionTime: created,
						message: 'Kubernetes Service CIDR is ready',
						reason: '',
						status: 'True',
						type: 'Ready',
					},
				],
			},
		},
	];
}

function nodeObject(name: string, zone: string, own: readonly string[], podCIDRs: readonly string[]): KubeJson {
	return {
		apiVersion: 'v1',
		kind: 'Node',
		metadata: metadata('cluster', name, {
			labels: {'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone},
		}),
		spec: {podCIDR: podCIDRs[0], podCIDRs},
		status: {
			addresses: [...own.map((address) => ({address, type: 'InternalIP'})), {address: name, type: 'Hostname'}],
			nodeInfo: {architecture: 'amd64', operatingSystem: 'linux'},
		},
	};
}

/** Where the frontends of a Service of the matrix are, in the order of the table's columns. */
export function matrixDestinations({index}: MatrixService): Readonly<Record<MatrixFrontend, Destination>> {
	const hex = index.toString(16);
	const to = (label: string, ipv4: string, ipv6: string, port = 80): Destination => ({
		label,
		addresses: [ipv4, ipv6],
		port,
		protocols: ['TCP', 'UDP'],
	});
	return {
		clusterIP: to('cluster IP', `10.96.1.${index}`, `fd00:96::1${hex.padStart(2, '0')}`),
		nodePort: to('node port', addresses.n1[0], addresses.n1[1], 30_100 + index),
		externalIP: to('external IP', `198.51.100.${index}`, `2001:db8:51::${hex}`),
		loadBalancerIP: to('load-balancer IP', `203.0.113.${index}`, `2001:db8:71::${hex}`),
	};
}

/** The Service and its two slices, one of each family. */
export function matrixObjects(service: MatrixService): KubeJson[] {
	const {clusterIP, externalIP, loadBalancerIP} = matrixDestinations(service);
	const port = (name: string, protocol: string) => ({
		name,
		nodePort: 30_100 + service.index,
		port: 80,
		protocol,
		targetPort: 8080,
	});
	return [
		{
			apiVersion: 'v1',
			kind: 'Service',
			metadata: metadata('Service', service.name, {labels: {app: service.name}}),
			spec: {
				allocateLoadBalancerNodePorts: true,
				clusterIP: clusterIP.addresses[0],
				clusterIPs: clusterIP.addresses,
				externalIPs: externalIP.addresses,
				externalTrafficPolicy: service.external,
				internalTrafficPolicy: service.internal,
				ipFamilies: ['IPv4', 'IPv6'],
				ipFamilyPolicy: 'RequireDualStack',
				ports: [port('http', 'TCP'), port('quic', 'UDP')],
				selector: {app: service.name},
				sessionAffinity: 'None',
				type: 'LoadBalancer',
			},
			status: {loadBalancer: {ingress: loadBalancerIP.addresses.map((ip) => ({ip, ipMode: 'VIP'}))}},
		},
		sliceObject(service, 'IPv4', 0),
		sliceObject(service, 'IPv6', 1),
	];
}

function sliceObject({name, location}: MatrixService, addressType: string, family: 0 | 1): KubeJson {
	const {ready, ending}: {ready: readonly ('a' | 'c')[]; ending: readonly ('a' | 'c')[]} = locations[location];
	const endpoint = (pod: 'a' | 'c', conditions: Readonly<Record<string, boolean>>) => ({
		addresses: [addresses[pod][family]],
		conditions,
		nodeName: pod === 'a' ? 'n1' : 'n2',
		targetRef: {kind: 'Pod', name: pod, namespace: 'shop'},
		zone: pod === 'a' ? 'zone-1' : 'zone-2',
	});
	const endpoints = [
		...ready.map((pod) => endpoint(pod, {ready: true, serving: true, terminating: false})),
		...ending.map((pod) => endpoint(pod, {ready: false, serving: true, terminating: true})),
		// A pod that fails its readiness probe is listed, and is no endpoint.
		...(location === 'none' ? [endpoint('a', {ready: false, serving: false, terminating: false})] : []),
	];
	return {
		addressType,
		apiVersion: 'discovery.k8s.io/v1',
		endpoints,
		kind: 'EndpointSlice',
		metadata: metadata('EndpointSlice', `${name}-${addressType.toLowerCase()}`, {
			labels: {
				'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
				'kubernetes.io/service-name': name,
			},
		}),
		ports: [
			{name: 'http', port: 8080, protocol: 'TCP'},
			{name: 'quic', port: 8080, protocol: 'UDP'},
		],
	};
}

/** What each kind of client gets from each frontend of the Service. */
export function matrixTable(service: MatrixService): PacketTable {
	const destinations = matrixDestinations(service);
	const kinds = Object.keys(destinations) as MatrixFrontend[]; // the keys of a record of them
	return {
		title: [`Service shop/${service.name}: ${describe(service.location)}`],
		destinations: kinds.map((kind) => destinations[kind]),
		rows: matrixClients.map((client) => ({client, cells: kinds.map((kind) => expected(kind, service, client))})),
	};
}

function describe(location: Location): string {
	switch (location) {
		case 'here':
			return 'one ready endpoint, a, on this node';
		case 'elsewhere':
			return 'one ready endpoint, c, on another node';
		case 'both':
			return 'ready endpoints on this node (a) and on another (c)';
		case 'ending-here':
			return 'one endpoint, a, on this node; it is terminating and still serves';
		case 'ending-elsewhere':
			return 'one endpoint, c, on another node; it is terminating and still serves';
		case 'moving':
			return 'a ready endpoint, c, on another node; the one on this node, a, is terminating and still serves';
		case 'none':
			return 'one endpoint, a, that is not ready: there is nobody to answer';
	}
}
