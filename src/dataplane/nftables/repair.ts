import {addressBytes} from '../../net/address.ts';
import {lastAddress, type Prefix} from '../../net/prefix.ts';
import {setFlags} from '../../wire/nftables.ts';
import {littleEndian, viewOf} from '../../wire/writer.ts';
import {type Action, actionOfChain, chainOf} from './actions.ts';
import {addChain, elementsOf, refillChain} from './chains.ts';
import {bound} from './contents.ts';
import {type Contents, type Found, nothing} from './found.ts';
import type {Base, Chain, ForeignElement, Op, PrefixSet} from './ruleset.ts';
import {hasHook, hasRules, isSameSet} from './same.ts';

/**
 * What makes a table that was found one that {@link Base} describes, apart from what frontends contribute. It may be
 * of an older or a newer layout, and packets meet it all the time: each step leaves a table that decides every packet.
 */
export type Repair = {
	/** First, as one transaction: all that elements of frontends need, and what is wrong and needs none of them. */
	readonly before: readonly Op[];
	/** Behind the elements, as one transaction: rules that look up what was filled only now, and where packets enter. */
	readonly after: readonly Op[];
	/** With it, once all is known: what no rule and no frontend of ours names any more. */
	readonly obsolete: readonly Op[];
	/** Chains to be deleted behind that, in a later transaction: see removeActions. */
	readonly chains: readonly string[];
	/** Balancing actions that can be named from the start. */
	readonly balances: readonly Action[];
};

/** The part of a {@link Repair} that needs no look at elements. */
type FormRepair = Omit<Repair, 'balances'>;

/**
 * Why the table cannot be repaired, for people: what cannot be changed in place is not as we declare it. Undefined
 * when it can.
 */
export function conflict(found: Found, base: Base): string | undefined {
	const set = base.sets.find((spec) => {
		const known = found.sets.get(spec.name);
		return known !== undefined && !isSameSet(known, spec, base.family);
	});
	const hooked = base.chains.find(({name}) => found.chains.get(name)?.hook !== undefined);
	const plain = base.hooked.find(({name}) => found.chains.has(name) && found.chains.get(name)?.hook === undefined);
	const chain = hooked ?? plain;
	return set ? `its set ${set.name} is another` : chain && `its chain ${chain.name} is of another kind`;
}

/**
 * What has to be done to a table that was found and has no {@link conflict}. In our own table everything foreign goes,
 * and what is right is not touched. Order: sets and chains before the rules that name them; rules before the elements
 * that name their chains.
 */
export function repair(found: Found, contents: Contents, base: Base): Repair {
	const balances = [...found.chains.keys()].map(actionOfChain).filter((action) => action !== undefined);
	const {before, after, obsolete, chains} = repairForm(found, base, balances);
	const actions = [...base.actions, ...balances];
	// what leads an action of another layout to its chain goes only when no frontend names that action any more
	const [unused, wrong] = split(contents.foreign, (element) => isUnknownAction(element, actions));
	return {
		before: [
			...before,
			...wrong.map(deleteForeign),
			...missingVerdicts(actions, contents),
			...prefixOps(base, contents),
		],
		after,
		obsolete: [...unused.map(deleteForeign), ...obsolete],
		chains,
		balances,
	};
}

/**
 * What has to be done to sets, chains and rules.
 *
 * @param balances actions whose chains shall be there
 */
export function repairForm(found: Found, base: Base, balances: readonly Action[]): FormRepair {
	const wanted = [...base.chains, ...balances.map(chainOf)];
	const missingSets = base.sets.filter(({name}) => !found.sets.has(name));
	const [present, missing] = split(wanted, ({name}) => found.chains.has(name));
	const [hooked, unhooked] = split(base.hooked, (chain) => hasHook(found.chains.get(chain.name), chain.hook));
	const wrong = [...present, ...hooked].filter((chain) => !hasRules(found.chains.get(chain.name), chain, base.family));
	const known = new Set([...wanted, ...hooked].map(({name}) => name));
	const foreign = [...found.chains].filter(([name]) => !known.has(name));
	const [entries, others] = split(foreign, ([, {hook}]) => hook !== undefined);
	// a set that was missing is empty until frontends filled it: until then the rules stay that do without
	const [early, late] = missingSets.length === 0 ? [wrong, []] : [[], wrong];
	return {
		before: [
			...missingSets.map((spec): Op => ({verb: 'add', kind: 'set', spec})),
			...missing.map(({name}): Op => ({verb: 'add', kind: 'chain', name})),
			...missing.flatMap(fillChain),
			...early.flatMap(refillChain),
		],
		after: [
			...late.flatMap(refillChain),
			...entries.flatMap(([name]) => [flushChain(name), {verb: 'delete', kind: 'chain', name} as const]),
			...unhooked.flatMap(addChain),
		],
		obsolete: [...others.map(([name]) => flushChain(name)), ...foreignSets(found, base)],
		chains: others.map(([name]) => name),
	};
}

