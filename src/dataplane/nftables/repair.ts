import type {Family} from '../../net/address.ts';
import {addressBytes} from '../../net/address.ts';
import {lastAddress, type Prefix} from '../../net/prefix.ts';
import type {Expression} from '../../wire/expressions.ts';
import {hooks, setFlags} from '../../wire/nftables.ts';
import {type Action, actionOfChain, chainOf} from './actions.ts';
import {addChain, elementsOf, refillChain} from './chains.ts';
import {bound} from './contents.ts';
import {declareSet} from './declaration.ts';
import {type Contents, type Found, type FoundChain, type FoundHook, type FoundSet, nothing} from './found.ts';
import {program} from './programs.ts';
import {type Base, type Chain, type Hook, layoutNumber, type Op, type PrefixSet, type SetSpec} from './ruleset.ts';

/** What makes a table that was found one that {@link Base} describes, apart from what frontends contribute. */
export type Repair = {
	/** To be sent first, as one transaction. */
	readonly ops: readonly Op[];
	/** Foreign chains to be deleted, in a later transaction: see removeActions. */
	readonly chains: readonly string[];
	/** Balancing actions that can be named then. */
	readonly balances: readonly Action[];
	/** Base chains still to be made, when all the rest is there. */
	readonly hooked: readonly Chain[];
};

/** Whether the table can be repaired: it has our layout, and what cannot be changed in place is as we declare it. */
export function isRepairable(found: Found, base: Base): boolean {
	return (
		found.layout === layoutNumber &&
		base.sets.every((spec) => isSameSet(found.sets.get(spec.name), spec, base.family)) &&
		base.chains.every(({name}) => found.chains.get(name)?.hook === undefined)
	);
}

/**
 * What has to be done to a table that was found. In our own table everything foreign goes, and what is right is not
 * touched. Order: sets and chains before the rules that name them; rules before the elements that name their chains,
 * and before the foreign sets and chains that only foreign rules can name.
 */
export function repair(found: Found, contents: Contents, base: Base): Repair {
	const balances = [...found.chains.keys()].map(actionOfChain).filter((action) => action !== undefined);
	const wanted = [...base.chains, ...balances.map(chainOf)];
	const hooked = base.hooked.filter((chain) => hasHook(found.chains.get(chain.name), chain.hook));
	const known = new Set([...wanted, ...hooked].map(({name}) => name));
	const foreign = [...found.chains.keys()].filter((name) => !known.has(name));
	const added = wanted.filter(({name}) => !found.chains.has(name));
	const wrong = [...wanted, ...hooked].filter((chain) => !hasRules(found.chains.get(chain.name), chain, base.family));
	return {
		ops: [
			...base.sets.filter(({name}) => !found.sets.has(name)).map((spec): Op => ({verb: 'add', kind: 'set', spec})),
			...added.map(({name}): Op => ({verb: 'add', kind: 'chain', name})),
			...wrong.flatMap(refillChain),
			...foreign.map((name): Op => ({verb: 'flush', kind: 'chain', name})),
			...contents.foreign.map((element): Op => ({verb: 'delete', kind: 'foreignElement', ...element})),
			...missingVerdicts([...base.actions, ...balances], contents),
			...foreignSets(found, base),
			...prefixOps(base, contents),
		],
		chains: foreign,
		balances,
		hooked: base.hooked.filter((chain) => !hooked.includes(chain)),
	};
}

/** What fills a table that was just made, apart from what frontends contribute. */
export function build(base: Base): Repair {
	return {
		ops: [
			...base.sets.map((spec): Op => ({verb: 'add', kind: 'set', spec})),
			// all of them before the rules: chains name each other
			...base.chains.map(({name}): Op => ({verb: 'add', kind: 'chain', name})),
			...base.chains.flatMap((chain) => addChain(chain).slice(1)),
			...missingVerdicts(base.actions, nothing),
			...prefixSets.flatMap((set) => addPrefixes(set, base.prefixes[set])),
		],
		chains: [],
		balances: [],
		hooked: base.hooked,
	};
}

