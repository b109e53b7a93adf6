import {addressFromBytes, addressLength, type Family} from '../../net/address.ts';
import {type FrontendKey, frontendKey} from '../../plan/frontend.ts';
import type {Element as WireElement} from '../../wire/elements.ts';
import {elementsOf} from './chains.ts';
import {protocolByNumber} from './contents.ts';
import {diff} from './diff.ts';
import {elementName, type TouchedElement} from './edits.ts';
import {ElementForm} from './element-form.ts';
import {actionOfKey, replacePrefixes} from './repair.ts';
import type {Element, ForeignElement, Fragment, Held, Op, PrefixSet, SetName} from './ruleset.ts';
import type {State} from './state.ts';

/**
 * What undoes the changes that other processes made to elements: as many operations as elements were changed, whatever
 * the size of the table. Order is contract: what goes before what comes, as a range may have been put over ours.
 * Undefined where the elements do not tell enough, and the table has to be read.
 */
export function mendElements(touched: Iterable<TouchedElement>, state: State): readonly Op[] | undefined {
	const wanted = new WantedElements(state);
	const [deletions, additions]: [Op[], Op[]] = [[], []];
	const prefixSets = new Set<PrefixSet>();
	for (const {key, is} of touched) {
		if (key.set === 'service-cidrs' || key.set === 'local-pods' || key.set === 'unmasqueraded') {
			prefixSets.add(key.set);
			continue;
		}

		const element = wanted.find(key);
		if (element === 'unknown') {
			return undefined;
		}

		if (element === undefined || is === undefined || !wanted.isSame(element, is)) {
			deletions.push(...(is === undefined ? [] : [{verb: 'delete', kind: 'foreignElement', ...key} as const]));
			additions.push(...(element === undefined ? [] : [{verb: 'add', kind: 'element', ...element} as const]));
		}
	}

	const ours = [...prefixSets].filter((set) => state.base.sets.some(({name}) => name === set));
	const prefixes = ours.flatMap((set) => replacePrefixes(set, state.base.prefixes[set]));
	return [...deletions, ...additions, ...prefixes];
}

/** The elements that a table should have, found by their keys. */
class WantedElements {
	readonly #state: State;
	readonly #form: ElementForm;
	/** By set and frontend, of those that were asked for, elements by name. */
	readonly #known = new Map<string, ReadonlyMap<string, Element>>();

	constructor(state: State) {
		this.#state = state;
		this.#form = new ElementForm(state.base.family);
	}

	/** The element that should be at a key; undefined when none should. */
	find(at: ForeignElement): Element | 'unknown' | undefined {
		const {base, shared} = this.#state;
		switch (at.set) {
			case 'services':
			case 'cluster-policy':
			case 'local-policy':
			case 'external':
			case 'external-local':
			case 'endpoints':
			case 'sticky-slots':
			case 'sticky-endpoints':
			case 'sticky-local-endpoints':
			case 'source-ranges':
				return this.#ofFrontend(at);
			case 'cluster-ips': {
				const address = addressAt(at.key, 0, base.family);
				return address !== undefined && shared.clusterIps.has(address) ? {set: at.set, address} : undefined;
			}
			case 'hairpin': {
				const [from, to] = [addressAt(at.key, 0, base.family), addressAt(at.key, at.key.length / 2, base.family)];
				return from !== undefined && from === to && shared.hairpins.has(from)
					? {set: at.set, address: from}
					: undefined;
			}
			case 'verdicts':
			case 'policy-verdicts': {
				const action = at.key.length === 4 ? actionOfKey(at.key) : 0;
				const isWanted = base.actions.includes(action) || shared.balances.has(action);
				return isWanted ? elementsOf(action).find(({set}) => set === at.set) : undefined;
			}
			case 'service-cidrs':
			case 'local-pods':
			case 'unmasqueraded':
			case 'affinity':
				return 'unknown'; // replaced as a whole; never looked at
		}
	}

	/** Whether the kernel was told of `is` what `element` says. */
	isSame(element: Element, is: WireElement): boolean {
		const {value, verdict, comment, flags = 0} = this.#form.element(element, 'add');
		return (
			isEqual(value, is.value) &&
			verdict?.code === is.verdict?.code &&
			verdict?.chain === is.verdict?.chain &&
			comment === is.comment &&
			flags === (is.flags ?? 0)
		);
	}

	#ofFrontend(at: ForeignElement): Element | 'unknown' | undefined {
		const key = frontendAt(at.key, this.#state.base.family);
		const held = key === undefined ? undefined : this.#state.held.get(key);
		if (key === undefined || held === undefined) {
			return undefined;
		}

		if (!isFragment(held)) {
			return 'unknown'; // the plan does not name it, and there may be more of it than is known
		}

		const name = `${at.set} ${key}`;
		const elements = this.#known.get(name) ?? this.#elementsOf(held, at.set);
		this.#known.set(name, elements);
		return elements.get(elementName(at));
	}

	#elementsOf(fragment: Fragment, set: SetName): ReadonlyMap<string, Element> {
		const ops = diff([{key: '', before: undefined, after: fragment}]);
		const elements = ops.filter((op) => op.kind === 'element').filter((element) => element.set === set);
		return new Map(elements.map((element) => [elementName({set, ...this.#form.element(element, 'delete')}), element]));
	}
}

function isFragment(held: Held | Fragment): held is Fragment {
	return held.owner !== undefined;
}

function addressAt(key: Uint8Array, at: number, family: Family) {
	const end = at + addressLength(family);
	return end > key.length ? undefined : addressFromBytes(key.subarray(at, end));
}

/** Whose elements have keys that start like this one. */
function frontendAt(key: Uint8Array, family: Family): FrontendKey | undefined {
	const address = addressAt(key, 0, family);
	const at = addressLength(family);
	const protocol = protocolByNumber.get(key[at] ?? 0);
	const port = (key[at + 4] ?? 0) * 256 + (key[at + 5] ?? 0);
	return address === undefined || protocol === undefined ? undefined : frontendKey(address, protocol, port);
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
	return a?.length === b?.length && (a === undefined || a.every((byte, index) => byte === b?.[index]));
}
