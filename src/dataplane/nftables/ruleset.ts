import type {Address, Family} from '../../net/address.ts';
import type {Protocol} from '../../net/port.ts';
import type {Prefix} from '../../net/prefix.ts';
import type {ServicePortName} from '../../plan/frontend.ts';
import type {Action} from './actions.ts';

// The part of nf_tables that we use, as data: printed for people, encoded for the kernel, walked by the tracer.

export const tableName = 'fairlead';

/**
 * The form of the whole table, named in the comment of the tables that it made. Nothing is decided by it: the kernel
 * never changes a table's comment, so one that was upgraded in place keeps the number that it was made with.
 */
export const layoutNumber = 1;

/** What a key is made of. `dport` is that of any transport protocol; `slot` a random number below 65,536. */
export type Field = 'saddr' | 'daddr' | 'l4proto' | 'dport' | 'slot' | 'priority' | 'originalDaddr' | 'originalDport';

/** `services`, and every map or set keyed like it: where a connection goes to. */
export const serviceKey: readonly Field[] = ['daddr', 'l4proto', 'dport'];

/** Sets and maps whose elements come from frontends, and those of the node itself. */
export type SetName =
	| 'cluster-ips'
	| 'hairpin'
	| 'source-ranges'
	| 'external'
	| 'external-local'
	| 'services'
	| 'cluster-policy'
	| 'local-policy'
	| 'endpoints'
	| 'sticky-slots'
	| 'sticky-endpoints'
	| 'sticky-local-endpoints'
	| 'affinity'
	| 'verdicts'
	| 'policy-verdicts'
	| 'service-cidrs'
	| 'local-pods'
	| 'unmasqueraded';

/**
 * A set, or with `data` a map. `interval` keys are ranges. With `size` rules put elements into it, so many at most,
 * each of which goes by its own timeout.
 */
export type SetSpec = {
	readonly name: SetName;
	readonly key: readonly Field[];
	readonly data?: readonly Field[] | 'verdict';
	readonly interval?: true;
	readonly size?: number;
};

export type Verdict = {readonly kind: 'drop'} | {readonly kind: 'goto'; readonly chain: string};

/** One step of a rule, at nft's level of meaning; a match that fails ends the rule. */
export type Statement =
	| {readonly kind: 'lookup'; readonly key: readonly Field[]; readonly set: SetName; readonly negated?: true}
	/** Whether the packet comes from one of these addresses, without a set to ask. */
	| {readonly kind: 'source'; readonly prefix: Prefix; readonly negated?: true}
	/** Whether the packet goes to one of these addresses, without a set to ask. */
	| {readonly kind: 'destination'; readonly prefix: Prefix}
	/** The interface that the packet came in by; of a packet that this node made, none. A prefix unless `exact`. */
	| {readonly kind: 'interface'; readonly name: string; readonly exact: boolean; readonly negated?: true}
	/** The interface that the packet goes out by. A prefix unless `exact`. */
	| {readonly kind: 'outInterface'; readonly name: string; readonly exact: boolean; readonly negated?: true}
	| {readonly kind: 'protocol'; readonly protocol: Protocol}
	/** `fib saddr type local`: the source is an address of this node. */
	| {readonly kind: 'fromNode'}
	/** `ct status dnat`: the connection's destination was rewritten. */
	| {readonly kind: 'translated'}
	/** Puts the action that `map` holds for the packet's destination in the packet's priority; none there ends the rule. */
	| {readonly kind: 'choose'; readonly map: 'services' | 'cluster-policy' | 'local-policy'}
	/** Goes where `map` says for the packet's priority. */
	| {readonly kind: 'dispatch'; readonly map: 'verdicts' | 'policy-verdicts'}
	| {readonly kind: 'clearPriority'}
	/** To the backend in slot `first` + (random mod `count`) of the packet's destination; an empty slot ends the rule. */
	| {readonly kind: 'balance'; readonly count: number; readonly first: number}
	/** Puts the id in slot `first` + (random mod `count`) in the packet's priority; an empty slot ends the rule. */
	| {readonly kind: 'pick'; readonly count: number; readonly first: number}
	/** The client has the backend in the packet's priority, unless it has one already; either way for so long from now. */
	| {readonly kind: 'learn'; readonly timeoutSeconds: number}
	/** Puts the id of the client's backend in the packet's priority; a client without one ends the rule. */
	| {readonly kind: 'recall'}
	/** The client has no backend any more. */
	| {readonly kind: 'forget'}
	/** To the backend whose id is in the packet's priority; one that `map` has not for the destination ends the rule. */
	| {readonly kind: 'send'; readonly map: StickyEndpoints}
	/** Whether a backend's id is in the packet's priority. */
	| {readonly kind: 'carriesId'}
	/** Whether the packet asks for an echo (ping). */
	| {readonly kind: 'echoRequest'}
	/** To this address of this node; or to the one that the kernel takes for the interface, which may have none: a drop. */
	| {readonly kind: 'deliver'; readonly to: Address | undefined}
	| {readonly kind: 'masquerade'}
	| {readonly kind: 'reject'; readonly with: 'tcp reset' | 'port unreachable'}
	| {readonly kind: 'verdict'; readonly verdict: Verdict};

