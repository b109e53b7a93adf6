import {fc} from '@fast-check/ava';
import type {Change} from '../../src/model/change.ts';
import {
	type EndpointSlice,
	keyOf,
	type NodeAddress,
	type PodAttachment,
	type Service,
	type WorldObject,
} from '../../src/model/objects.ts';
import {parseAddress} from '../../src/net/address.ts';
import {
	buildAttachment,
	buildEndpoint,
	buildEndpointPort,
	buildNode,
	buildPort,
	buildService,
	buildServiceCidr,
	buildSlice,
	thisNode,
} from './builders.ts';

/** Arbitrary changes of a small cluster in which nearly everything meets: few names, few addresses, all features. */

const names = fc.constantFrom('shop/a', 'shop/b', 'kube-system/a');
const few = <T>(...values: readonly T[]) => fc.subarray([...values]);

const ports = fc
	.record({
		nodePort: fc.constantFrom(0, 0, 30_080, 80),
		udpNodePort: fc.constantFrom(0, 30_053),
		which: fc.constantFrom('tcp', 'udp', 'both'),
	})
	.map(({nodePort, udpNodePort, which}) => {
		const tcp = buildPort({nodePort});
		const udp = buildPort({name: 'dns', protocol: 'UDP', port: 53, nodePort: udpNodePort});
		return which === 'tcp' ? [tcp] : which === 'udp' ? [udp] : [tcp, udp];
	});

const policies = fc.constantFrom('Cluster' as const, 'Local' as const);

const services: fc.Arbitrary<Service> = fc
	.record({
		name: names,
		type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'LoadBalancer', 'ExternalName'),
		clusterIps: few('10.96.0.10', 'fd00::a'),
		ports,
		externalIps: few('192.0.2.1', '10.96.0.11', '172.31.1.1', '2001:db8::1'),
		ingress: few('203.0.113.7', 'Proxy 203.0.113.8', '192.0.2.1', '2001:db8::7'),
		sourceRanges: few('198.51.100.0/24', '198.51.100.9/32', '172.31.0.0/16', '2001:db8::/32', '0.0.0.0/0'),
		externalTrafficPolicy: policies,
		internalTrafficPolicy: policies,
		healthCheckNodePort: fc.constantFrom(0, 32_000, 32_001),
		affinity: fc.constantFrom(0, 0, 600, 90),
		proxyName: fc.constantFrom(undefined, undefined, undefined, 'other'),
		createdAt: fc.constantFrom(undefined, 1, 2),
	})
	.map(({name, type, affinity, proxyName, createdAt, clusterIps, ...parts}) =>
		buildService(name, {
			...parts,
			type: type as Service['type'],
			// A Service keeps its own addresses, as the API server sees to: names differ, so do they.
			clusterIps: clusterIps.map((ip) => (name === 'shop/b' ? ip.replace(/a$/, 'b').replace(/10$/, '11') : ip)),
			...(affinity > 0 && {affinityTimeoutSeconds: affinity}),
			...(proxyName !== undefined && {proxyName}),
			...(createdAt !== undefined && {createdAt}),
		}),
	);

const endpoints = fc
	.record({
		host: fc.integer({min: 1, max: 4}),
		ready: fc.boolean(),
		serving: fc.boolean(),
		terminating: fc.boolean(),
		nodeName: fc.constantFrom(thisNode, 'there', undefined),
		hintZones: fc.constantFrom(undefined, ['a'], ['a'], ['b']),
		hintNodes: fc.constantFrom(undefined, undefined, [thisNode]),
	})
	.map(({host, ...parts}) => ({host, parts}));

const slices: fc.Arbitrary<EndpointSlice> = fc
	.record({
		service: names,
		name: fc.constantFrom('x', 'y'),
		six: fc.boolean(),
		ports: fc.constantFrom(
			[buildEndpointPort()],
			[buildEndpointPort(5353, 'dns', 'UDP')],
			[buildEndpointPort(8081), buildEndpointPort(5353, 'dns', 'UDP')],
		),
		endpoints: fc.array(endpoints, {maxLength: 3}),
		isLost: fc.constantFrom(false, false, false, true),
	})
	.map(({service, name, six, isLost, ...parts}) => {
		const list = parts.endpoints.map((each) =>
			buildEndpoint(`${six ? 'fd01::' : '10.128.0.'}${each.host}`, each.parts),
		);
		const slice = buildSlice(service, list, {name, ports: parts.ports});
		return {...slice, family: six ? 'IPv6' : 'IPv4', service: isLost ? '' : slice.service};
	});

const nodes = fc
	.record({
		zone: fc.constantFrom('a', 'b', ''),
		podCidrs: few('10.128.0.0/24', 'fd01::/64'),
		addresses: few('172.31.1.1', '172.31.1.2', 'fd02::1'),
		name: fc.constantFrom(thisNode, thisNode, 'there'),
	})
	.map(({zone, name, ...parts}) => buildNode({...parts, ...(zone !== '' && {zone})}, name));

const serviceCidrs = few('10.96.0.0/12', '10.96.0.0/16', 'fd00::/108').map((cidrs) =>
	buildServiceCidr('kubernetes', ...cidrs),
);

const nodeAddresses = fc
	.constantFrom('172.31.1.1', '172.31.1.9', '127.0.0.1', 'fd02::1')
	.map((address): NodeAddress => ({kind: 'NodeAddress', address: parseAddress(address), interface: 'eth0'}));

const attachments: fc.Arbitrary<PodAttachment> = fc
	.record({
		name: names,
		containerId: fc.constantFrom('one', 'other'),
		addresses: few('10.128.0.1', '10.128.0.2', 'fd01::1'),
		hostPorts: few(
			'80:8080',
			'30053:5353/UDP',
			'172.31.1.1 80:8081',
			'127.0.0.1 30053:53/UDP',
			':: 80:80',
			'::1 81:81',
		),
		attachedAt: fc.constantFrom(undefined, 1, 2),
	})
	.map(({name, ...parts}) => buildAttachment(name, parts));

const objects: fc.Arbitrary<WorldObject> = fc.oneof(
	{weight: 6, arbitrary: services},
	{weight: 6, arbitrary: slices},
	{weight: 1, arbitrary: nodes},
	{weight: 1, arbitrary: serviceCidrs},
	{weight: 1, arbitrary: nodeAddresses},
	{weight: 2, arbitrary: attachments},
);

/** One object put, or one deleted that may or may not be there. */
export const anyChange: fc.Arbitrary<Change> = fc
	.record({object: objects, isPut: fc.constantFrom(true, true, false)})
	.map(
		({object, isPut}): Change =>
			isPut ? {verb: 'put', object} : {verb: 'delete', kind: object.kind, key: keyOf(object)},
	);

/** Batches of changes, as sources give them. */
export const anyHistory: fc.Arbitrary<readonly (readonly Change[])[]> = fc.array(fc.array(anyChange, {maxLength: 4}), {
	minLength: 1,
	maxLength: 20,
});
