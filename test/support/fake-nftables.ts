import type {BatchRefusal} from '../../src/kernel/nftables.ts';
import type {RulesetEvent} from '../../src/kernel/transactions.ts';
import {type BodyOf, decodeBody, encodeMessage} from '../../src/wire/body.ts';
import {ElementReader} from '../../src/wire/element-reader.ts';
import {type Element, ElementWriter} from '../../src/wire/elements.ts';
import type {Expression} from '../../src/wire/expressions.ts';
import {decodeMessages, type Message, messageFlags} from '../../src/wire/message.ts';
import {nftables, setFlags, tableFlags} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';

type TableBody = BodyOf<typeof nftables.table.layout>;
type ChainBody = BodyOf<typeof nftables.chain.layout>;
type RuleBody = BodyOf<typeof nftables.rule.layout>;
type SetBody = BodyOf<typeof nftables.set.layout>;

type FakeChain = {readonly body: ChainBody; readonly rules: readonly (readonly Expression[])[]};
type FakeSet = {readonly body: SetBody; readonly elements: ReadonlyMap<string, Element>};
type FakeTable = {
	readonly body: TableBody;
	readonly chains: ReadonlyMap<string, FakeChain>;
	readonly sets: ReadonlyMap<string, FakeSet>;
};
/** By family and name. Values are never changed in place: a transaction works on a copy of what it touches. */
type State = ReadonlyMap<string, FakeTable>;

type Options = {
	/** Whether tables may persist without their owner (kernel 6.9). */
	readonly persist?: boolean;
	/** Whether a refusal says which element of a message is at fault (kernel 5.13). */
	readonly offsets?: boolean;
	/** Keys (as hex) that no set takes: what the kernel refuses for reasons of its own. */
	readonly refusedKeys?: ReadonlySet<string>;
};

type Refusal = {readonly errno: string; readonly offset?: number};

/**
 * nf_tables in memory, spoken to in its own bytes. A transaction is kept only if every message held; refusals are the
 * kernel's own, the strictest we support: references to chains count as they were when the transaction began (< 6.2),
 * and an element that is there already is always refused.
 */
export class FakeNftables {
	/** Transactions that were kept. */
	commits = 0;
	#generation = 0xffff_fffa; // it comes round soon
	#state: State = new Map();
	readonly #listeners = new Set<(event: RulesetEvent) => void>();
	readonly #options: Required<Options>;

	constructor({persist = true, offsets = true, refusedKeys = new Set<string>()}: Options = {}) {
		this.#options = {persist, offsets, refusedKeys};
	}

	commit(batch: Uint8Array): Promise<readonly BatchRefusal[]> {
		const refusals = this.#commit(batch);
		if (refusals.length === 0) {
			this.commits++;
			this.#tell({own: true, messages: []});
		}

		return Promise.resolve(refusals);
	}

	/** What another process does. Whether the kernel took it. */
	commitAsAnother(batch: Uint8Array): boolean {
		const taken = this.#commit(batch).length === 0;
		if (taken) {
			this.#tell({own: false, messages: decodeMessages(batch)}); // what is told has the types of what was asked
		}

		return taken;
	}