/** What makes the base of one plan that of another. */
export function changeBase(from: Base, to: Base): Op[] {
	const chains = to.chains.filter(
		(chain) => JSON.stringify(chain) !== JSON.stringify(from.chains.find(({name}) => name === chain.name)),
	);
	const sets = prefixSets.filter((set) => JSON.stringify(from.prefixes[set]) !== JSON.stringify(to.prefixes[set]));
	return [...sets.flatMap((set) => replacePrefixes(set, to.prefixes[set])), ...chains.flatMap(refillChain)];
}

const prefixSets: readonly PrefixSet[] = ['service-cidrs', 'local-pods'];

function isSameSet(found: FoundSet | undefined, spec: SetSpec, family: Family): boolean {
	if (found === undefined) {
		return true; // it can be added
	}

	const {flags, keyType, keyLen, dataType, dataLen, desc} = declareSet(spec, family, 0);
	const known = setFlags.interval | setFlags.concat | setFlags.map | setFlags.timeout | setFlags.constant;
	return (
		(found.flags & known) === flags &&
		found.keyType === keyType &&
		found.keyLen === keyLen &&
		found.dataType === (dataType ?? 0) &&
		(spec.data === 'verdict' || found.dataLen === (dataLen ?? 0)) && // the kernel tells its own length of a verdict
		found.fields.join() === (desc?.concat ?? []).map(({len}) => len).join()
	);
}

function hasHook(found: FoundChain | undefined, hook: Hook | undefined): boolean {
	const wanted: FoundHook | undefined = hook && {
		type: 'nat',
		hooknum: hooks[hook.hook],
		priority: hook.priority,
		policy: 1,
	};
	return found !== undefined && JSON.stringify(found.hook) === JSON.stringify(wanted);
}

function hasRules(found: FoundChain | undefined, {rules}: Chain, family: Family): boolean {
	const wanted = rules.map((rule) => programText(program(rule, family)));
	return found !== undefined && wanted.join('\n') === found.programs.map(programText).join('\n');
}

/** A program as text, without what the kernel adds when it shows one: two that do the same are equal. */
function programText(steps: readonly Expression[]): string {
	return steps
		.map((step) => JSON.stringify(Object.entries(step).filter(isTold(step)).map(printAttribute).toSorted()))
		.join();
}

/** Whether an attribute says more than its absence would. */
function isTold(step: Expression): (entry: readonly [string, unknown]) => boolean {
	return ([name, value]) => {
		if (step.kind === 'nat' && typeof value === 'number') {
			const implied: Readonly<Record<string, unknown>> = {
				regAddrMax: step.regAddrMin,
				regProtoMax: step.regProtoMin,
				flags: natRangeFlags,
			};
			return value !== implied[name];
		}

		return value !== undefined && !(value === 0 && zeroByDefault.has(`${step.kind} ${name}`));
	};
}

/** NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED: the kernel sets them by the registers. */
const natRangeFlags = 0x3;

/** Attributes that mean the same when they are left out. */
const zeroByDefault = new Set(['lookup flags', 'numgen offset', 'bitwise op', 'reject code']);

function printAttribute([name, value]: readonly [string, unknown]): string {
	return `${name} ${JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))}`;
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
	const foreign = [...found.sets.keys()].filter((name) => !known.has(name));
	return foreign.map((name) => ({verb: 'delete', kind: 'foreignSet', name}));
}

function prefixOps(base: Base, contents: Contents): Op[] {
	return prefixSets.flatMap((set) => {
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
function replacePrefixes(name: PrefixSet, prefixes: readonly Prefix[]): Op[] {
	return [{verb: 'flush', kind: 'set', name}, ...addPrefixes(name, prefixes)];
}

function addPrefixes(set: PrefixSet, prefixes: readonly Prefix[]): Op[] {
	return prefixes.map((prefix): Op => ({verb: 'add', kind: 'element', set, prefix}));
}
