import type {Family} from '../net/address.ts';
import {encodeMessage} from '../wire/body.ts';
import {ctKeys, type Expression, fibFlags, fibResults, metaKeys, registers, rejectTypes} from '../wire/expressions.ts';
import {messageFlags} from '../wire/message.ts';
import {hooks, nfFamilies, nftables, setFlags, tableFlags} from '../wire/nftables.ts';
import {Writer} from '../wire/writer.ts';
import type {Nftables} from './nftables.ts';

/** Something of nf_tables that this kernel does not offer: a module that is missing or may not be loaded. */
export type MissingPart = {readonly name: string; readonly errno: string};

/** How one part is tried: by a chain, a set or a rule that needs it. */
type Probe = {readonly name: string} & (
	| {readonly kind: 'natChain'}
	| {readonly kind: 'set'; readonly flags: number; readonly fields?: readonly number[]; readonly keyBytes: number}
	| {readonly kind: 'rule'; readonly steps: readonly Expression[]}
);

const table = 'fairlead-probe';
const chain = 'probe';
const learned = 'learned';

const first = registers.first;
const loadProtocol: Expression = {kind: 'meta', key: metaKeys.l4proto, dreg: first};

/** Every part that Fairlead's tables are made of, by the name that nft has for it. */
function probesOf(family: Family): readonly Probe[] {
	const [nfproto, address] = family === 'IPv4' ? [nfFamilies.ipv4, 4] : [nfFamilies.ipv6, 16];
	const loadAddress: Expression = {kind: 'immediate', dreg: first, data: {value: new Uint8Array(address)}};
	const rule = (name: string, ...steps: Expression[]): Probe => ({name, kind: 'rule', steps});
	return [
		{name: 'nat chains', kind: 'natChain'},
		{name: 'interval sets', kind: 'set', flags: setFlags.interval, keyBytes: 4},
		{
			name: 'interval sets of concatenations',
			kind: 'set',
			flags: setFlags.interval | setFlags.concat,
			fields: [4, 1],
			keyBytes: 8,
		},
		rule('dnat', loadAddress, {kind: 'nat', type: 1, family: nfproto, regAddrMin: first}),
		rule('masquerade', {kind: 'masq'}),
		rule('redirect', {kind: 'redir'}),
		rule('reject', {kind: 'reject', type: rejectTypes.icmpUnreachable, code: 3}),
		rule('reject with tcp reset', {kind: 'reject', type: rejectTypes.tcpReset}),
		rule('fib', {kind: 'fib', flags: fibFlags.saddr, result: fibResults.addressType, dreg: first}),
		rule('ct', {kind: 'ct', key: ctKeys.status, dreg: first}),
		rule('numgen', {kind: 'numgen', dreg: first, modulus: 2, type: 1, offset: 0}),
		rule('jhash', loadProtocol, {
			kind: 'hash',
			sreg: first,
			dreg: first,
			len: 4,
			modulus: 2,
			seed: 1,
			offset: 0,
			type: 0,
		}),
		{name: 'sets with timeout', kind: 'set', flags: setFlags.timeout | setFlags.eval, keyBytes: 4},
		rule('update of sets', loadProtocol, {kind: 'dynset', sregKey: first, op: 1, set: learned}),
	];
}

/** How many parts are tried in each family. */
export const partsTried: number = probesOf('IPv4').length;

/**
 * The parts that this kernel does not offer, found by trying them in a batch that cannot succeed: nothing is changed,
 * nobody is told. The kernel loads modules for it, as it would for the daemon. The table is dormant, so that its chain
 * meets no packet even in that moment.
 *
 * @throws NetError KERNEL_DENIED without CAP_NET_ADMIN in this network namespace; NFT_REFUSED
 */
export async function readMissingParts(
	kernel: Pick<Nftables, 'commit'>,
	family: Family,
): Promise<readonly MissingPart[]> {
	const writer = new Writer(8192);
	const put = new ProbeWriter(writer, family === 'IPv4' ? nfFamilies.ipv4 : nfFamilies.ipv6);
	put.frame();
	const before = put.count;
	const probes = probesOf(family);
	for (const probe of probes) {
		put.probe(probe);
	}

	put.failure();
	const refusals = await kernel.commit(writer.written());
	return refusals.flatMap(({index, errno}) => {
		const name = index < before ? `tables of ${family}` : probes[index - before]?.name;
		return name === undefined ? [] : [{name, errno}];
	});
}

/** Writes the messages of one batch. */
class ProbeWriter {
	readonly #writer: Writer;
	readonly #family: number;
	/** Messages so far. */
	count = 0;

	constructor(writer: Writer, family: number) {
		[this.#writer, this.#family] = [writer, family];
	}

	/** What the probes stand in: a table that is asleep, a chain, and a set that rules may change. */
	frame(): void {
		const {table: tables, chain: chains} = nftables;
		const family = this.#family;
		encodeMessage(this.#writer, this.#header(tables.new), tables.layout, {
			family,
			name: table,
			flags: tableFlags.dormant,
		});
		encodeMessage(this.#writer, this.#header(chains.new), chains.layout, {family, table, name: chain});
		this.#set(learned, setFlags.timeout | setFlags.eval, 4);
	}

	probe(probe: Probe): void {
		const {chain: chains, rule: rules} = nftables;
		const family = this.#family;
		switch (probe.kind) {
			case 'natChain': {
				const hook = {hooknum: hooks.prerouting, priority: -100};
				const body = {family, table, name: 'nat', type: 'nat', hook};
				encodeMessage(this.#writer, this.#header(chains.new), chains.layout, body);
				return;
			}
			case 'set':
				this.#set(`set${this.count}`, probe.flags, probe.keyBytes, probe.fields);
				return;
			case 'rule': {
				const body = {family, table, chain, expressions: [...probe.steps]};
				encodeMessage(this.#writer, this.#header(rules.new, messageFlags.append), rules.layout, body);
			}
		}
	}

	/** What the kernel cannot do, so that it does none of the rest. */
	failure(): void {
		const {delete: type, layout} = nftables.table;
		const flags = messageFlags.request;
		encodeMessage(this.#writer, {type, flags, sequence: 0}, layout, {family: this.#family, name: `${table}-missing`});
	}

	#set(name: string, flags: number, keyLen: number, fields?: readonly number[]): void {
		const {set: sets} = nftables;
		const desc = fields === undefined ? {} : {desc: {concat: fields.map((len) => ({len}))}};
		const body = {family: this.#family, table, name, flags, keyType: 0, keyLen, id: this.count + 1, ...desc};
		encodeMessage(this.#writer, this.#header(sets.new), sets.layout, body);
	}

	#header(type: number, more = 0) {
		this.count++;
		return {type, flags: messageFlags.request | messageFlags.create | more, sequence: 0};
	}
}