/** What fills a table that was just made, apart from what frontends contribute. */
export function build(base: Base): Repair {
	return {
		before: [
			...base.sets.map((spec): Op => ({verb: 'add', kind: 'set', spec})),
			// all of them before the rules: chains name each other
			...base.chains.map(({name}): Op => ({verb: 'add', kind: 'chain', name})),
			...base.chains.flatMap(fillChain),
			...missingVerdicts(base.actions, nothing),
			...prefixSetsOf(base).flatMap((set) => addPrefixes(set, base.prefixes[set])),
		],
		after: base.hooked.flatMap(addChain),
		obsolete: [],
		chains: [],
		balances: [],
	};
}

/** What makes the base of one plan that of another; undefined when that takes other sets, and the chains that use them. */
export function changeBase(from: Base, to: Base): Op[] | undefined {
	if (JSON.stringify(from.sets) !== JSON.stringify(to.sets)) {
		return undefined;
	}

	const before = new Map([...from.chains, ...from.hooked].map((chain) => [chain.name, JSON.stringify(chain)]));
	const after = [...to.chains, ...to.hooked];
	const chains = after.filter((chain) => JSON.stringify(chain) !== before.get(chain.name));
	const sets = prefixSetsOf(to).filter(
		(set) => JSON.stringify(from.prefixes[set]) !== JSON.stringify(to.prefixes[set]),
	);
	return [...sets.flatMap((set) => replacePrefixes(set, to.prefixes[set])), ...chains.flatMap(refillChain)];
}

/** The sets of intervals that the table has. */
function prefixSetsOf({sets, prefixes}: Base): readonly PrefixSet[] {
	return (Object.keys(prefixes) as PrefixSet[]).filter((set) => sets.some(({name}) => name === set));
}

function split<T>(all: readonly T[], holds: (one: T) => boolean): readonly [yes: readonly T[], no: readonly T[]] {
	return [all.filter(holds), all.filter((one) => !holds(one))];
}

function flushChain(name: string): Op {
	return {verb: 'flush', kind: 'chain', name};
}

/** The rules of a chain that is there and empty. */
function fillChain(chain: Chain): Op[] {
	return addChain(chain).slice(1);
}

function deleteForeign(element: ForeignElement): Op {
	return {verb: 'delete', kind: 'foreignElement', ...element};
}

function isUnknownAction({set, key}: ForeignElement, actions: readonly Action[]): boolean {
	const isVerdict = set === 'verdicts' || set === 'policy-verdicts';
	return isVerdict && key.length === 4 && !actions.includes(actionOfKey(key));
}

/** The action that an element of a verdict map is found by. */
export function actionOfKey(key: Uint8Array): Action {
	return viewOf(key).getUint32(0, littleEndian);
}

/** Elements that lead to the actions and are not there, one map after the other. */
function missingVerdicts(actions: readonly Action[], {verdicts}: Contents): Op[] {
	const all = actions.flatMap(elementsOf);
	return (['verdicts', 'policy-verdicts'] as const).flatMap((map) =>
		all
			.filter((element) => element.set === map && !verdicts[map].has(element.action))
			.map((element): Op => ({verb: 'add', kind: 'element', ...element})),
	);
}

function foreignSets(found: Found, base: Base): Op[] {
	const known = new Set<string>(base.sets.map(({name}) => name));
	// an anonymous set goes with the rule that it is part of
	const foreign = [...found.sets].filter(([name, {flags}]) => !known.has(name) && (flags & setFlags.anonymous) === 0);
	return foreign.map(([name]) => ({verb: 'delete', kind: 'foreignSet', name}));
}

function prefixOps(base: Base, contents: Contents): Op[] {
	return prefixSetsOf(base).flatMap((set) => {
		const wanted = base.prefixes[set].flatMap(boundsOf).toSorted();
		// nft starts a set of intervals with the end of none, at the lowest address
		const found = contents.bounds[set].filter((text) => !/^0+-$/.test(text)).toSorted();
		return wanted.join() === found.join() ? [] : replacePrefixes(set, base.prefixes[set]);
	});
}

function boundsOf(prefix: Prefix): string[] {
	const end = addressBytes(lastAddress(prefix));
	const carry = end.findLastIndex((byte) => byte !== 0xff);
	const behind = end.map((byte, index) => (index < carry ? byte : index === carry ? byte + 1 : 0));
	return [bound(addressBytes(prefix.address), false), ...(carry < 0 ? [] : [bound(behind, true)])];
}

/** Intervals are few, and what may lie beside what is subtle: they are replaced as a whole, in one transaction. */
export function replacePrefixes(name: PrefixSet, prefixes: readonly Prefix[]): Op[] {
	return [{verb: 'flush', kind: 'set', name}, ...addPrefixes(name, prefixes)];
}

function addPrefixes(set: PrefixSet, prefixes: readonly Prefix[]): Op[] {
	return prefixes.map((prefix): Op => ({verb: 'add', kind: 'element', set, prefix}));
}
