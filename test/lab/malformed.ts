import fc from 'fast-check';
import {clusterObjects, type KubeJson, matrixObjects} from './matrix.ts';

/** The step of an object that is wrong, and something that must not stand there. `absent` takes it away. */
type Damage = {readonly kind: string; readonly path: readonly (string | number)[]; readonly value: unknown};

const absent = Symbol('absent');

/** Fields that the API server would never give such values; each row is enough to refuse the whole object. */
const damages: readonly (readonly [kind: string, path: string, ...values: readonly unknown[]])[] = [
	['Service', 'spec', 'web', 7, []],
	['Service', 'spec.type', 'Balancer', 7],
	['Service', 'spec.externalTrafficPolicy', 'Nearby', 3, {}],
	['Service', 'spec.internalTrafficPolicy', 'Far', true],
	['Service', 'spec.sessionAffinity', 'Cookie'],
	['Service', 'spec.healthCheckNodePort', -1, 70_000, 'x', 1.5],
	['Service', 'spec.clusterIPs', '10.96.1.1', 7],
	['Service', 'spec.clusterIPs.0', '10.96.1', '10.96.1.256', 'fd00::1::2', 'web', 'fd00:96::1', 7, {}],
	['Service', 'spec.ipFamilies.0', 'IPv5', 4],
	['Service', 'spec.ports', 'http', {}],
	['Service', 'spec.ports.0', 'http', 80],
	['Service', 'spec.ports.0.port', 0, -1, 65_536, 80.5, '80', null, absent],
	['Service', 'spec.ports.0.nodePort', -1, 65_536, '30080'],
	['Service', 'spec.ports.1.protocol', 'ICMP', 'udp', 17],
	['Service', 'spec.ports.0.name', 80, {}],
	['Service', 'spec.externalIPs', '198.51.100.1'],
	['Service', 'spec.externalIPs.0', 7, {}],
	['Service', 'status', 'fine', []],
	['Service', 'status.loadBalancer.ingress', 'x', {}],
	['Service', 'status.loadBalancer.ingress.0.ipMode', 'Both'],
	['Service', 'metadata.labels', 'app'],
	['EndpointSlice', 'addressType', 'IPX', 4, absent],
	['EndpointSlice', 'endpoints', 'a', {}],
	['EndpointSlice', 'endpoints.0', 'a', 7],
	['EndpointSlice', 'endpoints.0.addresses', '10.128.0.11'],
	['EndpointSlice', 'endpoints.0.addresses.0', '10.128.0', '1.2.3.4.5', 'fd00:128::g', 'a', 7, null],
	['EndpointSlice', 'endpoints.0.conditions', 'ready', []],
	['EndpointSlice', 'endpoints.0.conditions.ready', 'yes', 1],
	['EndpointSlice', 'endpoints.0.conditions.terminating', 'no'],
	['EndpointSlice', 'endpoints.0.hints', 'zone-1'],
	['EndpointSlice', 'endpoints.0.nodeName', 7],
	['EndpointSlice', 'endpoints.0.targetRef.name', absent, 7],
	['EndpointSlice', 'ports', 'http'],
	['EndpointSlice', 'ports.0.port', -1, 65_536, '8080'],
	['EndpointSlice', 'ports.0.protocol', 'ICMP'],
	['Node', 'spec.podCIDRs.0', '10.128.0.0', '10.128.0.0/33', 'all', 7],
	['Node', 'status.addresses', 'here'],
	['Node', 'status.addresses.0.type', 7],
	['ServiceCIDR', 'spec.cidrs', '10.96.0.0/16'],
	['ServiceCIDR', 'spec.cidrs.0', '10.96.0.0/x', 'fd00::/129', 7],
];

const anyDamage: fc.Arbitrary<Damage> = fc.constantFrom(...damages).chain(([kind, path, ...values]) =>
	fc.constantFrom(...values).map((value) => ({
		kind,
		path: path.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step)),
		value,
	})),
);

const healthy: readonly KubeJson[] = [
	...clusterObjects(),
	...matrixObjects({name: 'bad', index: 200, location: 'both', internal: 'Cluster', external: 'Cluster'}),
];

/** `count` objects, each broken in one place of one field; each has a name of its own, `bad-0`, `bad-1`, … */
export function malformedObjects(count: number): fc.Arbitrary<KubeJson[]> {
	return fc
		.array(anyDamage, {minLength: count, maxLength: count})
		.map((list) => list.map((damage, index) => breakObject(damage, `bad-${index}`)));
}

function breakObject({kind, path, value}: Damage, name: string): KubeJson {
	const original = healthy.find((object) => object['kind'] === kind);
	if (original === undefined) {
		throw new Error(`no healthy ${kind} to break`);
	}

	const copy = {...structuredClone(original), metadata: {...structuredClone(original.metadata), name}};
	return replaced(copy, path, value) as KubeJson; // no damage touches what KubeJson asks for
}

/** `node` with what stands at `path` replaced. */
function replaced(node: unknown, path: readonly (string | number)[], value: unknown): unknown {
	const [step, ...rest] = path;
	if (step === undefined) {
		return value;
	}

	if (Array.isArray(node)) {
		return node.map((item: unknown, index) => (index === step ? replaced(item, rest, value) : item));
	}

	const {[step]: before, ...others} = {...(node as Readonly<Record<string, unknown>>)};
	return value === absent && rest.length === 0 ? others : {...others, [step]: replaced(before, rest, value)};
}
