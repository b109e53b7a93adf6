import type {Node, ObjectKey, Service} from '../model/objects.ts';
import {isSame} from '../model/same.ts';
import type {World} from '../model/world.ts';
import {type Address, type Family, familyOf} from '../net/address.ts';
import {collapsePrefixes} from '../net/prefix.ts';
import {podsWithHostPorts} from './host-ports.ts';
import {clusterIpMasquerade, type Masquerade, planDetector, planPodMasquerade} from './masquerade.ts';
import {hostAddresses, type NodeIp, wildcards} from './node-addresses.ts';
import {type NodePortAddresses, nodePortAddresses} from './node-ports.ts';
import type {PlanOptions} from './options.ts';
import type {NodePlan} from './plan.ts';

/** What of this node and of the configuration bears on every Service. Worked out anew when one of them changes. */
export type NodeView = {
	readonly name: string;
	readonly zone: string | undefined;
	readonly families: readonly Family[];
	/** The node's own addresses, at most one of each family, each with who said so. */
	readonly nodeIps: readonly NodeIp[];
	readonly nodePorts: Readonly<Record<Family, NodePortAddresses>>;
	/** Where host ports are entered. */
	readonly hostAddresses: Readonly<Record<Family, readonly NodeIp[]>>;
	readonly clusterIps: Readonly<Record<Family, Masquerade>>;
	readonly healthCheckAddresses: readonly Address[];
	readonly plan: NodePlan;
};

export function planNode(world: World, options: PlanOptions): NodeView {
	const node = world.nodes.get(options.nodeName);
	const nodeIps = ipsOf(options, node);
	const detector = planDetector(options, node);
	const clusterIps = {
		IPv4: clusterIpMasquerade(options, detector, 'IPv4'),
		IPv6: clusterIpMasquerade(options, detector, 'IPv6'),
	};
	const nodePorts = {
		IPv4: nodePortAddresses(world, options, nodeIps, 'IPv4'),
		IPv6: nodePortAddresses(world, options, nodeIps, 'IPv6'),
	};
	return {
		name: options.nodeName,
		zone: node?.zone,
		families: options.families,
		nodeIps,
		nodePorts,
		hostAddresses: {IPv4: hostAddresses(world, 'IPv4'), IPv6: hostAddresses(world, 'IPv6')},
		clusterIps,
		healthCheckAddresses: options.families.flatMap((family) => listenAddresses(nodePorts[family], family)),
		plan: {
			serviceCidrs: collapsePrefixes([...world.serviceCidrs.values()].flatMap(({cidrs}) => cidrs)),
			detector,
			clusterIpMasquerade: {IPv4: clusterIps.IPv4.masquerade, IPv6: clusterIps.IPv6.masquerade},
			guardsLoopback: guardsLoopback(world, options),
			podMasquerade: planPodMasquerade(options, detector, node),
			addresses: nodeIps.map(({address}) => address),
		},
	};
}

/** What of pods bears on the node itself. */
export function guardsLoopback({pods}: World, {attachesPods}: PlanOptions): boolean {
	return attachesPods === true || pods.size > 0;
}

/** Source: kube-proxy, newServiceHealthServer: the addresses of node ports, or all of the family at once. */
function listenAddresses({all, addresses}: NodePortAddresses, family: Family): readonly Address[] {
	return all ? [wildcards[family]] : addresses.map(({address}) => address);
}

/** Source: kube-proxy, bindAddress; else the Node's first address of each family, internal ones before external ones. */
function ipsOf({nodeIps, nodeName}: PlanOptions, node: Node | undefined): readonly NodeIp[] {
	const ips: NodeIp[] = [];
	const add = (address: Address, object: string, field: string) => {
		const family = familyOf(address);
		if (!ips.some((other) => familyOf(other.address) === family)) {
			const decided = `${address} is this node's primary ${family} address`;
			ips.push({address, because: {object, field, decided}});
		}
	};

	for (const address of nodeIps) {
		add(address, 'configuration', 'bindAddress');
	}

	for (const address of node?.addresses ?? []) {
		add(address, `Node ${nodeName}`, 'status.addresses');
	}

	return ips;
}

/** The Services and pods that a change of this node or of what is known of it may touch. */
export function affectedByNode(world: World, before: NodeView, after: NodeView): readonly ObjectKey[] {
	const pods = isSame(before.hostAddresses, after.hostAddresses) ? [] : podsWithHostPorts(world.pods);
	return [...affectedServices(world, before, after), ...pods];
}

function affectedServices(world: World, before: NodeView, after: NodeView): readonly ObjectKey[] {
	if (before.zone !== after.zone || !isSame(before.clusterIps, after.clusterIps)) {
		return [...world.services.keys()];
	}

	const ports = !isSame(before.nodePorts, after.nodePorts);
	const ips = !isSame(before.nodeIps, after.nodeIps);
	const isAffected = (service: Service) =>
		(ports && service.ports.some(({nodePort}) => nodePort !== 0)) ||
		(ips && service.loadBalancerSourceRanges.length > 0);
	return ports || ips ? [...world.services].filter(([, service]) => isAffected(service)).map(([key]) => key) : [];
}
