import type {Address} from '../../net/address.ts';
import type {FrontendKey} from '../../plan/frontend.ts';
import type {Expression} from '../../wire/expressions.ts';
import type {Action} from './actions.ts';
import type {ForeignElement, Held, PrefixSet} from './ruleset.ts';

/** The table as the kernel has it, whoever put it there: its form. */
export type Found = {
	/** Whether it was put to sleep: no packet meets its chains. */
	readonly dormant: boolean;
	/** Whether it has the persist flag: only a table that was made as an owned one does. */
	readonly persists: boolean;
	readonly sets: ReadonlyMap<string, FoundSet>;
	readonly chains: ReadonlyMap<string, FoundChain>;
};

export type FoundSet = {
	readonly flags: number;
	readonly keyType: number;
	readonly keyLen: number;
	readonly dataType: number;
	readonly dataLen: number;
	/** The most elements it may hold; 0 is any number. */
	readonly size: number;
	/** Lengths of the fields of an interval key. */
	readonly fields: readonly number[];
};

export type FoundChain = {
	readonly hook: FoundHook | undefined;
	/** Of each rule, in order. */
	readonly programs: readonly (readonly Expression[])[];
};

export type FoundHook = {
	readonly type: string;
	readonly hooknum: number;
	readonly priority: number;
	readonly policy: number;
};

/** What is in the table. */
export type Contents = {
	readonly held: ReadonlyMap<FrontendKey, Held>;
	readonly clusterIps: readonly Address[];
	/** Addresses whose pair with themselves is in `hairpin`. */
	readonly hairpins: readonly Address[];
	/** Actions whose element leads where it should. */
	readonly verdicts: Readonly<Record<'verdicts' | 'policy-verdicts', ReadonlySet<Action>>>;
	/** Bounds of the intervals, sorted: an address as hex, with `+` where an interval starts and `-` behind one. */
	readonly bounds: Readonly<Record<PrefixSet, readonly string[]>>;
	/** What we would never make. */
	readonly foreign: readonly ForeignElement[];
};

export const nothing: Contents = {
	held: new Map(),
	clusterIps: [],
	hairpins: [],
	verdicts: {verdicts: new Set(), 'policy-verdicts': new Set()},
	bounds: {'service-cidrs': [], 'local-pods': [], unmasqueraded: []},
	foreign: [],
};
