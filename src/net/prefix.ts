import {NetError} from '../errors.ts';
import {
	type Address,
	addressBytes,
	addressFromBytes,
	addressLength,
	compareAddresses,
	type Family,
	familyOf,
	parseAddress,
} from './address.ts';

/** A range of addresses: the first of them, and how many leading bits all of them share. Host bits are zero. */
export type Prefix = {readonly address: Address; readonly bits: number};

/**
 * The prefix that `text` spells, as `10.0.0.0/8` or `fd00::/64`; host bits are cleared.
 *
 * @throws NetError NET_INVALID
 */
export function parsePrefix(text: string): Prefix {
	const [base = '', length = '', rest] = text.split('/');
	const bits = /^\d{1,3}$/.test(length) ? Number(length) : -1;
	const address = rest === undefined ? parseAddress(base) : undefined;
	if (address === undefined || bits < 0 || bits > addressLength(familyOf(address)) * 8) {
		throw new NetError('NET_INVALID', `parse prefix ${JSON.stringify(text)}`);
	}

	return prefixOf(address, bits);
}

/** The prefix of `bits` leading bits that `address` lies in. */
export function prefixOf(address: Address, bits: number): Prefix {
	return {address: addressFromBytes(masked(addressBytes(address), bits, 0)), bits};
}

export function printPrefix(prefix: Prefix): string {
	return `${prefix.address}/${prefix.bits}`;
}

export function prefixFamily(prefix: Prefix): Family {
	return familyOf(prefix.address);
}

export function prefixContains(prefix: Prefix, address: Address): boolean {
	return familyOf(prefix.address) === familyOf(address) && prefixOf(address, prefix.bits).address === prefix.address;
}

/** The last address of the range: every host bit set. */
export function lastAddress(prefix: Prefix): Address {
	return addressFromBytes(masked(addressBytes(prefix.address), prefix.bits, 0xff));
}

/**
 * The prefixes without those that lie inside another one, in numeric order, IPv4 first: kernel interval sets refuse
 * overlaps. Takes n log n.
 */
export function collapsePrefixes(prefixes: readonly Prefix[]): Prefix[] {
	const sorted = prefixes.toSorted((a, b) => compareAddresses(a.address, b.address) || a.bits - b.bits);
	const kept: Prefix[] = [];
	for (const prefix of sorted) {
		const wider = kept.at(-1); // the only one that can hold it: they are in order, and apart
		if (wider === undefined || !prefixContains(wider, prefix.address)) {
			kept.push(prefix);
		}
	}

	return kept;
}

/** `bytes` with every bit behind the first `bits` set to those of `fill` (0 or 0xff). */
function masked(bytes: Uint8Array, bits: number, fill: number): Uint8Array {
	return bytes.map((byte, index) => {
		const keep = Math.max(0, Math.min(8, bits - 8 * index));
		const mask = (0xff << (8 - keep)) & 0xff;
		return (byte & mask) | (fill & ~mask);
	});
}
