import type {Family} from '../../net/address.ts';
import {protocolNumbers} from '../../net/port.ts';
import {
	compareOps,
	ctKeys,
	type Expression,
	fibFlags,
	fibResults,
	metaKeys,
	natFlags,
	payloadBases,
	registers,
	rejectTypes,
	verdicts,
} from '../../wire/expressions.ts';
import {nfFamilies} from '../../wire/nftables.ts';
import {type Field, type Rule, type Statement, serviceKey} from './ruleset.ts';

/** The register program of a rule, step by step the one that nft 1.0.6 makes of the same rule's text. */
export function program(rule: Rule, family: Family): Expression[] {
	return rule.flatMap((statement) => programOf(statement, family));
}

function programOf(statement: Statement, family: Family): Expression[] {
	switch (statement.kind) {
		case 'lookup':
			return lookup(statement, family);
		case 'interface':
			return matchInterface(statement.name, statement.exact, statement.negated ?? false);
		case 'protocol':
			return [loadMeta(metaKeys.l4proto), compare('eq', Uint8Array.of(protocolNumbers[statement.protocol]))];
		case 'fromNode':
			return [
				{kind: 'fib', flags: fibFlags.saddr, result: fibResults.addressType, dreg: first},
				compare('eq', hostOrder(rtnLocal)),
			];
		case 'translated':
			return [
				{kind: 'ct', key: ctKeys.status, dreg: first},
				{kind: 'bitwise', sreg: first, dreg: first, len: 4, mask: hostOrder(ipsDstNat), xor: hostOrder(0)},
				compare('neq', hostOrder(0)),
			];
		case 'choose':
			return [...lookUp(load(serviceKey, family), statement.map, first), setPriority];
		case 'dispatch':
			return lookUp([loadMeta(metaKeys.priority)], statement.map, registers.verdict);
		case 'clearPriority':
			return [{kind: 'immediate', dreg: first, data: {value: hostOrder(0)}}, setPriority];
		case 'balance':
			return balance(statement.count, statement.first, family);
		case 'masquerade':
			return [{kind: 'masq', flags: natFlags.fullyRandom}];
		case 'reject':
			return [reject(statement.with, family)];
		case 'verdict':
			return [{kind: 'immediate', dreg: registers.verdict, data: {verdict: verdictData(statement.verdict)}}];
	}
}

const first = registers.first;
const setPriority: Expression = {kind: 'meta', key: metaKeys.priority, sreg: first};

/** RTN_LOCAL, the address type of this node's own. Source: include/uapi/linux/rtnetlink.h */
const rtnLocal = 2;
/** IPS_DST_NAT. Source: include/uapi/linux/netfilter/nf_conntrack_common.h */
const ipsDstNat = 1 << 5;

function hostOrder(value: number): Uint8Array {
	return new Uint8Array(Uint32Array.of(value).buffer);
}

type VerdictStatement = Extract<Statement, {readonly kind: 'verdict'}>;

function verdictData(verdict: VerdictStatement['verdict']) {
	return verdict.kind === 'drop' ? {code: verdicts.drop} : {code: verdicts.goto, chain: verdict.chain};
}

function loadMeta(key: number, dreg: number = first): Expression {
	return {kind: 'meta', key, dreg};
}

function compare(op: 'eq' | 'neq', data: Uint8Array): Expression {
	return {kind: 'cmp', sreg: first, op: compareOps[op], data};
}

/** Bytes that a field takes in a key, padded to whole registers. */
export function fieldLength(field: Field, family: Family): number {
	const isAddress = field === 'saddr' || field === 'daddr' || field === 'originalDaddr';
	return isAddress && family === 'IPv6' ? 16 : 4;
}

/** The register `words` 4-byte words behind the first. nft names those at a multiple of 16 bytes by their old numbers. */
function registerAt(words: number): number {
	return words % 4 === 0 ? first + words / 4 : registers.word + words;
}

