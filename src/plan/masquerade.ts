import type {Node} from '../model/objects.ts';
import {type Family, families} from '../net/address.ts';
import {collapsePrefixes, type Prefix, parsePrefix, prefixFamily} from '../net/prefix.ts';
import type {Because, Frontend} from './frontend.ts';
import type {PlanOptions} from './options.ts';
import type {LocalDetector, NodePlan} from './plan.ts';

/** Whose source address is rewritten, and who said so. */
export type Masquerade = {readonly masquerade: Frontend['masquerade']; readonly because: Because};

/** How the pods of this node are told, from what the configuration asks for. NodeCIDR has none until the Node is known. */
export function planDetector({detector}: PlanOptions, node: Node | undefined): LocalDetector {
	switch (detector.kind) {
		case 'none':
			return {kind: 'none'};
		case 'clusterCidr':
			return prefixDetector(detector.cidrs);
		case 'nodeCidr':
			return prefixDetector(node?.podCidrs ?? []);
		case 'bridgeInterface':
			return {kind: 'interface', name: detector.name};
		case 'interfaceNamePrefix':
			return {kind: 'interfacePrefix', prefix: detector.prefix};
	}
}

/** Nobody forwards them: a link is where the pod is known, and a group has members, not a way back. */
const neverMasqueraded = ['169.254.0.0/16', '224.0.0.0/4', 'fe80::/10', 'ff00::/8'].map(parsePrefix);

/** Where this node's pods are seen by their own addresses; undefined when the configuration asks for no masquerade. */
export function planPodMasquerade(
	{podMasquerade}: PlanOptions,
	detector: LocalDetector,
	node: Node | undefined,
): NodePlan['podMasquerade'] {
	const known = [...(node?.podCidrs ?? []), ...(detector.kind === 'prefixes' ? detector.prefixes : [])];
	return podMasquerade && {except: collapsePrefixes([...podMasquerade.except, ...known, ...neverMasqueraded])};
}

/** The first prefix of each family, as kube-proxy takes them. */
function prefixDetector(all: readonly Prefix[]): LocalDetector {
	const first = families.map((family) => all.find((prefix) => prefixFamily(prefix) === family));
	const prefixes = first.filter((prefix) => prefix !== undefined);
	return prefixes.length === 0 ? {kind: 'none'} : {kind: 'prefixes', prefixes};
}

/**
 * The masquerade of connections to cluster IPs: of all of them if the configuration says so; else of those that no
 * pod of this node opened, because their replies must come back through this node. A family without a detector
 * cannot tell, and keeps every source.
 */
export function clusterIpMasquerade(options: PlanOptions, detector: LocalDetector, family: Family): Masquerade {
	const object = 'configuration';
	if (options.masqueradeAll) {
		const decided = 'every connection to a cluster IP gets the address of this node as its source';
		return {masquerade: 'always', because: {object, field: 'masqueradeAll', decided}};
	}

	const field = detectorField(options);
	if (!canDetect(detector, family)) {
		return {masquerade: 'never', because: {object, field, decided: `no detector for ${family}: sources are kept`}};
	}

	const decided = 'sources that are no pods of this node get the address of this node';
	return {masquerade: 'offCluster', because: {object, field, decided}};
}

function canDetect(detector: LocalDetector, family: Family): boolean {
	if (detector.kind !== 'prefixes') {
		return detector.kind !== 'none';
	}

	return detector.prefixes.some((prefix) => prefixFamily(prefix) === family);
}

/** The field of kube-proxy's configuration that gives the detector its value. */
function detectorField({detector}: PlanOptions): string {
	switch (detector.kind) {
		case 'none':
		case 'clusterCidr':
			return 'clusterCIDR';
		case 'nodeCidr':
			return 'detectLocalMode';
		case 'bridgeInterface':
			return 'detectLocal.bridgeInterface';
		case 'interfaceNamePrefix':
			return 'detectLocal.interfaceNamePrefix';
	}
}
