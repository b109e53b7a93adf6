import {NetError} from '../../errors.ts';
import type {Address} from '../../net/address.ts';
import type {Protocol} from '../../net/port.ts';
import {prefixContains} from '../../net/prefix.ts';
import {type Action, printAction} from './actions.ts';
import {printRule} from './print.ts';
import type {Rules} from './rules.ts';
import type {Element, Field, Rule, SetName, Slot, Statement, StickyEndpoints} from './ruleset.ts';
import {type Affinity, ClientWalk} from './walk-affinity.ts';

/** The first packet of a connection. */
export type Packet = {
	readonly source: Address;
	readonly destination: Address;
	/** `ping`: an echo request, whose port nobody asks for. */
	readonly protocol: Protocol | 'ping';
	readonly port: number;
	/** Where it enters this node; undefined for a packet that this node sends. */
	readonly interface: string | undefined;
};

/** A backend that the connection may get, and whether the backend sees an address of this node instead of the client's. */
type Reached = Slot & {readonly masqueraded: boolean};

/**
 * What becomes of the connection. `lost` slots have no backend: the packet is dropped there. Of `kept` backends the
 * client has the same one until it opened no connection for some time. `answered`: by this node.
 */
export type Fate =
	| {readonly kind: 'backends'; readonly backends: readonly Reached[]; readonly lost: number; readonly kept: boolean}
	| {readonly kind: 'refused' | 'dropped' | 'passed' | 'answered'};

export type Walk = {
	readonly fate: Fate;
	/** Each rule that the packet met and whose every step held, as `chain: rule`; those behind the choice of a backend once. */
	readonly met: readonly string[];
};

/**
 * Takes the packet through the table, as the kernel does.
 *
 * @param affinity what clients learned before
 * @throws NetError NFT_UNKNOWN when a rule leads to a chain or set that is not there
 */
export function walk(rules: Rules, packet: Packet, affinity: Affinity = new Map()): Walk {
	const walker = new Walker(rules, packet, affinity);
	const end = walker.enter(packet.interface === undefined ? 'output' : 'prerouting');
	return {fate: fateOf(walker, end), met: [...walker.met]};
}

/** How a chain ended: with a decision, or not at all. */
type End =
	| {readonly kind: 'refused' | 'dropped' | 'passed' | 'answered' | 'masqueraded'}
	| {readonly kind: 'balanced'; readonly slots: readonly (Slot | undefined)[]; readonly kept: boolean};

function fateOf(walker: Walker, end: End): Fate {
	if (end.kind === 'masqueraded') {
		return {kind: 'passed'};
	}

	if (end.kind !== 'balanced') {
		return {kind: end.kind};
	}

	const found = end.slots.filter((slot) => slot !== undefined);
	const backends = found.map((slot) => ({
		...slot,
		masqueraded: walker.leave(slot).kind === 'masqueraded',
	}));
	return {kind: 'backends', backends, lost: end.slots.length - found.length, kept: end.kept};
}

class Walker {
	readonly met = new Set<string>();
	readonly #rules: Rules;
	readonly #packet: Packet;
	/** Where the packet goes now; behind the choice of a backend no more where the connection went first. */
	#destination: Address;
	#translated = false;
	#priority: Action = 0;
	readonly #client: ClientWalk;

	constructor(rules: Rules, packet: Packet, affinity: Affinity) {
		[this.#rules, this.#packet, this.#destination] = [rules, packet, packet.destination];
		this.#client = new ClientWalk(packet.source, affinity);
	}

	/** From a base chain on. */
	enter(hook: 'prerouting' | 'output' | 'postrouting'): End {
		return this.#chain(hook);
	}

	/** Out of the node, once a backend is chosen. */
	leave(slot: Slot): End {
		[this.#destination, this.#translated] = [slot.address, true];
		return this.enter('postrouting');
	}

	#chain(name: string): End {
		const chain = this.#rules.chains.get(name);
		if (chain === undefined) {
			throw new NetError('NFT_UNKNOWN', `follow a packet to the chain "${name}"`, {chain: name});
		}

		for (const rule of chain.rules) {
			const end = this.#rule(name, rule);
			if (end !== undefined) {
				return end;
			}
		}

		return {kind: 'passed'}; // reached by goto, or a base chain with the policy accept
	}

	/** Undefined when a step of the rule does not hold: the next rule is met. */
	#rule(chain: string, rule: Rule): End | undefined {
		for (const statement of rule) {
			const result = this.#statement(statement);
			if (result === false) {
				return undefined;
			}

			if (result !== true) {
				this.met.add(`${chain}: ${printRule(rule, this.#rules.family)}`);
				return typeof result === 'string' ? this.#chain(result) : result;
			}
		}

		this.met.add(`${chain}: ${printRule(rule, this.#rules.family)}`);
		return undefined;
	}

