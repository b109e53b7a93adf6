import type {Change} from '../../src/model/change.ts';
import type {Endpoint, EndpointSlice, Service} from '../../src/model/objects.ts';
import type {Address} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';

/** A made-up cluster of one size: TCP cluster IPs in 10.96.0.0/12, endpoints in 10.128.0.0/9, one in ten on this node. */
export const nodeName = 'bench';
export const clusterCidr = '10.128.0.0/9';
const podCidr = '10.128.0.0/24';
export const serviceCidr = '10.96.0.0/12';

function ipv4(base: number, index: number): Address {
	const value = base + index;
	return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Address;
}

/** Cluster IP of Service `index`. */
export function serviceAddress(index: number): Address {
	return ipv4(0x0a_60_00_01, index);
}

/** Address of endpoint `slot` of Service `index`, of at most `perService`. */
export function endpointAddress(index: number, slot: number, perService: number): Address {
	return ipv4(0x0a_80_00_01, index * perService + slot);
}

export function service(index: number, nodePort = 0): Service {
	return {
		kind: 'Service',
		namespace: `team-${index % 50}`,
		name: `service-${index}`,
		type: nodePort === 0 ? 'ClusterIP' : 'NodePort',
		clusterIps: [serviceAddress(index)],
		ports: [{name: 'http', protocol: 'TCP', port: 80, nodePort}],
		externalIps: [],
		loadBalancerIngress: [],
		loadBalancerSourceRanges: [],
		externalTrafficPolicy: 'Cluster',
		internalTrafficPolicy: 'Cluster',
		healthCheckNodePort: 0,
	};
}

/** An endpoint, one in ten on this node; every field written, as the parser does. */
export function endpoint(address: Address, slot: number): Endpoint {
	return {
		address,
		ready: true,
		serving: true,
		terminating: false,
		nodeName: slot % 10 === 0 ? nodeName : `node-${slot % 10}`,
		hintZones: undefined,
		hintNodes: undefined,
		pod: undefined,
	};
}

/** An address that no Service has at its start. */
export function spareAddress(index: number): Address {
	return ipv4(0x0a_f0_00_01, index);
}

/** What is there beside Services: this node, its address, and the range of cluster IPs. */
export function* nodeObjects(): Generator<Change> {
	const address = '172.31.1.1' as Address;
	yield {
		verb: 'put',
		object: {kind: 'Node', name: nodeName, addresses: [address], podCidrs: [parsePrefix(podCidr)], leaving: false},
	};
	yield {verb: 'put', object: {kind: 'NodeAddress', address, interface: 'eth0'}};
	yield {verb: 'put', object: {kind: 'ServiceCIDR', name: 'kubernetes', cidrs: [parsePrefix(serviceCidr)]}};
}

export function slice(index: number, endpoints: readonly Endpoint[]): EndpointSlice {
	return {
		kind: 'EndpointSlice',
		namespace: `team-${index % 50}`,
		name: `service-${index}-x7k2p`,
		service: `service-${index}`,
		family: 'IPv4',
		ports: [{name: 'http', protocol: 'TCP', port: 8080}],
		endpoints,
	};
}

/** A Service and the one slice of its endpoints. */
export type Pair = {readonly service: Service; readonly slice: EndpointSlice};

/** Service `index` with `perService` ready endpoints. */
function pairOf(index: number, perService: number): Pair {
	const endpoints = Array.from({length: perService}, (_, slot) =>
		endpoint(endpointAddress(index, slot, perService), slot),
	);
	return {service: service(index), slice: slice(index, endpoints)};
}

/** The first `services` of them, one after the other. */
export function* pairsOf(services: number, perService: number): Generator<Pair> {
	for (let index = 0; index < services; index++) {
		yield pairOf(index, perService);
	}
}

/** Service `index` and its slice, as changes. */
export function* changesOf(index: number, perService: number): Generator<Change> {
	const pair = pairOf(index, perService);
	yield {verb: 'put', object: pair.service};
	yield {verb: 'put', object: pair.slice};
}
