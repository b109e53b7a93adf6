import type {Change} from '../../src/model/change.ts';
import {type EndpointSlice, keyOf, type Service, type WorldObject} from '../../src/model/objects.ts';
import {parseAddress} from '../../src/net/address.ts';
import {
	buildEndpoint,
	buildEndpointPort,
	buildNode,
	buildPort,
	buildService,
	buildServiceCidr,
	buildSlice,
} from '../support/builders.ts';
import {addresses} from './addresses.ts';
import type {Probe} from './requests.ts';

/** IPv4, IPv6: the place of each in a pair of addresses. */
export const bothFamilies = [0, 1] as const;
type FamilyIndex = (typeof bothFamilies)[number];

export const put = (object: WorldObject): Change => ({verb: 'put', object});
export const gone = (object: WorldObject): Change => ({verb: 'delete', kind: object.kind, key: keyOf(object)});

/** The node n1 as it is before any Service, and the word that this is all. */
export function nodeChanges(): Change[] {
	const own = addresses.n1.map((address): Change => {
		return {verb: 'put', object: {kind: 'NodeAddress', address: parseAddress(address), interface: 'eth0'}};
	});
	return [
		put(buildNode({addresses: addresses.n1})),
		put(buildServiceCidr('kubernetes', '10.96.1.0/25')),
		...own,
		{verb: 'synced', source: 'files', complete: true},
	];
}

export const frontendKinds = ['clusterIP', 'nodePort', 'externalIP', 'loadBalancerIP'] as const;
type FrontendKind = (typeof frontendKinds)[number];

/** One frontend of the UDP Service of that index, 1 to 250. */
export function frontend(kind: FrontendKind, family: FamilyIndex, index = 1): Probe {
	const hex = index.toString(16).padStart(2, '0');
	switch (kind) {
		case 'clusterIP':
			return udp([`10.96.1.${index}`, `fd00:96::1${hex}`][family], 53);
		case 'nodePort':
			return udp(addresses.n1[family], 30_000 + index);
		case 'externalIP':
			return udp([`198.51.100.${index}`, `2001:db8:51::1${hex}`][family], 53);
		case 'loadBalancerIP':
			return udp([`203.0.113.${index}`, `2001:db8:71::1${hex}`][family], 53);
	}
}

export function udp(address: string | undefined, port: number): Probe {
	return {protocol: 'UDP', address: address ?? '', port};
}

/** A Service with a frontend of each kind in both families; TCP too where `tcp` is told. */
export function udpService(name: string, index = 1, {tcp = false} = {}): Service {
	const both = (kind: FrontendKind) => bothFamilies.map((family) => frontend(kind, family, index).address);
	const port = {name: 'dns', protocol: 'UDP', port: 53, nodePort: 30_000 + index} as const;
	return buildService(`shop/${name}`, {
		type: 'LoadBalancer',
		clusterIps: both('clusterIP'),
		externalIps: both('externalIP'),
		ingress: both('loadBalancerIP'),
		ports: [buildPort(port), ...(tcp ? [buildPort({...port, name: 'tcp', protocol: 'TCP'})] : [])],
	});
}

type Conditions = Parameters<typeof buildEndpoint>[1];

/** Its slices, one a family: each pod with the conditions of its endpoint. */
export function udpSlices(name: string, pods: Partial<Record<'a' | 'c', Conditions>>, port = 8080): EndpointSlice[] {
	return bothFamilies.map((family) => {
		const endpoints = (['a', 'c'] as const)
			.filter((pod) => pods[pod] !== undefined)
			.map((pod) => buildEndpoint(addresses[pod][family], pods[pod]));
		const ports = [buildEndpointPort(port, 'dns', 'UDP'), buildEndpointPort(port, 'tcp', 'TCP')];
		const slice = buildSlice(`shop/${name}`, endpoints, {name: `${name}-${family}`, ports});
		return {...slice, family: family === 0 ? 'IPv4' : 'IPv6'}; // without endpoints it could not be told
	});
}

export const ready: Conditions = {};
