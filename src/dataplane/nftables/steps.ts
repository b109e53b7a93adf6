import type {Family} from '../../net/address.ts';
import {compareOps, ctKeys, type Expression, metaKeys, payloadBases, registers} from '../../wire/expressions.ts';
import {nfFamilies} from '../../wire/nftables.ts';
import {type Field, type SetName, serviceKey} from './ruleset.ts';

// What register programs are put together from. Registers are those that nft 1.0.6 takes.

/** The register that every statement begins with. */
export const first = registers.first;
export const setPriority: Expression = {kind: 'meta', key: metaKeys.priority, sreg: first};

export function hostOrder(value: number): Uint8Array {
	return new Uint8Array(Uint32Array.of(value).buffer);
}

export function loadMeta(key: number, dreg: number = first): Expression {
	return {kind: 'meta', key, dreg};
}

export function compare(op: 'eq' | 'neq', data: Uint8Array): Expression {
	return {kind: 'cmp', sreg: first, op: compareOps[op], data};
}

/** Keeps the bits of the first register that `bits` has, a number in host order. */
export function mask(bits: number): Extract<Expression, {readonly kind: 'bitwise'}> {
	// NFT_BITWISE_MASK_XOR
	return {kind: 'bitwise', sreg: first, dreg: first, len: 4, op: 0, mask: hostOrder(bits), xor: hostOrder(0)};
}

/** Bytes that a field takes in a key, padded to whole registers. */
export function fieldLength(field: Field, family: Family): number {
	const isAddress = field === 'saddr' || field === 'daddr' || field === 'originalDaddr';
	return isAddress && family === 'IPv6' ? 16 : 4;
}

/** The register `words` 4-byte words behind the first. nft names those at a multiple of 16 bytes by their old numbers. */
export function registerAt(words: number): number {
	return words % 4 === 0 ? first + words / 4 : registers.word + words;
}

/** Loads the fields side by side, from the first register on. `convert` is what nft does to keys of interval sets. */
export function load(fields: readonly Field[], family: Family, convert = false): Expression[] {
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

/** The first `len` bytes of the source address: offsets in struct iphdr and struct ipv6hdr. */
export function loadSource(family: Family, len: number, dreg: number = first): Expression {
	return {kind: 'payload', dreg, base: payloadBases.network, offset: family === 'IPv6' ? 8 : 12, len};
}

/** The first `len` bytes of the destination address. */
export function loadDestination(family: Family, len: number, dreg: number = first): Expression {
	return {kind: 'payload', dreg, base: payloadBases.network, offset: family === 'IPv6' ? 24 : 16, len};
}

function loadField(field: Field, family: Family, dreg: number): Expression {
	const isIpv6 = family === 'IPv6';
	const addressLength = isIpv6 ? 16 : 4;
	switch (field) {
		case 'saddr':
			return loadSource(family, addressLength, dreg);
		case 'daddr':
			return loadDestination(family, addressLength, dreg);
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

export function pick(modulus: number, offset: number, dreg: number): Expression {
	return {kind: 'numgen', dreg, modulus, type: 1, offset}; // NFT_NG_RANDOM
}

export function lookUp(key: readonly Expression[], set: string, dreg: number): Expression[] {
	return [...key, {kind: 'lookup', sreg: first, dreg, set}];
}

/** The register behind a service key. */
export function behindService(family: Family): number {
	return registerAt(serviceKey.reduce((sum, field) => sum + fieldLength(field, family) / 4, 0));
}

/** Looks the packet's destination up. */
export function lookUpService(set: SetName, family: Family): Expression[] {
	return lookUp(load(serviceKey, family), set, first);
}

/** Looks the packet's destination up, and `number` behind it. */
export function lookUpNumbered(set: SetName, number: Expression, family: Family): Expression[] {
	return lookUp([...load(serviceKey, family), number], set, first);
}

/** To the address and port in the first registers. */
export function destinationNat(family: Family): Extract<Expression, {readonly kind: 'nat'}> {
	return {
		kind: 'nat',
		type: 1, // NFT_NAT_DNAT
		family: family === 'IPv6' ? nfFamilies.ipv6 : nfFamilies.ipv4,
		regAddrMin: first,
		regProtoMin: registerAt(fieldLength('daddr', family) / 4),
	};
}