/** Loads the fields side by side, from the first register on. `convert` is what nft does to keys of interval sets. */
function load(fields: readonly Field[], family: Family, convert = false): Expression[] {
	let words = 0;
	return fields.flatMap((field) => {
		const dreg = registerAt(words);
		words += fieldLength(field, family) / 4;
		const loaded = loadField(field, family, dreg);
		// a swap of one byte changes nothing; without it nft would not list the rule as it was written
		const swap: Expression = {kind: 'byteorder', sreg: dreg, dreg, op: 1, len: 1, size: 2};
		return convert && field === 'l4proto' ? [loaded, swap] : [loaded];
	});
}

function loadField(field: Field, family: Family, dreg: number): Expression {
	const isIpv6 = family === 'IPv6';
	const addressLength = isIpv6 ? 16 : 4;
	switch (field) {
		case 'saddr': // offsets in struct iphdr and struct ipv6hdr
			return {kind: 'payload', dreg, base: payloadBases.network, offset: isIpv6 ? 8 : 12, len: addressLength};
		case 'daddr':
			return {kind: 'payload', dreg, base: payloadBases.network, offset: isIpv6 ? 24 : 16, len: addressLength};
		case 'dport': // the same place in TCP, UDP and SCTP
			return {kind: 'payload', dreg, base: payloadBases.transport, offset: 2, len: 2};
		case 'l4proto':
			return loadMeta(metaKeys.l4proto, dreg);
		case 'priority':
			return loadMeta(metaKeys.priority, dreg);
		case 'slot':
			return pick(65_536, 0, dreg);
		case 'originalDaddr':
			return {kind: 'ct', key: isIpv6 ? ctKeys.dstIp6 : ctKeys.dstIp, dreg, direction: 0};
		case 'originalDport':
			return {kind: 'ct', key: ctKeys.protoDst, dreg, direction: 0};
	}
}

function pick(modulus: number, offset: number, dreg: number): Expression {
	return {kind: 'numgen', dreg, modulus, type: 1, offset}; // NFT_NG_RANDOM
}

function lookUp(key: readonly Expression[], set: string, dreg: number): Expression[] {
	return [...key, {kind: 'lookup', sreg: first, dreg, set}];
}

function lookup({key, set, negated}: Extract<Statement, {readonly kind: 'lookup'}>, family: Family): Expression[] {
	const keyed = load(key, family, set === 'source-ranges');
	const inverted = negated && {flags: 1}; // NFT_LOOKUP_F_INV
	return [...keyed, {kind: 'lookup', sreg: first, set, ...inverted}];
}

function matchInterface(name: string, exact: boolean, negated: boolean): Expression[] {
	const text = new TextEncoder().encode(name);
	const padded = new Uint8Array(16); // IFNAMSIZ: a whole name is compared with its padding, a prefix without
	padded.set(text.subarray(0, 15));
	return [loadMeta(metaKeys.iifname), compare(negated ? 'neq' : 'eq', exact ? padded : text)];
}

function balance(count: number, firstSlot: number, family: Family): Expression[] {
	const key = load(serviceKey, family);
	const words = serviceKey.reduce((sum, field) => sum + fieldLength(field, family) / 4, 0);
	return [
		...key,
		...lookUp([pick(count, firstSlot, registerAt(words))], 'endpoints', first),
		{
			kind: 'nat',
			type: 1, // NFT_NAT_DNAT
			family: family === 'IPv6' ? nfFamilies.ipv6 : nfFamilies.ipv4,
			regAddrMin: first,
			regProtoMin: registerAt(fieldLength('daddr', family) / 4),
		},
	];
}

/** ICMP_PORT_UNREACH and ICMPV6_PORT_UNREACH */
const portUnreachable = {IPv4: 3, IPv6: 4} as const;

function reject(how: 'tcp reset' | 'port unreachable', family: Family): Expression {
	return how === 'tcp reset'
		? {kind: 'reject', type: rejectTypes.tcpReset, code: 0}
		: {kind: 'reject', type: rejectTypes.icmpUnreachable, code: portUnreachable[family]};
}
