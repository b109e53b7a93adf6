import {type Address, type Family, familyOf} from '../net/address.ts';
import type {Protocol} from '../net/port.ts';
import type {Prefix} from '../net/prefix.ts';
import {
	child,
	eachItem,
	type Field,
	invalid,
	isPresent,
	readAddress,
	readChoice,
	readInteger,
	readOrWarn,
	readPrefix,
	readText,
	readTextOrNone,
} from './fields.ts';
import type {Metadata} from './metadata.ts';
import type {LoadBalancerIngress, Service, ServicePort} from './objects.ts';
import {createPool, internText} from './pool.ts';

/** Seconds. Source: k8s.io/api/core/v1 DefaultClientIPServiceAffinitySeconds. */
const defaultAffinitySeconds = 10_800;

/** Source: k8s.io/kubernetes/pkg/apis/core/validation, validateClientIPAffinityConfig. */
const maxAffinitySeconds = 86_400;

/**
 * A Service as its JSON says it. A headless one, one without a cluster IP and an ExternalName have no `clusterIps`.
 * Invalid external IPs, load-balancer IPs and source ranges are skipped with a warning, as kube-proxy does.
 *
 * @throws NetError OBJECT_INVALID
 */
export function parseService(root: Field, name: Metadata, warnings: string[]): Service {
	const spec = child(root, 'spec');
	const metadata = child(root, 'metadata');
	const labels = child(metadata, 'labels');
	const type = readChoice(spec, 'type', types);
	return {
		kind: 'Service',
		namespace: name.namespace,
		name: name.name,
		type,
		clusterIps: type === 'ExternalName' ? noAddresses : parseClusterIps(root, spec, warnings),
		ports: parsePorts(spec),
		externalIps: eachItem(spec, 'externalIPs', (list, index) => readOrWarn(list, index, readAddress, warnings)),
		loadBalancerIngress: parseIngress(root, warnings),
		loadBalancerSourceRanges: parseSourceRanges(spec, warnings),
		externalTrafficPolicy: readChoice(spec, 'externalTrafficPolicy', policies),
		internalTrafficPolicy: readChoice(spec, 'internalTrafficPolicy', policies),
		healthCheckNodePort: readInteger(spec, 'healthCheckNodePort', 0, 65_535, 0),
		affinityTimeoutSeconds: parseAffinity(spec),
		proxyName: isPresent(labels, proxyLabel) ? readText(labels, proxyLabel) : undefined,
		createdAt: parseTime(metadata, 'creationTimestamp'),
	};
}

const types = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;
const policies = ['Cluster', 'Local'] as const;
const proxyLabel = 'service.kubernetes.io/service-proxy-name';
const noAddresses: readonly Address[] = [];

/**
 * The cluster IPs, at most one of each family. `clusterIPs` counts as far as `ipFamilies` goes, and `clusterIP`
 * stands in for an absent list, as for kube-proxy; unlike it, a list without `ipFamilies` counts whole, because the
 * API server would have filled them in.
 */
function parseClusterIps(root: Field, spec: Field, warnings: string[]): readonly Address[] {
	const list = child(spec, 'clusterIPs');
	const count = eachItem(spec, 'clusterIPs', readTextOrNone).length;
	const first = count > 0 ? readTextOrNone(list, 0) : readTextOrNone(spec, 'clusterIP');
	if (first === 'None') {
		return noAddresses;
	}

	if (first === '') {
		warnings.push(`${root.step}: spec.clusterIP is absent, and only the API server allots one: not served`);
		return noAddresses;
	}

	const families = eachItem(spec, 'ipFamilies', (items, index) => readChoice<Family>(items, index, ['IPv4', 'IPv6']));
	if (count === 0) {
		return [readClusterIp(spec, 'clusterIP', families, 0)];
	}

	const addresses: Address[] = [];
	for (let index = 0; index < (families.length || count); index++) {
		const address = index < count ? readClusterIp(list, index, families, index) : undefined;
		if (address !== undefined && !addresses.some((other) => familyOf(other) === familyOf(address))) {
			addresses.push(address);
		}
	}

	return addresses.slice(); // a list that grew keeps room for more
}

function readClusterIp(parent: Field, step: string | number, families: readonly Family[], index: number): Address {
	const address = readAddress(parent, step);
	const family = families[index];
	if (family !== undefined && family !== familyOf(address)) {
		throw invalid(parent, step, `an ${family} address, as spec.ipFamilies[${index}] says`);
	}

	return address;
}

function parsePorts(spec: Field): readonly ServicePort[] {
	const ports = eachItem(spec, 'ports', (list, index) => parsePort(child(list, index)));
	for (const [index, port] of ports.entries()) {
		const twin = ports.findIndex((other) => isTwin(other, port));
		if (twin < index) {
			const wanted = `a port that differs from ports[${twin}] in its name, and in number or protocol`;
			throw invalid(child(spec, 'ports'), index, wanted);
		}
	}

	return ports;
}

/** The API server refuses two such ports: neither a backend nor a packet could tell them apart. */
function isTwin(a: ServicePort, b: ServicePort): boolean {
	return a.protocol === b.protocol && (a.name === b.name || a.port === b.port);
}

function parsePort(item: Field): ServicePort {
	const name = internText(readTextOrNone(item, 'name'));
	const protocol = readChoice<Protocol>(item, 'protocol', ['TCP', 'UDP', 'SCTP']);
	const port = readInteger(item, 'port', 1, 65_535);
	const nodePort = readInteger(item, 'nodePort', 0, 65_535, 0);
	return sharePort(`${port} ${nodePort} ${protocol} ${name}`, {name, protocol, port, nodePort});
}

const sharePort = createPool<ServicePort>(5000);

/** Ranges that are none are skipped, but not the last one: a limit that is a mistake must not let everyone in. */
function parseSourceRanges(spec: Field, warnings: string[]): readonly Prefix[] {
	const step = 'loadBalancerSourceRanges';
	const written = eachItem(spec, step, readText);
	const ranges = eachItem(spec, step, (list, index) => readOrWarn(list, index, readPrefix, warnings));
	if (ranges.length === 0 && written.length > 0) {
		throw invalid(child(spec, step), 0, 'a prefix such as 10.0.0.0/8, nor is any other of the list');
	}

	return ranges;
}

/** Entries without an IP are a host name's, which leads to no address of ours. */
function parseIngress(root: Field, warnings: string[]): readonly LoadBalancerIngress[] {
	return eachItem(child(child(root, 'status'), 'loadBalancer'), 'ingress', (list, index) => {
		const item = child(list, index);
		const ipMode = readChoice(item, 'ipMode', ['VIP', 'Proxy']);
		const address = readTextOrNone(item, 'ip') === '' ? undefined : readOrWarn(item, 'ip', readAddress, warnings);
		return address === undefined ? undefined : {address, ipMode};
	});
}

function parseAffinity(spec: Field): number | undefined {
	if (readChoice(spec, 'sessionAffinity', ['None', 'ClientIP']) === 'None') {
		return undefined;
	}

	const config = child(child(spec, 'sessionAffinityConfig'), 'clientIP');
	return readInteger(config, 'timeoutSeconds', 1, maxAffinitySeconds, defaultAffinitySeconds);
}

/** Seconds since 1970; undefined for anything but a time, because no packet depends on it alone. */
function parseTime(metadata: Field, step: string): number | undefined {
	const text = isPresent(metadata, step) ? child(metadata, step).value : undefined;
	const seconds = typeof text === 'string' ? Math.floor(Date.parse(text) / 1000) : Number.NaN;
	return Number.isFinite(seconds) ? seconds : undefined;
}
