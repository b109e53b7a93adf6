import type {Nftables} from '../../kernel/nftables.ts';
import type {Family} from '../../net/address.ts';
import {type BodyOf, type Draft, decodeBody, encodeMessage, type Layout} from '../../wire/body.ts';
import {ElementReader} from '../../wire/element-reader.ts';
import type {Message} from '../../wire/message.ts';
import {nftables, tableFlags} from '../../wire/nftables.ts';
import {Writer} from '../../wire/writer.ts';
import {setNames} from './base.ts';
import {ContentsReader} from './contents.ts';
import {nfFamily} from './declaration.ts';
import type {Door, Refused, Transaction} from './door.ts';
import {Encoder} from './encode.ts';
import type {Contents, Found, FoundChain, FoundSet} from './found.ts';
import {guardAdded, guardRemoved} from './guard.ts';
import {type SetName, tableName} from './ruleset.ts';

/** The kernel that this file needs. */
export type Kernel = Pick<Nftables, 'commit' | 'dump' | 'generation'>;

/** The table of one family in the kernel. */
export class KernelDoor implements Door {
	readonly #kernel: Kernel;
	readonly #family: Family;
	/** Those that no transaction uses now: their buffers are used again. */
	readonly #encoders: Encoder[] = [];
	#guarded = false;

	constructor(kernel: Kernel, family: Family) {
		this.#kernel = kernel;
		this.#family = family;
	}

	async read(signal: AbortSignal): Promise<Found | undefined> {
		const {table, chain, rule, set} = nftables;
		const tables = await this.#dump(table.get, table.layout, {}, signal);
		const own = tables.find(({name}) => name === tableName);
		if (own === undefined) {
			return undefined;
		}

		const chains = await this.#dump(chain.get, chain.layout, {}, signal);
		const rules = await this.#dump(rule.get, rule.layout, {table: tableName}, signal);
		const sets = await this.#dump(set.get, set.layout, {table: tableName}, signal);
		return {
			dormant: ((own.flags ?? 0) & tableFlags.dormant) !== 0,
			persists: ((own.flags ?? 0) & tableFlags.persist) !== 0,
			chains: new Map(chains.filter(isOurs).map((body) => [body.name ?? '', foundChain(body, rules)])),
			sets: new Map(sets.filter(isOurs).map((body) => [body.name ?? '', foundSet(body)])),
		};
	}

	async readContents(found: Found, signal: AbortSignal): Promise<Contents> {
		const contents = new ContentsReader(this.#family);
		const reader = new ElementReader();
		for (const set of setNames) {
			if (found.sets.has(set)) {
				const request = this.#request(nftables.element.get, nftables.element.layout, {table: tableName, set});
				for await (const messages of this.#kernel.dump(request, signal)) {
					readElements(contents, set, reader, messages);
				}
			}
		}

		return contents;
	}

	generation(): number {
		return this.#kernel.generation();
	}

	begin(): Transaction {
		const encoder = this.#encoders.pop() ?? new Encoder(this.#family);
		encoder.begin();
		return {
			get length() {
				return encoder.length;
			},
			add: (ops) => encoder.add(ops),
			send: async () => await this.#send(encoder),
		};
	}

	async guard(on: boolean): Promise<void> {
		if (on !== this.#guarded) {
			const refusals = await this.#kernel.commit(on ? guardAdded(this.#family) : guardRemoved(this.#family));
			this.#guarded = refusals.length === 0 ? on : this.#guarded; // what was refused is tried at the next sync
		}
	}

	async #send(encoder: Encoder): Promise<readonly Refused[]> {
		const refusals = await this.#kernel.commit(encoder.finish());
		const refused = refusals.map(({index, offset, errno, text}) => ({
			op: encoder.operationAt(index, offset),
			errno,
			text,
		}));
		this.#encoders.push(encoder);
		return refused;
	}

	async #dump<L extends Layout>(type: number, layout: L, body: Draft<L>, signal: AbortSignal): Promise<BodyOf<L>[]> {
		const bodies: BodyOf<L>[] = [];
		for await (const messages of this.#kernel.dump(this.#request(type, layout, body), signal)) {
			bodies.push(...messages.map(({payload}) => decodeBody(layout, payload)));
		}

		return bodies;
	}

	#request<L extends Layout>(type: number, layout: L, body: Draft<L>): Uint8Array {
		const writer = new Writer(128);
		encodeMessage(writer, {type, flags: 0, sequence: 0}, layout, {...body, family: nfFamily(this.#family)});
		return writer.written();
	}
}

function isOurs({table}: {readonly table?: string}): boolean {
	return table === tableName;
}

type ChainBody = BodyOf<typeof nftables.chain.layout>;
type RuleBody = BodyOf<typeof nftables.rule.layout>;
type SetBody = BodyOf<typeof nftables.set.layout>;

function foundChain({name, type = '', policy = 1, hook}: ChainBody, rules: readonly RuleBody[]): FoundChain {
	return {
		hook: hook && {type, hooknum: hook.hooknum ?? -1, priority: hook.priority ?? 0, policy},
		programs: rules.filter((rule) => isOurs(rule) && rule.chain === name).map(({expressions}) => expressions ?? []),
	};
}

function foundSet({flags, keyType, keyLen, dataType, dataLen, desc}: SetBody): FoundSet {
	return {
		flags: flags ?? 0,
		keyType: keyType ?? 0,
		keyLen: keyLen ?? 0,
		dataType: dataType ?? 0,
		dataLen: dataLen ?? 0,
		size: desc?.size ?? 0,
		fields: (desc?.concat ?? []).map(({len}) => len ?? 0),
	};
}

function readElements(
	contents: ContentsReader,
	set: SetName,
	reader: ElementReader,
	messages: readonly Message[],
): void {
	for (const {payload} of messages) {
		reader.open(payload);
		while (reader.next()) {
			contents.add(set, reader);
		}
	}
}
