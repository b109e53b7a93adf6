import type {Family} from '../../net/address.ts';
import {type Expression, metaKeys, payloadBases} from '../../wire/expressions.ts';
import type {Statement} from './ruleset.ts';
import {first, loadMeta, mask, registerAt} from './steps.ts';

// The map `affinity` remembers which backend a client has. Its key is the service port, which is the upper half of the
// id in the packet's priority, and the client.

/** NFT_DYNSET_OP_*. Source: include/uapi/linux/netfilter/nf_tables.h */
const operations = {update: 1, delete: 2} as const;

/** Where nft takes the client's address to before it hashes it, in a rule that looks up, and in one that changes. */
const scratch = {lookup: registerAt(7), change: registerAt(4)} as const;

/** Loads the key of a lookup in `affinity`. */
export function loadClientKey(family: Family): Expression[] {
	return loadKey(family, scratch.lookup);
}

/** Changes what `affinity` holds for the client to the id in the packet's priority, or takes it away. */
export function changeAffinity(
	statement: Extract<Statement, {readonly kind: 'learn' | 'forget'}>,
	family: Family,
): Expression[] {
	const sregData = registerAt(4);
	const what =
		statement.kind === 'learn'
			? {op: operations.update, timeout: BigInt(statement.timeoutSeconds) * 1000n}
			: {op: operations.delete};
	return [
		...loadKey(family, scratch.change),
		loadMeta(metaKeys.priority, sregData),
		{kind: 'dynset', sregKey: first, sregData, set: 'affinity', ...what},
	];
}

function loadKey(family: Family, free: number): Expression[] {
	const servicePort = [loadMeta(metaKeys.priority), mask(0xffff_0000)];
	if (family === 'IPv4') {
		return [...servicePort, {kind: 'payload', dreg: registerAt(1), base: payloadBases.network, offset: 12, len: 4}];
	}

	// nft loads the address for each hash anew
	return [...servicePort, ...hashClient(1, free, registerAt(1)), ...hashClient(2, free, registerAt(2))];
}

/** The whole range of 32 bits but one: nft wants a modulus. */
const modulus = 0xffff_ffff;

function hashClient(seed: number, free: number, dreg: number): Expression[] {
	return [
		{kind: 'payload', dreg: free, base: payloadBases.network, offset: 8, len: 16},
		{kind: 'hash', sreg: free, dreg, len: 16, modulus, seed, offset: 0, type: 0}, // NFT_HASH_JENKINS
	];
}
