import type {Address} from '../net/address.ts';
import {
	child,
	eachItem,
	type Field,
	isPresent,
	readAddress,
	readOrWarn,
	readPrefix,
	readText,
	readTextOrNone,
} from './fields.ts';
import type {Metadata} from './metadata.ts';
import type {Node, ServiceCidr} from './objects.ts';
import {internText} from './pool.ts';

/**
 * Set by the cluster autoscaler before it takes the node away.
 * Source: kubernetes/autoscaler, cluster-autoscaler/utils/taints, ToBeDeletedTaint.
 */
const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler';

/**
 * A Node as its JSON says it. Addresses that are no IP are skipped with a warning.
 *
 * @throws NetError OBJECT_INVALID
 */
export function parseNode(root: Field, {name}: Metadata, warnings: string[]): Node {
	const [metadata, spec] = [child(root, 'metadata'), child(root, 'spec')];
	const zone = readTextOrNone(child(metadata, 'labels'), 'topology.kubernetes.io/zone');
	const podCidrs = eachItem(spec, 'podCIDRs', readPrefix);
	const isAlone = podCidrs.length === 0 && readTextOrNone(spec, 'podCIDR') !== '';
	return {
		kind: 'Node',
		name: internText(name),
		addresses: [...addressesOf(root, 'InternalIP', warnings), ...addressesOf(root, 'ExternalIP', warnings)],
		podCidrs: isAlone ? [readPrefix(spec, 'podCIDR')] : podCidrs,
		zone: zone === '' ? undefined : internText(zone),
		leaving: isPresent(metadata, 'deletionTimestamp') || isToBeDeleted(spec),
	};
}

function isToBeDeleted(spec: Field): boolean {
	return eachItem(spec, 'taints', (list, index) => readText(child(list, index), 'key')).includes(toBeDeletedTaint);
}

function addressesOf(root: Field, type: string, warnings: string[]): readonly Address[] {
	return eachItem(child(root, 'status'), 'addresses', (list, index) => {
		const item = child(list, index);
		const isWanted = readTextOrNone(item, 'type') === type;
		return isWanted ? readOrWarn(item, 'address', readAddress, warnings) : undefined;
	});
}

/** @throws NetError OBJECT_INVALID */
export function parseServiceCidr(root: Field, {name}: Metadata): ServiceCidr {
	return {kind: 'ServiceCIDR', name, cidrs: eachItem(child(root, 'spec'), 'cidrs', readPrefix)};
}
