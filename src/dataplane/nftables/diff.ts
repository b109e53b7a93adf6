import type {Address} from '../../net/address.ts';
import {printPrefix} from '../../net/prefix.ts';
import type {FrontendKey} from '../../plan/frontend.ts';
import {type Action, isBalance} from './actions.ts';
import type {BackendIds} from './backend-ids.ts';
import {addAction} from './chains.ts';
import {countUser, type Delta, type References, type Turnover} from './references.ts';
import {
	type Element,
	type Fragment,
	firstLocalSlot,
	type Held,
	type LocatedSlot,
	type Op,
	type Slot,
} from './ruleset.ts';
import {diffSticky, surplusSticky} from './sticky-diff.ts';

/** What frontends share: addresses in `cluster-ips`, pairs in `hairpin`, chains of balancing actions. */
export type Shared = {
	readonly clusterIps: References<Address>;
	readonly hairpins: References<Address>;
	readonly balances: References<Action>;
	/** What backends are called that clients keep. */
	readonly ids: BackendIds;
	/** Whether what nobody uses is left alone: while there may be users that are not known. */
	readonly keepUnused: boolean;
};

export type SharedDelta = {
	readonly clusterIps: Delta<Address>;
	readonly hairpins: Delta<Address>;
	readonly balances: Delta<Action>;
};

export type SharedTurnover = {
	readonly clusterIps: Turnover<Address>;
	readonly hairpins: Turnover<Address>;
	readonly balances: Turnover<Action>;
};

/**
 * What the kernel has for one service key, and what it shall have; absent is nothing. The slots of `after` are
 * arranged (see slots.ts). Only a `before` that is a fragment was counted as a user of what is shared.
 */
export type Difference = {
	readonly key: FrontendKey;
	readonly before: Held | Fragment | undefined;
	readonly after: Fragment | undefined;
};

/**
 * The operations that make every `before` an `after`, but for two things: what is shared, which {@link diffShared}
 * puts in the same transaction, and {@link surplusSlots}, for the next one. Order is contract: for each set, what goes before what comes. The kernel
 * refuses a second element of one key (EEXIST), and a narrower interval inside a wider one; it has no "replace", so a
 * changed value is a deletion and an addition in one transaction.
 */
export function diff(differences: readonly Difference[]): Op[] {
	const ops: Op[] = [];
	for (const part of [endpoints, diffSticky, sourceRanges, policies, services]) {
		for (const {before, after} of differences) {
			part(ops, before, after);
		}
	}

	return ops;
}

/**
 * The operations for what frontends begin or cease to share. Order is contract: a chain, its rules, and then the
 * elements that lead to it (ENOENT). Elements of `services` name actions by number, so they may come before. Chains
 * that nobody uses any more are no part of it: see {@link removeActions}.
 */
export function diffShared({balances, hairpins, clusterIps}: SharedTurnover): Op[] {
	const ops = balances.added.flatMap(addAction);
	turnOver(ops, 'hairpin', hairpins);
	turnOver(ops, 'cluster-ips', clusterIps);
	return ops;
}

/**
 * The operations that take away slots behind the end of a list that became shorter, of one that clients now keep their
 * backends of all of them, and the other way round. A transaction of its own, behind the one that made it shorter: each lookup of a packet sees the newest commit, so a packet may have been told the old
 * length right before it and pick the last slot right behind it. It finds a backend there, not nothing.
 */
export function surplusSlots({before, after}: Difference): Op[] {
	if (before === undefined || after === undefined) {
		return [];
	}

	return [
		...surplus(before, before.slots, after.slots.length, 0),
		...surplus(before, before.localSlots, after.localSlots.length, firstLocalSlot),
		...surplusSticky(before, after),
	];
}

function surplus(at: Held, slots: readonly (Slot | undefined)[], kept: number, first: number): Op[] {
	return slots.slice(kept).flatMap((to, index): Op[] => {
		const slot = first + kept + index;
		return to === undefined ? [] : [{verb: 'delete', kind: 'element', set: 'endpoints', at, slot, to}];
	});
}

/** What of the shared things comes and goes with `delta`. */
export function sharedTurnover(
	{clusterIps, hairpins, balances, keepUnused}: Omit<Shared, 'ids'>,
	delta: SharedDelta,
): SharedTurnover {
	const kept = <K>(turnover: Turnover<K>): Turnover<K> => (keepUnused ? {...turnover, unused: []} : turnover);
	return {
		clusterIps: kept(clusterIps.turnover(delta.clusterIps)),
		hairpins: kept(hairpins.turnover(delta.hairpins)),
		balances: kept(balances.turnover(delta.balances)),
	};
}

/** By how much the users of shared things change. */
export function sharedDelta(differences: readonly Difference[]): SharedDelta {
	const delta: SharedDelta = {clusterIps: new Map(), hairpins: new Map(), balances: new Map()};
	for (const {before, after} of differences) {
		if (after !== undefined) {
			countUses(delta, after, 1);
		}

		if (before !== undefined && isFragment(before)) {
			countUses(delta, before, -1);
		}
	}

	return delta;
}

/** Whether it is one of the plan's, not one that was found. */
export function isFragment(held: Held | Fragment): held is Fragment {
	return held.owner !== undefined;
}

