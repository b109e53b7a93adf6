import {type HostPort, type ObjectKey, type PodAttachment, podName} from '../model/objects.ts';
import {type Address, familyOf} from '../net/address.ts';
import {
	type Backend,
	type Because,
	type Frontend,
	type FrontendKey,
	frontendKey,
	printOwner,
	type ServicePortName,
} from './frontend.ts';
import type {NodeView} from './node.ts';
import {isLoopback, loopbackOf, type NodeIp, wildcards} from './node-addresses.ts';
import type {Unserved} from './plan.ts';
import {heldReason, hostPortField} from './reasons.ts';
import type {ServicePlan} from './services.ts';

/** What is planned of a pod, while it is added to. */
type Draft = {
	readonly frontends: Map<FrontendKey, Frontend>;
	readonly unserved: Unserved[];
	readonly serving: Map<FrontendKey, readonly Backend[]>;
};

/** One host port of one attachment. */
type PortView = {
	readonly pod: PodAttachment;
	readonly hostPort: HostPort;
	readonly name: ServicePortName;
	readonly object: string;
};

const none: readonly never[] = [];

/**
 * Plans the host ports of a pod: each leads to the pod itself, which sees who asks. Undefined for a pod without any,
 * as nearly all are.
 *
 * @param attachments of one pod, in the order in which one comes before another
 */
export function planHostPorts(attachments: readonly PodAttachment[], node: NodeView): ServicePlan | undefined {
	if (attachments.every(({hostPorts}) => hostPorts.length === 0)) {
		return undefined;
	}

	const draft: Draft = {frontends: new Map(), unserved: [], serving: new Map()};
	for (const pod of attachments) {
		for (const hostPort of pod.hostPorts.toSorted(bySpecific)) {
			planHostPort(draft, viewOf(pod, hostPort), node);
		}
	}

	const ages = attachments.flatMap(({attachedAt}) => attachedAt ?? none);
	return {
		createdAt: ages.length === 0 ? undefined : Math.min(...ages),
		frontends: [...draft.frontends.values()],
		unserved: draft.unserved.length === 0 ? none : draft.unserved,
		healthCheck: undefined,
		serving: draft.serving.size === 0 ? undefined : draft.serving,
	};
}

/** Pods with host ports: what changes of this node's addresses touches them. */
export function podsWithHostPorts(pods: ReadonlyMap<ObjectKey, readonly PodAttachment[]>): ObjectKey[] {
	return [...pods].filter(([, all]) => all.some(({hostPorts}) => hostPorts.length > 0)).map(([key]) => key);
}

function viewOf(pod: PodAttachment, hostPort: HostPort): PortView {
	const {namespace, name} = pod;
	const {protocol, hostPort: port} = hostPort;
	return {
		pod,
		hostPort,
		name: {namespace, name: podName(name), port: `${port}`, protocol},
		object: printOwner({namespace, name: podName(name)}),
	};
}

/** One address comes before all of them, as with sockets. */
function bySpecific(a: HostPort, b: HostPort): number {
	return Number(isEverywhere(a)) - Number(isEverywhere(b));
}

function isEverywhere({hostIp}: HostPort): boolean {
	return hostIp === undefined || isWildcard(hostIp);
}

function isWildcard(address: Address): boolean {
	return address === wildcards[familyOf(address)];
}

function planHostPort(draft: Draft, view: PortView, node: NodeView): void {
	const {pod, hostPort} = view;
	const backends = pod.addresses.filter((address) => node.families.includes(familyOf(address)));
	const missing = missingEntrance(view, backends, node);
	if (missing !== undefined) {
		draft.unserved.push(missing);
		return;
	}

	for (const address of backends) {
		const backend: Backend = {address, port: hostPort.containerPort, local: true, pod: pod.name};
		for (const entrance of entrancesOf(view, address, node)) {
			claim(draft, view, backend, entrance);
		}
	}
}

/** Why a host port leads nowhere; undefined when it leads to the pod. */
function missingEntrance(view: PortView, backends: readonly Address[], node: NodeView): Unserved | undefined {
	const {hostPort, name, object} = view;
	const {hostIp, protocol, hostPort: port} = hostPort;
	const unserved = (decided: string): Unserved => ({
		service: name,
		...(hostIp !== undefined && {key: frontendKey(hostIp, protocol, port)}),
		because: {object, field: hostPortField, decided},
	});
	if (hostIp === undefined) {
		return backends.length > 0 ? undefined : unserved('the pod has no address of a family that this node serves');
	}

	const family = familyOf(hostIp);
	if (!node.families.includes(family)) {
		return unserved(`this node serves no ${family}`);
	}

	if (isLoopback(hostIp) && hostIp !== loopbackOf[family]?.address) {
		return unserved(
			family === 'IPv6'
				? 'the kernel cannot translate connections to the loopback address of IPv6'
				: 'of the loopback addresses only 127.0.0.1 answers host ports',
		);
	}

	const reaches = backends.some((address) => familyOf(address) === family);
	return reaches ? undefined : unserved(`the pod has no ${family} address, and nothing is translated across families`);
}

/** Where a host port is entered, in the family of the pod's address. */
function entrancesOf({hostPort: {hostIp}, object}: PortView, backend: Address, node: NodeView): readonly NodeIp[] {
	const family = familyOf(backend);
	if (hostIp === undefined || hostIp === wildcards[family]) {
		const loopback = loopbackOf[family];
		return loopback === undefined ? node.hostAddresses[family] : [...node.hostAddresses[family], loopback];
	}

	const because = {object, field: hostPortField, decided: `${hostIp} is the host port's own address`};
	return familyOf(hostIp) === family && !isWildcard(hostIp) ? [{address: hostIp, because}] : [];
}

function claim(draft: Draft, view: PortView, backend: Backend, {address, because}: NodeIp): void {
	const {hostPort, name, object} = view;
	const key = frontendKey(address, hostPort.protocol, hostPort.hostPort);
	const holder = draft.frontends.get(key);
	if (holder !== undefined) {
		draft.unserved.push({service: name, key, because: heldReason(holder, 'hostPort')});
		return;
	}

	draft.frontends.set(key, {
		key,
		kind: 'hostPort',
		address,
		protocol: hostPort.protocol,
		port: hostPort.hostPort,
		service: name,
		target: {kind: 'backends', backends: [backend]},
		local: undefined,
		masquerade: isLoopback(address) ? 'node' : 'never',
		sourceRanges: undefined,
		affinityTimeoutSeconds: undefined,
		because: [
			{object, field: hostPortField, decided: 'a host port of the pod'},
			because,
			sourceReason(object, address),
		],
	});
	if (hostPort.protocol === 'UDP') {
		draft.serving.set(key, [backend]);
	}
}

function sourceReason(object: string, address: Address): Because {
	const decided = isLoopback(address)
		? 'the node itself, which alone can ask here, is seen by an address that the pod can answer'
		: 'the pod sees the client';
	return {object, field: hostPortField, decided};
}
