import type {Netns} from '../kernel/netns.ts';
import type {Address} from '../net/address.ts';
import type {Mac} from '../net/mac.ts';
import type {Attachment} from './attachment.ts';
import type {Bandwidth, Route} from './spec.ts';

/** Names of the nodes' ends of all veth pairs, and of bridges that were not named, begin so; at most 15 characters. */
export const linkPrefix = 'fair';

/** The nodes' ends have one hardware address, so that what pods remember of their gateway stays true for ever. */
export const gatewayMac = 'ee:ee:ee:ee:ee:ee' as Mac;

/** Where routed pods send everything; no interface has these addresses. Link-local: they can be nobody else's. */
export const gateways = {IPv4: '169.254.1.1' as Address, IPv6: 'fe80::1' as Address} as const;

/** What one attachment looks like in the kernel. Pure data: made from an Attachment and its network's configuration. */
export type LinkPlan = {
	/** Of the node's end, unique on the node. */
	readonly link: string;
	/** IFLA_IFALIAS of the node's end, for people: `namespace/pod eth0`. */
	readonly alias: string;
	/** In the pod. */
	readonly ifName: string;
	readonly mac: Mac;
	readonly mtuBytes: number;
	/** At most one of each family. `gateway` is on the link of a bridge, {@link gateways} where routed. */
	readonly addresses: readonly {readonly address: Address; readonly bits: number; readonly gateway: Address}[];
	/** In the pod, behind those that the addresses bring: default routes, and what the configuration adds. */
	readonly routes: readonly Route[];
	/** Absent where routed. Made where it is not there. */
	readonly bridge: BridgePlan | undefined;
	readonly bandwidth: Bandwidth;
	/** Whether packets from 127.0.0.1 may be sent to the pod: one of its host ports is open there. */
	readonly localnet: boolean;
};

export type BridgePlan = {
	readonly name: string;
	readonly mtuBytes: number;
	/** The bridge's own, which pods have as their gateway. */
	readonly addresses: readonly {readonly address: Address; readonly bits: number}[];
	/** Whether a pod may be sent back what it sent: it reaches itself through a Service. */
	readonly hairpin: boolean;
};

/** Who makes links so. The one writer of links, addresses and routes of pods. */
export type PodLinks = {
	/**
	 * Makes the pair, gives the pod its addresses and routes, and the node its routes to them. Resolves when packets pass
	 * both ways. After a throw nothing is left of what it began.
	 *
	 * @throws NetError CNI_INTERFACE when `ifName` is taken in the pod, CNI_NETNS when the namespace vanished meanwhile
	 * @throws NetError CNI_KERNEL when the kernel refuses, with what and its words
	 */
	attach(plan: LinkPlan, netns: Netns): Promise<void>;
	/**
	 * Takes the pod's addresses out of the node's routes at once, and its link a moment later, many by one request.
	 * What is not there is no error.
	 *
	 * @throws NetError CNI_KERNEL
	 */
	detach(attachment: Pick<Attachment, 'link' | 'addresses' | 'mode' | 'bridge'>): Promise<void>;
	/** What differs from the plan, a sentence each, as CHECK tells it; empty when all is as it was made. */
	check(plan: LinkPlan, netns: Netns): Promise<readonly string[]>;
	/** Names of the nodes' ends that are there, {@link linkPrefix} and all; without those that {@link detach} is about to remove. */
	present(): Promise<ReadonlySet<string>>;
	/** Those of {@link present} that lead to nobody: their other end is down. What has its other end in a pod may be in use. */
	idle(): Promise<ReadonlySet<string>>;
	/** Addresses that the node has a route of ours to. */
	routed(): readonly Address[];
	/** Resolves when all links that {@link detach} was called for are gone. */
	settled(): Promise<void>;
	/** MTU of the interface that holds this address of the node; of the default route's where it holds none. Bytes. */
	nodeMtu(nodeAddresses: readonly Address[]): number;
	close(): void;
};
