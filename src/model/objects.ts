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

/** A port of the node that leads to a pod. Source: k8s.io/api/core/v1 ContainerPort, CNI capability portMappings */
export type HostPort = {
	readonly protocol: Protocol;
	readonly hostPort: number;
	readonly containerPort: number;
	/** The only address of the node that it is on; absent: all of them, loopback of IPv4 too. */
	readonly hostIp?: Address | undefined;
};

/** An interface of a pod of this node, as its runtime had it attached. */
export type PodAttachment = {
	readonly kind: 'PodAttachment';
	readonly containerId: string;
	readonly ifName: string;
	/** The pod's; where containers are no pods `cni` and the container's id. */
	readonly namespace: string;
	readonly name: string;
	readonly uid: string;
	/** At most one of each family. */
	readonly addresses: readonly Address[];
	/** The node's end of its link. */
	readonly link: string;
	readonly hostPorts: readonly HostPort[];
	/** Milliseconds since 1970, where it is known: of two claims on one port of the node, the older stands. */
	readonly attachedAt?: number | undefined;
};

/** Everything that a world holds, whoever told of it. */
export type WorldObject = KubeObject | NodeAddress | PodAttachment;

/**
 * What names an object among those of its kind: `namespace/name`, or `name` for cluster-wide kinds, or the address, or
 * `containerId/ifName` of an interface of a pod.
 */
export type ObjectKey = string;

export function keyOf(object: WorldObject): ObjectKey {
	switch (object.kind) {
		case 'Service':
		case 'EndpointSlice':
			return serviceKey(object.namespace, object.name);
		case 'Node':
		case 'ServiceCIDR':
			return object.name;
		case 'NodeAddress':
			return object.address;
		case 'PodAttachment':
			return `${object.containerId}/${object.ifName}`;
	}
}

/**
 * What a pod is called where Services are: a Service's name has no slash, so that none is ever called the same.
 */
export function podName(name: string): string {
	return `pod/${name}`;
}

/** `namespace/name`, joined, not added: V8 keeps a sum as a tree of its parts. */
export function serviceKey(namespace: string, name: string): ObjectKey {
	return [namespace, name].join('/');
}
