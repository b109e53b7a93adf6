import {podName} from '../model/objects.ts';
import type {Address} from '../net/address.ts';
import type {Protocol} from '../net/port.ts';
import type {Prefix} from '../net/prefix.ts';

/**
 * One port of one Service: every decision is made per service port and address family. A host port of a pod has the
 * name that `podName` gives the pod, and its number as the port's name.
 */
export type ServicePortName = {
	readonly namespace: string;
	readonly name: string;
	/** Empty when the port has no name. */
	readonly port: string;
	readonly protocol: Protocol;
};

/**
 * `ns/name:port`, as kube-proxy prints it; without the colon when the port has no name. A host port of a pod is
 * `Pod ns/name:port`, with its number.
 */
export function printServicePort({namespace, name, port}: ServicePortName): string {
	const owner = name.startsWith(podPrefix)
		? `Pod ${namespace}/${name.slice(podPrefix.length)}`
		: `${namespace}/${name}`;
	return port === '' ? owner : `${owner}:${port}`;
}

const podPrefix = podName('');

/** Whether {@link printServicePort} printed a host port of a pod: a namespace has no blank. */
export function printsPod(text: string): boolean {
	return text.startsWith('Pod ');
}

/** `Service ns/name` or `Pod ns/name`: how reasons call what a port is of. */
export function printOwner({namespace, name}: Pick<ServicePortName, 'namespace' | 'name'>): string {
	const owner = printServicePort({namespace, name, port: '', protocol: 'TCP'});
	return name.startsWith(podPrefix) ? owner : `Service ${owner}`;
}

/** A pod's address and port that connections are sent to. Identity is address and port; the set has no order. */
export type Backend = {
	readonly address: Address;
	readonly port: number;
	/** Whether it runs on this node: its connections to itself need their source rewritten. */
	readonly local: boolean;
	/** Name of the Pod, in the Service's namespace, where the slice says it. */
	readonly pod?: string | undefined;
};

/** Who answers: some backends; or nobody, refused at once or dropped without a word. */
export type Target =
	| {readonly kind: 'backends'; readonly backends: readonly Backend[]}
	| {readonly kind: 'reject' | 'drop'};

/** `address protocol port`: what names a frontend, and what a packet is looked up by. */
export type FrontendKey = string;

/** Joined, not added: V8 keeps a sum as a tree of its parts. */
export function frontendKey(address: Address, protocol: Protocol, port: number): FrontendKey {
	return [address, protocol, port].join(' ');
}

export type FrontendKind = 'clusterIP' | 'nodePort' | 'externalIP' | 'loadBalancerIP' | 'hostPort';

/**
 * Of two claims on one key the lower kind stands: nobody takes an address from the Service that it was allotted to,
 * and where the same Service comes twice, the claim with source ranges does. kube-proxy looks up in this order too.
 */
export const kindOrder: Readonly<Record<FrontendKind, number>> = {
	clusterIP: 0,
	loadBalancerIP: 1,
	externalIP: 2,
	nodePort: 3,
	hostPort: 4,
};

/** The object and field that decided something, and what it decided: `{object: 'Service shop/web', field: 'spec.externalTrafficPolicy', decided: 'Local: …'}`. */
export type Because = {readonly object: string; readonly field: string; readonly decided: string};

/**
 * Where traffic enters, who answers it, and why. The planner writes every field, undefined ones too (objects of one
 * shape are smaller), and lets the frontends of a service port share targets and reasons.
 */
export type Frontend = {
	readonly key: FrontendKey;
	readonly kind: FrontendKind;
	readonly address: Address;
	readonly protocol: Protocol;
	readonly port: number;
	readonly service: ServicePortName;
	/** Who answers everyone; or, where `local` is there, only pods of this node and the node itself. */
	readonly target: Target;
	/** External traffic policy Local: who answers anyone who is neither a pod of this node nor the node itself. */
	readonly local?: Target | undefined;
	/**
	 * Whose source address is rewritten: `offCluster` = sources that are no pods of this node (a cluster IP with a
	 * detector), `always`, `node` = only the node itself (external policy Local), `never`.
	 */
	readonly masquerade: 'never' | 'offCluster' | 'node' | 'always';
	/** Only these sources, and the node itself where it lies in one, may enter; absent means anyone. Collapsed, of the address's family. */
	readonly sourceRanges?: readonly Prefix[] | undefined;
	/** Session affinity by client address. */
	readonly affinityTimeoutSeconds?: number | undefined;
	readonly because: readonly Because[];
};