export type Rule = readonly Statement[];

export type Hook = {readonly hook: 'prerouting' | 'output' | 'postrouting'; readonly priority: number};

/** A base chain has a hook, where packets enter; any other is reached by goto only. */
export type Chain = {readonly name: string; readonly hook?: Hook; readonly rules: readonly Rule[]};

/** What does not belong to one frontend: the same for every cluster, but for the node's detector and service CIDRs. */
export type Base = {
	readonly family: Family;
	readonly sets: readonly SetSpec[];
	/** Reached from others. */
	readonly chains: readonly Chain[];
	/** Where packets enter: they come last, so that a half-loaded table decides nothing. */
	readonly hooked: readonly Chain[];
	/** Elements of the interval sets. */
	readonly prefixes: Readonly<Record<PrefixSet, readonly Prefix[]>>;
	/** Actions that are always there. */
	readonly actions: readonly Action[];
};

export type PrefixSet = 'service-cidrs' | 'local-pods' | 'unmasqueraded';

/** The backends of one list by id: of everyone's list, or of the local one. */
export type StickyEndpoints = 'sticky-endpoints' | 'sticky-local-endpoints';

/** What a service element is found by. */
export type ServiceKey = {readonly address: Address; readonly protocol: Protocol; readonly port: number};

/** Where a slot leads. */
export type Slot = {readonly address: Address; readonly port: number};

/** Slots of the cluster list start at 0, those of the local list here. Both lists of a frontend end before the other. */
export const firstLocalSlot = 32_768;

/** Backends of one list that can be numbered. */
export const slotsMax = 32_768;

/** The same where clients keep their backend: the action that says so has no room for a larger number. */
export const stickySlotsMax = 8192;

/**
 * A backend of a service port with session affinity, the same in all frontends of that port: above, what the port is
 * called on this node (0x8000 to 0xffff), below, the backend in it (1 to 0xffff). nft prints `major:minor`.
 */
export type BackendId = number;

/** A list of backends that clients keep. What the kernel has may be in part: an empty slot, an id without a backend. */
export type StickyList = {
	/** By slot number, that of a local list less {@link firstLocalSlot}. */
	readonly ids: readonly (BackendId | undefined)[];
	readonly backends: ReadonlyMap<BackendId, Slot>;
};

/**
 * What the kernel holds for one service key, whoever put it there: parts may be missing, slots may be empty.
 * A {@link Fragment} is one that is whole.
 */
