import type {Address, Family} from '../net/address.ts';
import type {Prefix} from '../net/prefix.ts';

/**
 * Which of this node's addresses answer node ports. Source: kube-proxy's nodePortAddresses.
 * `primary` = the Node object's first address of each family; `all` = every address of this node but loopback;
 * `localhost` = loopback, which a NAT in the kernel cannot serve: the plan says so of each Service with a node port.
 */
type NodePortAddress = 'primary' | 'all' | 'localhost' | Prefix;

/** How the configuration asks to tell the pods of this node. Source: kube-proxy's detectLocalMode. */
export type DetectorOption =
	| {readonly kind: 'none'}
	/** ClusterCIDR: the first prefix of each family counts; a family without one has no detector. */
	| {readonly kind: 'clusterCidr'; readonly cidrs: readonly Prefix[]}
	/** NodeCIDR: `spec.podCIDRs` of this node's Node object, followed as it changes. */
	| {readonly kind: 'nodeCidr'}
	| {readonly kind: 'bridgeInterface'; readonly name: string}
	| {readonly kind: 'interfaceNamePrefix'; readonly prefix: string};

/** What the planner needs to know of the configuration. Fixed for the life of a planner. */
export type PlanOptions = {
	/** `metadata.name` of this node's Node object. Source: kube-proxy's hostnameOverride. */
	readonly nodeName: string;
	/** The IP families that this node serves; Services have no frontends in others. */
	readonly families: readonly Family[];
	readonly detector: DetectorOption;
	/** Every connection to a cluster IP gets this node's address as its source. */
	readonly masqueradeAll: boolean;
	/** Whether pods get their network from this program: their links may lead to loopback before a plan knows of them. */
	readonly attachesPods?: boolean;
	/**
	 * Pods of this node that reach beyond the cluster are seen by the node's address, but at these destinations, the
	 * Node's own podCIDRs, link-local and multicast ones. Absent = nothing is rewritten but connections to Services.
	 */
	readonly podMasquerade?: {readonly except: readonly Prefix[]} | undefined;
	/**
	 * Prefixes filter the addresses that this node's interfaces hold. With nothing but prefixes, a family that none
	 * of them is of answers on all its addresses; an empty list answers on all. kube-proxy's default in nftables
	 * mode is `['primary']`.
	 */
	readonly nodePortAddresses: readonly NodePortAddress[];
	/** Addresses that stand in for the Node object's, at most one of each family. Source: kube-proxy's bindAddress. */
	readonly nodeIps: readonly Address[];
};