/** Its lists, those that clients keep their backends of too. */
function backendsOf({slots, localSlots, sticky, stickyLocal}: Fragment): Iterable<LocatedSlot>[] {
	return [slots, localSlots, sticky?.backends.values() ?? none, stickyLocal?.backends.values() ?? none];
}

function countUses(delta: SharedDelta, fragment: Fragment, by: 1 | -1): void {
	if (fragment.clusterIp) {
		countUser(delta.clusterIps, fragment.address, by);
	}

	for (const backends of backendsOf(fragment)) {
		for (const {address, local} of backends) {
			if (local) {
				countUser(delta.hairpins, address, by);
			}
		}
	}

	for (const action of [fragment.action, fragment.clusterPolicy, fragment.localPolicy]) {
		if (action !== undefined && isBalance(action)) {
			countUser(delta.balances, action, by);
		}
	}
}

function endpoints(ops: Op[], before: Held | undefined, after: Fragment | undefined): void {
	changeSlots(ops, before, after, before?.slots ?? none, after?.slots ?? none, 0);
	changeSlots(ops, before, after, before?.localSlots ?? none, after?.localSlots ?? none, firstLocalSlot);
}

const none: readonly never[] = [];

function changeSlots(
	ops: Op[],
	before: Held | undefined,
	after: Fragment | undefined,
	from: readonly (Slot | undefined)[],
	to: readonly Slot[],
	first: number,
): void {
	if (from === to) {
		return;
	}

	const end = after === undefined ? from.length : Math.min(from.length, to.length); // behind it: see surplusSlots
	for (let index = 0; index < end; index++) {
		const slot = from[index];
		if (slot !== undefined && before !== undefined && !sameSlot(slot, to[index])) {
			ops.push({verb: 'delete', kind: 'element', set: 'endpoints', at: before, slot: first + index, to: slot});
		}
	}

	for (let index = 0; index < to.length; index++) {
		const slot = to[index];
		if (slot !== undefined && after !== undefined && !sameSlot(slot, from[index])) {
			ops.push({verb: 'add', kind: 'element', set: 'endpoints', at: after, slot: first + index, to: slot});
		}
	}
}

function sameSlot(a: Slot, b: Slot | undefined): boolean {
	return b !== undefined && a.port === b.port && a.address === b.address;
}

function sourceRanges(ops: Op[], before: Held | undefined, after: Fragment | undefined): void {
	const from = before?.sourceRanges ?? none;
	const to = after?.sourceRanges ?? none;
	if (from.length === 0 && to.length === 0) {
		return;
	}

	const kept = new Set(from.map(printPrefix)).intersection(new Set(to.map(printPrefix)));
	for (const source of from) {
		if (before !== undefined && !kept.has(printPrefix(source))) {
			change(ops, {set: 'source-ranges', at: before, source}, undefined);
		}
	}

	for (const source of to) {
		if (after !== undefined && !kept.has(printPrefix(source))) {
			change(ops, undefined, {set: 'source-ranges', at: after, source});
		}
	}
}

function policies(ops: Op[], before: Held | undefined, after: Fragment | undefined): void {
	if (before?.clusterPolicy !== after?.clusterPolicy) {
		change(ops, policy('cluster-policy', before), policy('cluster-policy', after));
	}

	if (before?.localPolicy !== after?.localPolicy) {
		change(ops, policy('local-policy', before), policy('local-policy', after));
	}

	if ((before?.external ?? false) !== (after?.external ?? false)) {
		const element = (held: Held | undefined) => (held?.external ? ({set: 'external', at: held} as const) : undefined);
		change(ops, element(before), element(after));
	}

	if ((before?.externalLocal ?? false) !== (after?.externalLocal ?? false)) {
		const element = (held: Held | undefined) =>
			held?.externalLocal ? ({set: 'external-local', at: held} as const) : undefined;
		change(ops, element(before), element(after));
	}
}

function policy(set: 'cluster-policy' | 'local-policy', held: Held | undefined): Element | undefined {
	const action = set === 'cluster-policy' ? held?.clusterPolicy : held?.localPolicy;
	return held === undefined || action === undefined ? undefined : {set, at: held, action};
}

function services(ops: Op[], before: Held | undefined, after: Fragment | undefined): void {
	if (before?.action !== after?.action || before?.comment !== after?.comment) {
		change(ops, service(before), service(after));
	}
}

function service(held: Held | undefined): Element | undefined {
	return held?.action === undefined
		? undefined
		: {set: 'services', at: held, action: held.action, comment: held.comment};
}

function change(ops: Op[], from: Element | undefined, to: Element | undefined): void {
	if (from !== undefined) {
		ops.push({verb: 'delete', kind: 'element', ...from});
	}

	if (to !== undefined) {
		ops.push({verb: 'add', kind: 'element', ...to});
	}
}

function turnOver(ops: Op[], set: 'cluster-ips' | 'hairpin', {added, unused}: Turnover<Address>): void {
	for (const address of unused) {
		ops.push({verb: 'delete', kind: 'element', set, address});
	}

	for (const address of added) {
		ops.push({verb: 'add', kind: 'element', set, address});
	}
}
