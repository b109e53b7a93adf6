import type {Address, Family} from '../net/address.ts';
import type {Protocol} from '../net/port.ts';
import type {Prefix} from '../net/prefix.ts';

/**
 * Kubernetes objects, projected to the fields that decide where a packet goes. Source: k8s.io/api v1,
 * discovery.k8s.io/v1, networking.k8s.io/v1. A source parses with `parseObject` and keeps no copy. The parser writes
 * every field, undefined ones too: objects of one shape are smaller and quicker to read.
 */
export type KubeObject = Service | EndpointSlice | Node | ServiceCidr;

export type TrafficPolicy = 'Cluster' | 'Local';

export type ServicePort = {
	/** Empty when the Service's only port has no name. */
	readonly name: string;
	readonly protocol: Protocol;
	readonly port: number;
	/** 0 when there is none. */
	readonly nodePort: number;
};

export type LoadBalancerIngress = {readonly address: Address; readonly ipMode: 'VIP' | 'Proxy'};

export type Service = {
	readonly kind: 'Service';
	readonly namespace: string;
	readonly name: string;
	readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
	/** Empty for a headless Service. */
	readonly clusterIps: readonly Address[];
	readonly ports: readonly ServicePort[];
	readonly externalIps: readonly Address[];
	readonly loadBalancerIngress: readonly LoadBalancerIngress[];
	readonly loadBalancerSourceRanges: readonly Prefix[];
	readonly externalTrafficPolicy: TrafficPolicy;
	readonly internalTrafficPolicy: TrafficPolicy;
	/** Session affinity by client IP: seconds since a client's last new connection; absent when there is no affinity. */
	readonly affinityTimeoutSeconds?: number | undefined;
	/** 0 when there is none. */
	readonly healthCheckNodePort: number;
	/** Value of the label service.kubernetes.io/service-proxy-name: another proxy serves this Service. */
	readonly proxyName?: string | undefined;
	/** `metadata.creationTimestamp` in seconds since 1970, where it says one: of two claims on one address, the older stands. */
	readonly createdAt?: number | undefined;
};

/** One address of an EndpointSlice. Strings are interned by the parser: equal names are one string in memory. */
export type Endpoint = {
	readonly address: Address;
	readonly ready: boolean;
	readonly serving: boolean;
	readonly terminating: boolean;
	readonly nodeName?: string | undefined;
	readonly hintZones?: readonly string[] | undefined;
	readonly hintNodes?: readonly string[] | undefined;
	/** Name of the Pod behind it, in the slice's namespace. */
	readonly pod?: string | undefined;
};

export type EndpointPort = {readonly name: string; readonly protocol: Protocol; readonly port: number};

export type EndpointSlice = {
	readonly kind: 'EndpointSlice';
	readonly namespace: string;
	readonly name: string;
	/**
	 * Name of the Service, in the slice's namespace; empty when no Service that is proxied may use the slice: it
	 * belongs to none, to a headless one, or holds host names. Source: label kubernetes.io/service-name.
	 */
	readonly service: string;
	readonly family: Family;
	readonly ports: readonly EndpointPort[];
	readonly endpoints: readonly Endpoint[];
};

export type Node = {
	readonly kind: 'Node';
	readonly name: string;
	/** `status.addresses`: those of type InternalIP, then those of type ExternalIP. */
	readonly addresses: readonly Address[];
	readonly podCidrs: readonly Prefix[];
	/** Label topology.kubernetes.io/zone. */
	readonly zone?: string | undefined;
	/** Whether it is being deleted, or the cluster autoscaler is about to: load balancers shall turn away from it. */
	readonly leaving: boolean;
};

export type ServiceCidr = {readonly kind: 'ServiceCIDR'; readonly name: string; readonly cidrs: readonly Prefix[]};

/** An address that an interface of this node holds. Source: rtnetlink RTM_NEWADDR, filtered to usable scopes. */
export type NodeAddress = {
	readonly kind: 'NodeAddress';
	readonly address: Address;
	readonly interface: string;
};

/** What names an object among those of its kind: `namespace/name`, or `name` for cluster-wide kinds, or the address. */
export type ObjectKey = string;

export function keyOf(object: KubeObject | NodeAddress): ObjectKey {
	switch (object.kind) {
		case 'Service':
		case 'EndpointSlice':
			return serviceKey(object.namespace, object.name);
		case 'Node':
		case 'ServiceCIDR':
			return object.name;
		case 'NodeAddress':
			return object.address;
	}
}

/** `namespace/name`, joined, not added: V8 keeps a sum as a tree of its parts. */
export function serviceKey(namespace: string, name: string): ObjectKey {
	return [namespace, name].join('/');
}
