import {NetError} from '../errors.ts';
import {
	type Address,
	addressBytes,
	addressFromBytes,
	type Family,
	families,
	familyOf,
	parseAddress,
} from '../net/address.ts';
import {lastAddress, type Prefix, parsePrefix, prefixContains, prefixFamily, printPrefix} from '../net/prefix.ts';

/** Addresses that pods may get: `count` of them from `first` on, without those that are reserved. */
export type Range = {
	readonly first: Address;
	readonly count: number;
	/** Within the range, and never given to a pod. */
	readonly reserved: readonly Address[];
	/** What the range lies in; on a bridge pods have its length. */
	readonly prefix: Prefix;
	/** Of pods on a bridge. Kept from pods where routed too, so that a change of mode takes no address from anybody. */
	readonly gateway: Address;
};

/** No node has more pods, and an IPv6 prefix has more addresses than any bitmap: the first ones are used. */
const countMax = 65_536;

/**
 * The ranges of a Node's podCIDRs: each without its network address, the first address behind it, which is the gateway,
 * and the broadcast address of IPv4; at most the first 65,536 addresses.
 *
 * @throws NetError CNI_CONFIG when one is too small to hold a pod (/31, /127 and longer), or two overlap
 */
export function podCidrRanges(prefixes: readonly Prefix[]): readonly Range[] {
	return apart(
		prefixes.map((prefix, index) => {
			const where = `podCIDRs[${index}]`;
			return {where, range: rangeOf({prefix}, where)};
		}),
	);
}

/**
 * The ranges that `ipam.ranges` of a network configuration says: a list of lists of `{subnet, rangeStart?, rangeEnd?,
 * gateway?}`, an inner list for each family. Undefined where it says none.
 *
 * @throws NetError CNI_CONFIG with the path of what is wrong
 * Source: containernetworking/plugins, host-local, Range.Canonicalize and RangeSet.Overlaps
 */
export function parseRanges(value: unknown): readonly Range[] | undefined {
	if (value === undefined || value === null) {
		return undefined;
	}

	const sets = list(value, 'ipam.ranges').map((set, index) => parseSet(set, `ipam.ranges[${index}]`));
	for (const family of families) {
		const [, second] = sets.filter(([first]) => first !== undefined && familyIn(first.range) === family);
		if (second !== undefined) {
			throw wrong(second[0]?.where ?? '', `one list of ${family} ranges, for a pod gets one address of each family`);
		}
	}

	return apart(sets.flat());
}

/** The address that is `offset` behind the first. */
export function addressAt({first}: Range, offset: number): Address {
	const bytes = addressBytes(first);
	let carry = offset;
	for (let index = bytes.length - 1; carry > 0; index--) {
		carry += bytes[index] ?? 0;
		bytes[index] = carry & 0xff;
		carry >>>= 8;
	}

	return addressFromBytes(bytes);
}

/** How far `address` is behind the first; undefined outside the range. Reserved addresses are inside. */
export function offsetIn({first, count}: Pick<Range, 'first' | 'count'>, address: Address): number | undefined {
	const offset = familyOf(first) === familyOf(address) ? distance(first, address) : -1;
	return offset >= 0 && offset < count ? offset : undefined;
}

export function familyIn({first}: Range): Family {
	return familyOf(first);
}

/** `10.244.1.2 to 10.244.1.254`. */
export function printRange(range: Range): string {
	return `${range.first} to ${addressAt(range, range.count - 1)}`;
}

/** A range, and where it was said. */
type Placed = {readonly where: string; readonly range: Range};

/** What somebody says of a range. */
type Said = {
	readonly prefix: Prefix;
	readonly start?: Address | undefined;
	readonly end?: Address | undefined;
	readonly gateway?: Address | undefined;
};

function rangeOf({prefix, start, end, gateway}: Said, where: string): Range {
	const isIpv4 = prefixFamily(prefix) === 'IPv4';
	if (prefix.bits > (isIpv4 ? 30 : 126)) {
		throw wrong(where, `a prefix with room for a pod, and ${printPrefix(prefix)} has none`);
	}

	const [second, last] = [step(prefix.address, 1), step(lastAddress(prefix), isIpv4 ? -1 : 0)];
	const gate = gateway ?? second;
	const from = start ?? (gate === second ? step(second, 1) : second);
	const count = Math.min(countMax, distance(atLeast(from, second), atMost(end ?? last, last)) + 1);
	const first = atLeast(from, second);
	const inside = offsetIn({first, count}, gate) !== undefined;
	if (count <= (inside ? 1 : 0)) {
		throw wrong(where, `at least one address for a pod from ${first} to ${end ?? last}`);
	}

	return {first, count, reserved: inside ? [gate] : [], prefix, gateway: gate};
}

