import {type Chain, firstLocalSlot, type Rule, type Statement, type Verdict} from './ruleset.ts';

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

/** "One of `count` backends" of the cluster list or of the local list. */
export type Balance = {
	readonly list: 'cluster' | 'local';
	/** 1 to 32,768; where clients keep theirs, to 8,192. */
	readonly count: number;
	/** Whether a client keeps its backend, and for how long after its last new connection: 1 to 86,400 seconds. */
	readonly timeoutSeconds?: number | undefined;
};

/** Sticky actions have the highest bit set; behind it one bit for the list, 17 for the timeout, 13 for the count less 1. */
const sticky = {flag: 2 ** 31, local: 2 ** 30, timeout: 2 ** 13, timeoutMax: 86_400} as const;

export function balanceAction({list, count, timeoutSeconds}: Balance): Action {
	return timeoutSeconds === undefined
		? majors[list] * 0x1_0000 + count
		: sticky.flag + (list === 'local' ? sticky.local : 0) + timeoutSeconds * sticky.timeout + count - 1;
}

/** Whether the action needs a chain of its own, which comes and goes with its users. */
export function isBalance(action: Action): boolean {
	return balanceOf(action) !== undefined;
}

/** Whether an element of `cluster-policy` or `local-policy` may hold it: one that led back to them would be a loop. */
export function isFinal(action: Action): boolean {
	return action <= actions.drop || action >= sticky.flag;
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

	const {list, count, timeoutSeconds} = balance;
	const first = list === 'cluster' ? 0 : firstLocalSlot;
	const rules: readonly Rule[] =
		timeoutSeconds === undefined
			? [[{kind: 'clearPriority'}, {kind: 'balance', count, first}]]
			: stickyRules(list, {kind: 'pick', count, first}, {kind: 'learn', timeoutSeconds});
	// an empty slot ends the rule above: without this the packet would leave untranslated
	return {name: chainName(balance), rules: [...rules, [{kind: 'verdict', verdict: {kind: 'drop'}}]]};
}

/**
 * A candidate; then the backend that the client has, which is the candidate where it had none, or where the map of
 * them is full. One that is no backend of this list any more is forgotten, and the client picks again.
 */
function stickyRules(list: Balance['list'], pick: Statement, learn: Statement): Rule[] {
	const send: Statement = {kind: 'send', map: list === 'cluster' ? 'sticky-endpoints' : 'sticky-local-endpoints'};
	return [[pick, learn], [{kind: 'recall'}], [send], [{kind: 'forget'}, pick, learn], [send]];
}

/** `major:minor` in hex, as nft prints a priority. */
export function printAction(action: Action): string {
	return `${(action >>> 16).toString(16)}:${(action & 0xffff).toString(16)}`;
}

function chainName({list, count, timeoutSeconds}: Balance): string {
	const name = `${list === 'cluster' ? 'lb' : 'local'}-${count}`;
	return timeoutSeconds === undefined ? name : `sticky-${name}-${timeoutSeconds}`;
}

function balanceOf(action: Action): Balance | undefined {
	if (action >= sticky.flag) {
		const timeoutSeconds = Math.floor(action / sticky.timeout) % 0x2_0000;
		const list = (action & sticky.local) === 0 ? 'cluster' : 'local';
		const isRight = timeoutSeconds >= 1 && timeoutSeconds <= sticky.timeoutMax;
		return isRight ? {list, count: (action % sticky.timeout) + 1, timeoutSeconds} : undefined;
	}

	const [major, count] = [action >>> 16, action & 0xffff];
	if (count < 1 || count > firstLocalSlot || (major !== majors.cluster && major !== majors.local)) {
		return undefined;
	}

	return {list: major === majors.cluster ? 'cluster' : 'local', count};
}

/** The balancing action that a chain of this name serves; undefined for any other name. */
export function actionOfChain(name: string): Action | undefined {
	const [, kind, count, timeout] = /^(lb|local|sticky-lb|sticky-local)-(\d{1,5})(?:-(\d{1,5}))?$/.exec(name) ?? [];
	if (kind === undefined) {
		return undefined;
	}

	const list = kind.endsWith('lb') ? 'cluster' : 'local';
	const timeoutSeconds = timeout === undefined ? undefined : Number(timeout);
	const action = balanceAction({list, count: Number(count), timeoutSeconds});
	const balance = balanceOf(action);
	return balance !== undefined && chainName(balance) === name ? action : undefined;
}
