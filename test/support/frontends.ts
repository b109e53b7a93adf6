import {parseAddress} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import {type Backend, type Frontend, frontendKey, type Target} from '../../src/plan/frontend.ts';
import type {NodePlan, Plan} from '../../src/plan/plan.ts';

type Parts = Partial<Omit<Frontend, 'address' | 'target' | 'local' | 'service' | 'sourceRanges'>> & {
	readonly address?: string;
	readonly name?: string;
	/** As {@link buildTarget} takes them. */
	readonly target?: string;
	readonly local?: string;
	readonly sourceRanges?: readonly string[];
};

/** The cluster IP 10.96.0.10:80/TCP of shop/web:http with the backend 10.128.1.1:8080, but for what `parts` say. */
export function buildFrontend(parts: Parts = {}): Frontend {
	const {
		address = '10.96.0.10',
		protocol = 'TCP',
		port = 80,
		name = 'web',
		target,
		local,
		sourceRanges,
		...rest
	} = parts;
	return {
		key: frontendKey(parseAddress(address), protocol, port),
		kind: 'clusterIP',
		address: parseAddress(address),
		protocol,
		port,
		service: {namespace: 'shop', name, port: 'http', protocol},
		target: buildTarget(target ?? '10.128.1.1'),
		...(local !== undefined && {local: buildTarget(local)}),
		masquerade: 'offCluster',
		...(sourceRanges !== undefined && {sourceRanges: sourceRanges.map(parsePrefix)}),
		because: [],
		...rest,
	};
}

/** `reject`, `drop`, or backends on port 8080 with blanks between: `10.128.1.1 10.128.0.2!`, those of this node with `!`. */
export function buildTarget(text: string): Target {
	return text === 'reject' || text === 'drop'
		? {kind: text}
		: {kind: 'backends', backends: text.split(' ').map(buildBackend)};
}

function buildBackend(text: string): Backend {
	const address = parseAddress(text.replace(/!$/, ''));
	return {address, port: 8080, local: text.endsWith('!')};
}

export const podPrefixes = [parsePrefix('10.128.0.0/9'), parsePrefix('fd00:128::/32')];

/** Pods of this node in 10.128.0.0/9 and fd00:128::/32, Services in 10.96.0.0/12 and fd00:96::/112; the node is 172.31.1.1 and fd00:31::1. */
export const buildNodePlan = (parts: Partial<NodePlan> = {}): NodePlan => ({
	serviceCidrs: [parsePrefix('10.96.0.0/12'), parsePrefix('fd00:96::/112')],
	detector: {kind: 'prefixes', prefixes: podPrefixes},
	clusterIpMasquerade: {IPv4: 'offCluster', IPv6: 'offCluster'},
	guardsLoopback: false,
	addresses: [parseAddress('172.31.1.1'), parseAddress('fd00:31::1')],
	...parts,
});

export function buildPlan(frontends: readonly Frontend[], node: NodePlan = buildNodePlan()): Plan {
	const byKey = new Map(frontends.map((frontend) => [frontend.key, frontend]));
	return {frontends: byKey, node, healthChecks: new Map(), healthCheckAddresses: [], unserved: new Map()};
}