function parseSet(value: unknown, where: string): readonly Placed[] {
	const ranges = list(value, where).map((entry, index) => {
		const place = `${where}[${index}]`;
		return {where: place, range: rangeOf(parseSaid(entry, place), place)};
	});
	const other = ranges.find(({range}) => familyIn(range) !== familyIn(ranges[0]?.range ?? range));
	if (other !== undefined) {
		throw wrong(other.where, 'a range of the same IP family as the first of its list');
	}

	return ranges;
}

function parseSaid(value: unknown, where: string): Said {
	const fields: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? {...value} : {};
	const prefix = parseSubnet(fields['subnet'], `${where}.subnet`);
	const inside = (name: string) => {
		const said = fields[name];
		const address = said === undefined || said === '' ? undefined : readAddress(said);
		if (address !== undefined && (address === 'none' || !prefixContains(prefix, address))) {
			throw wrong(`${where}.${name}`, `an address of ${printPrefix(prefix)}, not ${JSON.stringify(said)}`);
		}

		return address;
	};
	return {prefix, start: inside('rangeStart'), end: inside('rangeEnd'), gateway: inside('gateway')};
}

function parseSubnet(value: unknown, where: string): Prefix {
	const text = typeof value === 'string' ? value : '';
	let prefix: Prefix | undefined;
	try {
		prefix = parsePrefix(text);
	} catch {
		// what is wanted says more than what net/ says of it
	}

	if (prefix === undefined || readAddress(text.split('/')[0]) !== prefix.address) {
		const wanted = prefix === undefined ? '10.1.0.0/24' : printPrefix(prefix);
		throw wrong(where, `a prefix without host bits, such as ${wanted}, not ${JSON.stringify(value)}`);
	}

	return prefix;
}

function readAddress(value: unknown): Address | 'none' {
	try {
		return typeof value === 'string' ? parseAddress(value) : 'none';
	} catch {
		return 'none';
	}
}

function list(value: unknown, where: string): readonly unknown[] {
	if (!Array.isArray(value) || value.length === 0) {
		throw wrong(where, 'a list that is not empty');
	}

	return value;
}

/** The ranges, none of which shares an address with another. @throws NetError CNI_CONFIG */
function apart(placed: readonly Placed[]): readonly Range[] {
	for (const [index, {where, range}] of placed.entries()) {
		const other = placed.slice(0, index).find((earlier) => overlaps(earlier.range, range));
		if (other !== undefined) {
			throw wrong(where, `addresses of its own: ${printRange(range)} overlaps ${other.where}`);
		}
	}

	return placed.map(({range}) => range);
}

function overlaps(a: Range, b: Range): boolean {
	return offsetIn(a, b.first) !== undefined || offsetIn(b, a.first) !== undefined;
}

function wrong(where: string, wanted: string): NetError {
	return new NetError('CNI_CONFIG', `use ${where}: wanted is ${wanted}`, {where, wanted});
}

/**
 * How far `to` is behind `from`, of the same family; below 0 before it. Exact below 2^53: what the leading bytes of two
 * near addresses differ by is never more than one.
 */
function distance(from: Address, to: Address): number {
	const [start, end] = [addressBytes(from), addressBytes(to)];
	return start.reduce((far, byte, index) => far * 256 + (end[index] ?? 0) - byte, 0);
}

function step(address: Address, by: -1 | 0 | 1): Address {
	const bytes = addressBytes(address);
	let carry: number = by;
	for (let index = bytes.length - 1; carry !== 0 && index >= 0; index--) {
		const sum = (bytes[index] ?? 0) + carry;
		bytes[index] = sum & 0xff;
		carry = sum >> 8;
	}

	return addressFromBytes(bytes);
}

function atLeast(address: Address, least: Address): Address {
	return distance(least, address) < 0 ? least : address;
}

function atMost(address: Address, most: Address): Address {
	return distance(address, most) < 0 ? most : address;
}