export type Held = ServiceKey & {
	readonly owner: ServicePortName | undefined;
	/** Comment of the element in `services`. */
	readonly comment: string | undefined;
	/** The value in `services`. */
	readonly action: Action | undefined;
	readonly clusterPolicy: Action | undefined;
	readonly localPolicy: Action | undefined;
	/** Whether connections to it are masqueraded, all or only the node's own. */
	readonly external: boolean;
	readonly externalLocal: boolean;
	readonly sourceRanges: readonly Prefix[];
	/** By slot number. */
	readonly slots: readonly (Slot | undefined)[];
	/** By slot number less {@link firstLocalSlot}. */
	readonly localSlots: readonly (Slot | undefined)[];
	/** With session affinity these stand in the place of the slots. */
	readonly sticky: StickyList | undefined;
	readonly stickyLocal: StickyList | undefined;
};

/** A backend in its slot; a local one has its pair in `hairpin`. */
export type LocatedSlot = Slot & {readonly local: boolean};

/** A {@link StickyList} that is whole. */
export type StickyBackends = {
	readonly ids: readonly BackendId[];
	readonly backends: ReadonlyMap<BackendId, LocatedSlot>;
};

/** What one frontend contributes to the table. Its elements are derived from it, never kept one by one. */
export type Fragment = Omit<Held, 'sticky' | 'stickyLocal'> & {
	readonly owner: ServicePortName;
	readonly comment: string;
	readonly action: Action;
	/** Whether its address is in `cluster-ips`. */
	readonly clusterIp: boolean;
	readonly slots: readonly LocatedSlot[];
	readonly localSlots: readonly LocatedSlot[];
	readonly sticky: StickyBackends | undefined;
	readonly stickyLocal: StickyBackends | undefined;
};

/** One element, by the set that holds it. */
export type Element =
	| {readonly set: 'services'; readonly at: ServiceKey; readonly action: Action; readonly comment: string | undefined}
	| {readonly set: 'cluster-policy' | 'local-policy'; readonly at: ServiceKey; readonly action: Action}
	| {readonly set: 'external' | 'external-local'; readonly at: ServiceKey}
	| {readonly set: 'endpoints'; readonly at: ServiceKey; readonly slot: number; readonly to: Slot}
	| {readonly set: 'sticky-slots'; readonly at: ServiceKey; readonly slot: number; readonly id: BackendId}
	| {readonly set: StickyEndpoints; readonly at: ServiceKey; readonly id: BackendId; readonly to: Slot}
	| {readonly set: 'source-ranges'; readonly at: ServiceKey; readonly source: Prefix}
	| {readonly set: 'cluster-ips' | 'hairpin'; readonly address: Address}
	| {readonly set: 'verdicts' | 'policy-verdicts'; readonly action: Action; readonly verdict: Verdict}
	| {readonly set: PrefixSet; readonly prefix: Prefix};

/** An element that we would never make, as the kernel showed it. */
export type ForeignElement = {
	readonly set: SetName;
	readonly key: Uint8Array;
	readonly keyEnd?: Uint8Array | undefined;
	/** Of elementFlags: a catch-all has no key, and is known by its flag. */
	readonly flags?: number | undefined;
};

/**
 * One operation. An element is its own operation, not one inside another: at a cold start there are 330,000 of them.
 * Chains: `add` makes it empty, `flush` takes its rules out, rules are added one by one at the end.
 */
export type Op =
	| (Element & ElementVerb)
	| (ForeignElement & {readonly verb: 'delete'; readonly kind: 'foreignElement'})
	| {readonly verb: 'flush'; readonly kind: 'set'; readonly name: SetName}
	| {readonly verb: 'add'; readonly kind: 'set'; readonly spec: SetSpec}
	| {readonly verb: 'delete'; readonly kind: 'foreignSet'; readonly name: string}
	| {
			readonly verb: 'add' | 'flush' | 'delete';
			readonly kind: 'chain';
			readonly name: string;
			readonly hook?: Hook | undefined;
	  }
	| {readonly verb: 'add'; readonly kind: 'rule'; readonly chain: string; readonly rule: Rule}
	| {readonly verb: 'add'; readonly kind: 'table'; readonly owned: boolean}
	| {readonly verb: 'delete'; readonly kind: 'table'};

type ElementVerb = {readonly verb: 'add' | 'delete'; readonly kind: 'element'};