	#commit(batch: Uint8Array): readonly BatchRefusal[] {
		const before = this.#state;
		const next = new Map(before);
		const refusals: BatchRefusal[] = [];
		for (const [index, message] of decodeMessages(batch).entries()) {
			const refusal = apply(before, next, message, this.#options);
			if (refusal !== undefined) {
				refusals.push({index, ...(this.#options.offsets ? refusal : {errno: refusal.errno})});
			}
		}

		if (refusals.length === 0) {
			this.#state = next;
			this.#generation = (this.#generation + 1) % 0x1_0000_0000 || 1;
		}

		return refusals;
	}

	#tell(part: {readonly own: boolean; readonly messages: readonly Message[]}): void {
		for (const hear of this.#listeners) {
			hear({kind: 'transaction', generation: this.#generation, pid: 7, process: 'nft', ...part});
		}
	}

	generation(): number {
		return this.#generation;
	}

	/** As the kernel, it tells from the call on, whenever it is asked. */
	watch(signal: AbortSignal): AsyncGenerator<RulesetEvent> {
		const heard: RulesetEvent[] = [];
		let wake = () => {};
		const hear = (event: RulesetEvent) => {
			heard.push(event);
			wake();
		};
		this.#listeners.add(hear);
		signal.addEventListener('abort', () => {
			this.#listeners.delete(hear);
			wake();
		});
		return tell(heard, signal, async () => {
			const {promise, resolve} = Promise.withResolvers<void>();
			wake = resolve;
			await promise;
		});
	}

	async *dump(request: Uint8Array): AsyncGenerator<readonly Message[]> {
		const [message] = decodeMessages(request);
		if (message !== undefined) {
			yield await Promise.resolve(decodeMessages(answers(this.#state, message)));
		}
	}

	close(): void {
		// what a socket owned and what does not persist goes
		const kept = [...this.#state].filter(([, {body}]) => ((body.flags ?? 0) & flagsOfOwner) !== tableFlags.owner);
		this.#state = new Map(kept);
	}

	/** Names of all tables, as `2 fairlead`. */
	get tables(): readonly string[] {
		return [...this.#state.keys()];
	}
}

async function* tell(
	heard: RulesetEvent[],
	signal: AbortSignal,
	more: () => Promise<void>,
): AsyncGenerator<RulesetEvent> {
	const stopped = () => signal.aborted;
	while (!stopped()) {
		const event = heard.shift();
		if (event === undefined) {
			await more();
		} else {
			yield event;
		}
	}
}

const flagsOfOwner = tableFlags.owner | tableFlags.persist;

function apply(
	before: State,
	next: Map<string, FakeTable>,
	message: Message,
	options: Required<Options>,
): Refusal | undefined {
	const {table, chain, rule, set, element} = nftables;
	if (message.type === table.new || message.type === table.delete) {
		return applyTable(next, decodeBody(table.layout, message.payload), message.type === table.new, options);
	}

	const {family, table: name = ''} = decodeBody(element.layout, message.payload);
	const at = `${family} ${name}`;
	const own = next.get(at);
	if (own === undefined) {
		return {errno: 'ENOENT'};
	}

	const edit = (part: Partial<FakeTable>) => void next.set(at, {...own, ...part});
	switch (message.type) {
		case chain.new:
		case chain.delete:
			return applyChain(
				before.get(at),
				own,
				decodeBody(chain.layout, message.payload),
				message.type === chain.new,
				edit,
			);
		case rule.new:
		case rule.delete:
			return applyRule(own, decodeBody(rule.layout, message.payload), message.type === rule.new, edit);
		case set.new:
		case set.delete:
			return applySet(own, decodeBody(set.layout, message.payload), message.type === set.new, edit);
		default:
			return applyElements(own, message, message.type === element.new, edit, options);
	}
}

type Edit = (part: Partial<FakeTable>) => void;

function applyTable(
	next: Map<string, FakeTable>,
	body: TableBody,
	isNew: boolean,
	options: Required<Options>,
): Refusal | undefined {
	const at = `${body.family} ${body.name}`;
	const known = next.get(at);
	const flags = body.flags ?? 0;
	if (isNew && (flags & tableFlags.persist) !== 0 && !options.persist) {
		return {errno: 'EOPNOTSUPP'};
	}

	if (isNew && known !== undefined) {
		const mayOwn = flags === (known.body.flags ?? 0);
		return mayOwn ? undefined : {errno: 'EOPNOTSUPP'};
	}

	if (isNew) {
		next.set(at, {body, chains: new Map(), sets: new Map()});
	} else if (!next.delete(at)) {
		return {errno: 'ENOENT'};
	}

	return undefined;
}

function applyChain(
	old: FakeTable | undefined,
	own: FakeTable,
	body: ChainBody,
	isNew: boolean,
	edit: Edit,
): Refusal | undefined {
	const {name = ''} = body;
	const known = own.chains.get(name);
	if (isNew) {
		edit({chains: new Map(own.chains).set(name, {body, rules: known?.rules ?? []})});
		return undefined; // without NLM_F_EXCL one that is there is as good
	}

	if (known === undefined || isReferenced(own, name) || (old !== undefined && isReferenced(old, name))) {
		return {errno: known === undefined ? 'ENOENT' : 'EBUSY'};
	}

	const chains = new Map(own.chains);
	chains.delete(name);
	edit({chains});
	return undefined;
}

function isReferenced(table: FakeTable, chain: string): boolean {
	const byRule = [...table.chains.values()].some(({rules}) => rules.flat().some((step) => chainOf(step) === chain));
	return (
		byRule ||
		[...table.sets.values()].some(({elements}) => [...elements.values()].some(({verdict}) => verdict?.chain === chain))
	);
}

function chainOf(step: Expression): string | undefined {
	return step.kind === 'immediate' ? step.data?.verdict?.chain : undefined;
}

function applyRule(
	own: FakeTable,
	{chain = '', expressions = []}: RuleBody,
	isNew: boolean,
	edit: Edit,
): Refusal | undefined {
	const known = own.chains.get(chain);
	if (known === undefined) {
		return {errno: 'ENOENT'};
	}

	const isDangling = expressions.some((step) => {
		const [to, set] = [chainOf(step), setOf(step)];
		return (to !== undefined && !own.chains.has(to)) || (set !== undefined && !own.sets.has(set));
	});
	const rules = isNew ? [...known.rules, expressions] : [];
	edit({chains: new Map(own.chains).set(chain, {...known, rules})});
	return isDangling
		? {errno: 'ENOENT'}
		: expressions.some((step) => isUnfit(own, step))
			? {errno: 'EOPNOTSUPP'}
			: undefined;
}

/** The set that a step looks up or changes. */
function setOf(step: Expression): string | undefined {
	return step.kind === 'lookup' || step.kind === 'dynset' ? step.set : undefined;
}

/** Whether it would put into a set what that does not hold: a value, a timeout. Source: net/netfilter/nft_dynset.c */
function isUnfit({sets}: FakeTable, step: Expression): boolean {
	const flags = sets.get(setOf(step) ?? '')?.body.flags ?? 0;
	return (
		step.kind === 'dynset' &&
		((step.sregData !== undefined && (flags & setFlags.map) === 0) ||
			(step.timeout !== undefined && (flags & setFlags.timeout) === 0))
	);
}

function applySet(own: FakeTable, body: SetBody, isNew: boolean, edit: Edit): Refusal | undefined {
	const {name = ''} = body;
	const known = own.sets.get(name);
	if (isNew) {
		edit({sets: new Map(own.sets).set(name, {body, elements: new Map()})});
		return known === undefined ? undefined : {errno: 'EEXIST'};
	}

	const isUsed = [...own.chains.values()].some(({rules}) => rules.flat().some((step) => setOf(step) === name));
	const sets = new Map(own.sets);
	sets.delete(name);
	edit({sets});
	return known === undefined ? {errno: 'ENOENT'} : isUsed ? {errno: 'EBUSY'} : undefined;
}

const elementReader = new ElementReader();

function applyElements(
	own: FakeTable,
	{payload}: Message,
	isNew: boolean,
	edit: Edit,
	options: Required<Options>,
): Refusal | undefined {
	const reader = elementReader;
	reader.open(payload);
	const set = own.sets.get(reader.set);
	if (set === undefined) {
		return {errno: 'ENOENT'};
	}

	const elements = new Map(set.elements);
	let count = 0;
	for (; reader.next(); count++) {
		const element = reader.element();
		const key = identity(element);
		const errno = isNew
			? refusedAddition(own, elements, element, key, options)
			: elements.has(key)
				? undefined
				: 'ENOENT';
		if (errno !== undefined) {
			return {errno, offset: 16 + reader.keyAt}; // struct nlmsghdr
		}

		if (isNew) {
			elements.set(key, element);
		} else {
			elements.delete(key);
		}
	}

	if (count === 0) {
		elements.clear(); // a list without elements is "all of them"
	}

	edit({sets: new Map(own.sets).set(reader.set, {...set, elements})});
	return undefined;
}

function refusedAddition(
	own: FakeTable,
	elements: ReadonlyMap<string, Element>,
	element: Element,
	key: string,
	{refusedKeys}: Required<Options>,
): string | undefined {
	if (refusedKeys.has(hex(element.key))) {
		return 'ENOSPC';
	}

	if (element.verdict?.chain !== undefined && !own.chains.has(element.verdict.chain)) {
		return 'ENOENT';
	}

	const {keyEnd} = element;
	const overlaps =
		keyEnd !== undefined && [...elements.values()].some((other) => overlap(other, hex(element.key), hex(keyEnd)));
	return elements.has(key) || overlaps ? 'EEXIST' : undefined;
}

function overlap({key, keyEnd}: Element, first: string, last: string): boolean {
	return (
		keyEnd !== undefined && hex(key) <= last && first <= hex(keyEnd) && hex(key).slice(0, 24) === first.slice(0, 24)
	);
}

function identity({key, keyEnd, flags = 0}: Element): string {
	return `${hex(key)}-${keyEnd ? hex(keyEnd) : ''}-${flags}`;
}

function hex(bytes: Uint8Array): string {
	return Buffer.from(bytes).toString('hex');
}

function answers(state: State, {type, payload}: Message): Uint8Array {
	const {element, table} = nftables;
	const asked = decodeBody(element.layout, payload);
	const writer = new Writer();
	for (const found of state.values()) {
		const name = found.body.name ?? '';
		if (found.body.family !== asked.family) {
			continue;
		}

		if (type === table.get) {
			encodeMessage(writer, answer(table.new), table.layout, found.body);
		} else if (type === element.get && name === asked.table) {
			const at = {family: asked.family, table: name};
			writeElements(writer, at, asked.set ?? '', found.sets.get(asked.set ?? ''));
		} else {
			writeObjects(writer, type, found);
		}
	}

	return writer.written();
}

function answer(type: number) {
	return {type, flags: messageFlags.multi, sequence: 1};
}

function writeObjects(writer: Writer, type: number, {body, chains, sets}: FakeTable): void {
	const {chain, rule, set} = nftables;
	for (const found of type === set.get ? sets.values() : []) {
		encodeMessage(writer, answer(set.new), set.layout, found.body);
	}

	for (const [name, found] of chains) {
		if (type === chain.get) {
			encodeMessage(writer, answer(chain.new), chain.layout, found.body);
		}

		for (const expressions of type === rule.get ? found.rules : []) {
			const at = {family: body.family, table: body.name ?? '', chain: name};
			encodeMessage(writer, answer(rule.new), rule.layout, {...at, expressions});
		}
	}
}

function writeElements(
	writer: Writer,
	at: {readonly family: number; readonly table: string},
	name: string,
	set: FakeSet | undefined,
): void {
	const list = new ElementWriter(writer);
	list.open(answer(nftables.element.new), at.family, at.table, name);
	for (const element of set?.elements.values() ?? []) {
		if (!list.add(element)) {
			list.close();
			list.open(answer(nftables.element.new), at.family, at.table, name);
			list.add(element);
		}
	}

	list.close();
}
