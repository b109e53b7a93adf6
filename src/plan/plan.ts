import type {Address, Family} from '../net/address.ts';
import type {Prefix} from '../net/prefix.ts';
import type {Backend, Because, Frontend, FrontendKey, ServicePortName} from './frontend.ts';

/** How "the source is a pod of this node" is told. Source: kube-proxy's detectLocalMode. */
export type LocalDetector =
	| {readonly kind: 'none'}
	| {readonly kind: 'prefixes'; readonly prefixes: readonly Prefix[]}
	| {readonly kind: 'interface'; readonly name: string}
	| {readonly kind: 'interfacePrefix'; readonly prefix: string};

/** What does not belong to one frontend. Small, compared whole. */
export type NodePlan = {
	/** Addresses that the cluster allots Services from: a new connection to an unused one is dropped. */
	readonly serviceCidrs: readonly Prefix[];
	readonly detector: LocalDetector;
	/** Of which connections to cluster IPs the source is rewritten, by family. */
	readonly clusterIpMasquerade: Readonly<Record<Family, Frontend['masquerade']>>;
	/**
	 * Whether a host port is on loopback: the links of pods then carry loopback addresses, and no pod may come to what
	 * else listens there.
	 */
	readonly guardsLoopback: boolean;
	/**
	 * Connections of this node's pods that leave it for an address in none of these get this node's address as their
	 * source: nobody outside knows the way to a pod. Absent where somebody else sees to that.
	 */
	readonly podMasquerade?: {readonly except: readonly Prefix[]} | undefined;
	/** This node's primary addresses, at most one of each family: it answers pings to a cluster IP by them. */
	readonly addresses: readonly Address[];
};

/** A port on which the health of a Service's local endpoints is told to load balancers. */
export type HealthCheck = {
	readonly port: number;
	readonly namespace: string;
	readonly name: string;
	/** Distinct ready addresses on this node: each family is asked on its own address, and answers for itself. */
	readonly localEndpoints: Readonly<Partial<Record<Family, number>>>;
};

/** Flows to `frontend`'s address whose reply comes from none of `serving` are stale once the change is in the kernel. UDP only. */
export type StaleFlows = Pick<Frontend, 'address' | 'protocol' | 'port'> & {readonly serving: readonly Backend[]};

/** A part of a Service that is not served, and why; without `key` where there is no one address to name. */
export type Unserved = {readonly service: ServicePortName; readonly key?: FrontendKey; readonly because: Because};

/** What this node should do. Written by the planner alone; everyone else reads. */
export type Plan = {
	readonly frontends: ReadonlyMap<FrontendKey, Frontend>;
	readonly node: NodePlan;
	readonly healthChecks: ReadonlyMap<number, HealthCheck>;
	/** Where health checks answer: `0.0.0.0` and `::` for every address of a family, else those that answer node ports. */
	readonly healthCheckAddresses: readonly Address[];
	/** Services that are not served as written, by `namespace/name`: which part of them, and why. */
	readonly unserved: ReadonlyMap<string, readonly Unserved[]>;
};

/** What a batch of changes did to the plan: a dataplane that was equal to the old plan needs no more to equal the new one. */
export type PlanChange = {
	/** Keys of frontends that were added, updated or removed: look them up in the plan, absent means removed. */
	readonly touched: ReadonlySet<FrontendKey>;
	/** Whether `plan.node` differs from before. */
	readonly node: boolean;
	/** Whether `plan.healthChecks` or `plan.healthCheckAddresses` differ from before. */
	readonly healthChecks: boolean;
	/** `namespace/name` of the Services whose entry in `plan.unserved` came, went or changed. */
	readonly unserved: ReadonlySet<string>;
	readonly staleFlows: readonly StaleFlows[];
};
