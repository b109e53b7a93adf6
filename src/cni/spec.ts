import type {Address} from '../net/address.ts';
import type {Prefix} from '../net/prefix.ts';

/** Versions of the specification that are spoken, the oldest first. Source: CNI SPEC.md */
export const versions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type Version = (typeof versions)[number];

export type Verb = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

/** Result of an ADD, in the model of 1.1.0: older versions are printed from it. Source: SPEC.md, section 5 */
export type Result = {
	readonly interfaces: readonly Interface[];
	readonly ips: readonly Ip[];
	readonly routes: readonly Route[];
	readonly dns: Dns;
};

export type Interface = {
	readonly name: string;
	readonly mac?: string | undefined;
	readonly mtu?: number | undefined;
	/** Path of the network namespace; absent for an interface of the node. */
	readonly sandbox?: string | undefined;
};

export type Ip = {
	/** With the length of its prefix, `10.244.1.5/32`. */
	readonly address: Address;
	readonly bits: number;
	readonly gateway?: Address | undefined;
	/** Index into `interfaces`. */
	readonly interface?: number | undefined;
};

/** Fields of 1.1.0 that no other plugin gave us are left out. */
export type Route = {
	readonly dst: Prefix;
	readonly gw?: Address | undefined;
	readonly mtu?: number | undefined;
	readonly advmss?: number | undefined;
	readonly priority?: number | undefined;
	readonly table?: number | undefined;
	readonly scope?: number | undefined;
};

export type Dns = {
	readonly nameservers?: readonly string[] | undefined;
	readonly domain?: string | undefined;
	readonly search?: readonly string[] | undefined;
	readonly options?: readonly string[] | undefined;
};

/** Of one container: who it is to the runtime, and which of its interfaces is meant. */
export type AttachmentId = {
	/** `name` of the network configuration. */
	readonly network: string;
	readonly containerId: string;
	readonly ifName: string;
};

/** Bits a second, and bits at once; absent or 0 is no limit. Source: CONVENTIONS.md, capability `bandwidth` */
export type Bandwidth = {
	readonly ingressRate?: number | undefined;
	readonly ingressBurst?: number | undefined;
	readonly egressRate?: number | undefined;
	readonly egressBurst?: number | undefined;
};

/** A pod's name as the runtime tells it in CNI_ARGS; absent where containers are no pods. Source: kubelet's CRI */
export type PodName = {readonly namespace: string; readonly name: string; readonly uid: string};