	/** Whether the step holds; or where the packet ends, or the chain that it goes to. */
	#statement(statement: Statement): boolean | string | End {
		switch (statement.kind) {
			case 'lookup':
				return (this.#find(statement.set, statement.key) !== undefined) !== (statement.negated ?? false);
			case 'source':
				return prefixContains(statement.prefix, this.#packet.source) !== (statement.negated ?? false);
			case 'destination':
				return prefixContains(statement.prefix, this.#destination);
			case 'interface':
				return this.#isInterface(statement.name, statement.exact) !== (statement.negated ?? false);
			case 'outInterface':
				return statement.negated ?? false; // where a route leads is not known here: to no pod
			case 'protocol':
				return this.#packet.protocol === statement.protocol;
			case 'fromNode':
				return this.#packet.interface === undefined;
			case 'translated':
				return this.#translated;
			case 'choose':
				return this.#choose(statement.map);
			case 'dispatch':
				return this.#dispatch(statement.map);
			case 'clearPriority':
				this.#priority = 0;
				this.#client.clear();
				return true;
			case 'balance':
				return this.#balance(statement.count, statement.first);
			case 'pick':
				return this.#client.pick(this.#numbered('sticky-slots', statement.count, statement.first));
			case 'learn':
				return true; // any of the ids; which one is what the next connection begins with
			case 'recall':
				return this.#client.recall();
			case 'forget':
				return this.#client.forget();
			case 'send':
				return this.#send(statement.map);
			case 'carriesId':
				return this.#client.ids.length > 0;
			case 'echoRequest':
				return this.#packet.protocol === 'ping';
			case 'deliver':
				return {kind: 'answered'};
			case 'masquerade':
				return {kind: 'masqueraded'};
			case 'reject':
				return {kind: 'refused'};
			case 'verdict':
				return statement.verdict.kind === 'drop' ? {kind: 'dropped'} : statement.verdict.chain;
		}
	}

	#isInterface(name: string, exact: boolean): boolean {
		const own = this.#packet.interface ?? '';
		return exact ? own === name : own.startsWith(name);
	}

	#choose(map: 'services' | 'cluster-policy' | 'local-policy'): boolean {
		const element = this.#find(map, ['daddr', 'l4proto', 'dport']);
		if (element === undefined || !('action' in element)) {
			return false;
		}

		this.#priority = element.action;
		return true;
	}

	#dispatch(map: 'verdicts' | 'policy-verdicts'): boolean | string | End {
		const element = this.#find(map, ['priority']);
		if (element === undefined || !('verdict' in element)) {
			return false;
		}

		return element.verdict.kind === 'drop' ? {kind: 'dropped'} : element.verdict.chain;
	}

	/** All slots that may be picked. When none of them has a backend, the next rule is met. */
	#balance(count: number, first: number): boolean | End {
		const slots = this.#numbered('endpoints', count, first).map((element) => backendOf(element));
		return slots.every((slot) => slot === undefined) ? false : {kind: 'balanced', slots, kept: false};
	}

	/** What a map of slots holds for the destination, in each slot that may be picked. */
	#numbered(map: 'endpoints' | 'sticky-slots', count: number, first: number): (Element | undefined)[] {
		const key = this.#key(['daddr', 'l4proto', 'dport']);
		return Array.from({length: count}, (_, index) => this.#set(map).get(`${key} . ${first + index}`));
	}

	/** To each backend whose id the packet may carry. When the list has none of them, the next rule is met. */
	#send(map: StickyEndpoints): boolean | End {
		const key = this.#key(['daddr', 'l4proto', 'dport']);
		const slots = this.#client.ids.map((id) =>
			backendOf(id === undefined ? undefined : this.#set(map).get(`${key} . ${printAction(id)}`)),
		);
		return slots.every((slot) => slot === undefined) ? false : {kind: 'balanced', slots, kept: true};
	}

	#find(set: SetName, key: readonly Field[]): Element | undefined {
		const elements = this.#set(set);
		if (set === 'source-ranges') {
			return this.#findRange(elements);
		}

		const isPrefixes = set === 'service-cidrs' || set === 'local-pods' || set === 'unmasqueraded';
		return isPrefixes
			? [...elements.values()].find((element) => this.#isInside(element, key))
			: elements.get(this.#key(key));
	}

	#isInside(element: Element, [field]: readonly Field[]): boolean {
		const address = field === 'saddr' ? this.#packet.source : this.#destination;
		return 'prefix' in element && prefixContains(element.prefix, address);
	}

	#findRange(elements: ReadonlyMap<string, Element>): Element | undefined {
		const {protocol, port, source} = this.#packet;
		return [...elements.values()].find(
			(element) =>
				element.set === 'source-ranges' &&
				element.at.address === this.#destination &&
				element.at.protocol === protocol &&
				element.at.port === port &&
				prefixContains(element.source, source),
		);
	}

	#set(name: SetName): ReadonlyMap<string, Element> {
		const set = this.#rules.sets.get(name);
		if (set === undefined) {
			throw new NetError('NFT_UNKNOWN', `look a packet up in the set "${name}"`, {set: name});
		}

		return set;
	}

	#key(fields: readonly Field[]): string {
		return fields.map((field) => this.#field(field)).join(' . ');
	}

	#field(field: Field): string {
		const {source, destination, protocol, port} = this.#packet;
		switch (field) {
			case 'saddr':
				return source;
			case 'daddr':
				return this.#destination;
			case 'originalDaddr':
				return destination;
			case 'l4proto':
				return protocol.toLowerCase();
			case 'dport':
			case 'originalDport': // before the choice of a backend they are the same, and behind it nothing asks for dport
				return String(port);
			case 'priority':
				return printAction(this.#priority);
			case 'slot':
				throw new NetError('NFT_UNKNOWN', 'follow a packet: a slot is picked by `balance` alone', {field});
		}
	}
}

function backendOf(element: Element | undefined): Slot | undefined {
	return element !== undefined && 'to' in element ? element.to : undefined;
}
