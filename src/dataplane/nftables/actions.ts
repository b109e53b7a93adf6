import {type Chain, firstLocalSlot, type Verdict} from './ruleset.ts';

/**
 * What is done with a new connection, as a number that the packet carries in its priority from the map that chose it
 * to the map that dispatches it, in the same rule. nft prints it as `major:minor` in hex: `1:a` is "one of ten
 * backends".
 *
 * Not a verdict, because of the kernel's price for one: each added element that says `goto` makes it walk all
 * elements of all verdict maps at the commit (nft_table_validate), 10 ms at 30,000 services; a number costs nothing.
 */
export type Action = number;

const majors = {cluster: 1, local: 2, chain: 3} as const;

const chainAction = (minor: number): Action => majors.chain * 0x1_0000 + minor;

/** Actions that need no backends. Those after `drop` are for `services` alone: they look a second map up. */
export const actions = {
	refuse: chainAction(1),
	drop: chainAction(2),
	split: chainAction(3),
	ranges: chainAction(4),
	rangesSplit: chainAction(5),
} as const;

const fixed: ReadonlyMap<Action, Verdict> = new Map<Action, Verdict>([
	[actions.refuse, {kind: 'goto', chain: 'refuse'}],
	[actions.drop, {kind: 'drop'}],
	[actions.split, {kind: 'goto', chain: 'split'}],
	[actions.ranges, {kind: 'goto', chain: 'ranges'}],
	[actions.rangesSplit, {kind: 'goto', chain: 'ranges-split'}],
]);

/** "One of `count` backends" of the cluster list or of the local list; `count` is 1 to 32,768. */
export function balanceAction(list: 'cluster' | 'local', count: number): Action {
	return majors[list] * 0x1_0000 + count;
}

/** Whether the action needs a chain of its own, which comes and goes with its users. */
export function isBalance(action: Action): boolean {
	return action < chainAction(0) && balanceOf(action) !== undefined;
}

/** Whether an element of `cluster-policy` or `local-policy` may hold it: one that led back to them would be a loop. */
export function isFinal(action: Action): boolean {
	return action <= actions.drop;
}

/** What the action means; undefined for a number that we never write. */
export function verdictOf(action: Action): Verdict | undefined {
	const balance = balanceOf(action);
	return balance === undefined ? fixed.get(action) : {kind: 'goto', chain: chainName(balance)};
}

/** The chain of a balancing action. @throws RangeError for any other */
export function chainOf(action: Action): Chain {
	const balance = balanceOf(action);
	if (balance === undefined) {
		throw new RangeError(`action ${printAction(action)} has no chain of its own`);
	}

	const {list, count} = balance;
	const first = list === 'cluster' ? 0 : firstLocalSlot;
	return {
		name: chainName(balance),
		rules: [
			[{kind: 'clearPriority'}, {kind: 'balance', count, first}],
			// an empty slot ends the rule above: without this the packet would leave untranslated
			[{kind: 'verdict', verdict: {kind: 'drop'}}],
		],
	};
}

/** `major:minor` in hex, as nft prints a priority. */
export function printAction(action: Action): string {
	return `${(action >>> 16).toString(16)}:${(action & 0xffff).toString(16)}`;
}

type Balance = {readonly list: 'cluster' | 'local'; readonly count: number};

function chainName({list, count}: Balance): string {
	return `${list === 'cluster' ? 'lb' : 'local'}-${count}`;
}

function balanceOf(action: Action): Balance | undefined {
	const [major, count] = [action >>> 16, action & 0xffff];
	if (count < 1 || count > firstLocalSlot || (major !== majors.cluster && major !== majors.local)) {
		return undefined;
	}

	return {list: major === majors.cluster ? 'cluster' : 'local', count};
}

/** The balancing action that a chain of this name serves; undefined for any other name. */
export function actionOfChain(name: string): Action | undefined {
	const [, list, count] = /^(lb|local)-([1-9]\d{0,4})$/.exec(name) ?? [];
	if (count === undefined) {
		return undefined;
	}

	const action = balanceAction(list === 'lb' ? 'cluster' : 'local', Number(count));
	return Number(count) <= firstLocalSlot ? action : undefined;
}
