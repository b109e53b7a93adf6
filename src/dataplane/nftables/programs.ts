import {type Address, addressBytes, type Family} from '../../net/address.ts';
import {protocolNumbers} from '../../net/port.ts';
import type {Prefix} from '../../net/prefix.ts';
import {
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
import type {Rule, Statement} from './ruleset.ts';
import {
	behindService,
	compare,
	destinationNat,
	first,
	hostOrder,
	load,
	loadDestination,
	loadMeta,
	loadSource,
	lookUp,
	lookUpNumbered,
	lookUpService,
	mask,
	pick,
	setPriority,
} from './steps.ts';
import {changeAffinity, loadClientKey} from './sticky-programs.ts';

/** The register program of a rule, step by step the one that nft 1.0.6 makes of the same rule's text. */
export function program(rule: Rule, family: Family): Expression[] {
	return rule.flatMap((statement) => programOf(statement, family));
}

function programOf(statement: Statement, family: Family): Expression[] {
	switch (statement.kind) {
		case 'lookup':
			return lookup(statement, family);
		case 'source':
			return matchPrefix(loadSource, statement.prefix, statement.negated ?? false, family);
		case 'destination':
			return matchPrefix(loadDestination, statement.prefix, false, family);
		case 'interface':
			return matchInterface(metaKeys.iifname, statement);
		case 'outInterface':
			return matchInterface(metaKeys.oifname, statement);
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
			return [...lookUpService(statement.map, family), setPriority];
		case 'dispatch':
			return lookUp([loadMeta(metaKeys.priority)], statement.map, registers.verdict);
		case 'clearPriority':
			return [{kind: 'immediate', dreg: first, data: {value: hostOrder(0)}}, setPriority];
		case 'balance':
			return balance(statement.count, statement.first, family);
		case 'pick':
			return [
				...lookUpNumbered('sticky-slots', pick(statement.count, statement.first, behindService(family)), family),
				setPriority,
			];
		case 'learn':
		case 'forget':
			return changeAffinity(statement, family);
		case 'recall':
			return [...lookUp(loadClientKey(family), 'affinity', first), setPriority];
		case 'send':
			return [
				...lookUpNumbered(statement.map, loadMeta(metaKeys.priority, behindService(family)), family),
				destinationNat(family),
			];
		case 'carriesId':
			return [loadMeta(metaKeys.priority), mask(0x8000_0000), compare('neq', hostOrder(0))];
		case 'echoRequest':
			return echoRequest(family);
		case 'deliver':
			return deliver(statement.to, family);
		case 'masquerade':
			return [{kind: 'masq', flags: natFlags.fullyRandom}];
		case 'reject':
			return [reject(statement.with, family)];
		case 'verdict':
			return [{kind: 'immediate', dreg: registers.verdict, data: {verdict: verdictData(statement.verdict)}}];
	}
}

/** RTN_LOCAL, the address type of this node's own. Source: include/uapi/linux/rtnetlink.h */
const rtnLocal = 2;
/** IPS_DST_NAT. Source: include/uapi/linux/netfilter/nf_conntrack_common.h */
const ipsDstNat = 1 << 5;

type VerdictStatement = Extract<Statement, {readonly kind: 'verdict'}>;

function verdictData(verdict: VerdictStatement['verdict']) {
	return verdict.kind === 'drop' ? {code: verdicts.drop} : {code: verdicts.goto, chain: verdict.chain};
}

function lookup({key, set, negated}: Extract<Statement, {readonly kind: 'lookup'}>, family: Family): Expression[] {
	const keyed = load(key, family, set === 'source-ranges');
	const inverted = negated && {flags: 1}; // NFT_LOOKUP_F_INV
	return [...keyed, {kind: 'lookup', sreg: first, set, ...inverted}];
}

/** nft loads only the bytes that a prefix names, where it ends between two of them; else it masks all of them. */
function matchPrefix(load: typeof loadSource, prefix: Prefix, negated: boolean, family: Family): Expression[] {
	const bytes = addressBytes(prefix.address);
	const isWhole = prefix.bits % 8 === 0;
	const len = isWhole ? prefix.bits / 8 : bytes.length;
	const loaded = load(family, len);
	const mask = prefixMask(prefix.bits, len);
	const masked: Expression = {kind: 'bitwise', sreg: first, dreg: first, len, mask, xor: new Uint8Array(len)};
	const compared = compare(negated ? 'neq' : 'eq', bytes.slice(0, len));
	return isWhole ? [loaded, compared] : [loaded, masked, compared];
}

/** `bits` ones, then zeros, in `length` bytes. */
function prefixMask(bits: number, length: number): Uint8Array {
	return Uint8Array.from({length}, (_, index) => (0xff00 >> Math.max(0, Math.min(8, bits - 8 * index))) & 0xff);
}

type Interface = Extract<Statement, {readonly kind: 'interface' | 'outInterface'}>;

function matchInterface(key: number, {name, exact, negated}: Interface): Expression[] {
	const text = new TextEncoder().encode(name);
	const padded = new Uint8Array(16); // IFNAMSIZ: a whole name is compared with its padding, a prefix without
	padded.set(text.subarray(0, 15));
	return [loadMeta(key), compare(negated ? 'neq' : 'eq', exact ? padded : text)];
}

function balance(count: number, firstSlot: number, family: Family): Expression[] {
	return [
		...lookUpNumbered('endpoints', pick(count, firstSlot, behindService(family)), family),
		destinationNat(family),
	];
}

/** The protocols' numbers, and ICMP_ECHO and ICMPV6_ECHO_REQUEST. */
const echo = {IPv4: {protocol: 1, type: 8}, IPv6: {protocol: 58, type: 128}} as const;

function echoRequest(family: Family): Expression[] {
	const {protocol, type} = echo[family];
	return [
		loadMeta(metaKeys.l4proto),
		compare('eq', Uint8Array.of(protocol)),
		{kind: 'payload', dreg: first, base: payloadBases.transport, offset: 0, len: 1},
		compare('eq', Uint8Array.of(type)),
	];
}

function deliver(to: Address | undefined, family: Family): Expression[] {
	if (to === undefined) {
		return [{kind: 'redir'}];
	}

	const {regProtoMin: _, ...nat} = destinationNat(family);
	return [{kind: 'immediate', dreg: first, data: {value: addressBytes(to)}}, nat];
}

/** ICMP_PORT_UNREACH and ICMPV6_PORT_UNREACH */
const portUnreachable = {IPv4: 3, IPv6: 4} as const;

function reject(how: 'tcp reset' | 'port unreachable', family: Family): Expression {
	return how === 'tcp reset'
		? {kind: 'reject', type: rejectTypes.tcpReset, code: 0}
		: {kind: 'reject', type: rejectTypes.icmpUnreachable, code: portUnreachable[family]};
}
