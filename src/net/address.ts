import {Address6} from 'ip-address';
import {NetError} from '../errors.ts';

declare const address: unique symbol;

/** An IP address as its canonical text (RFC 5952 for IPv6), so that equal addresses are equal strings. */
export type Address = string & {readonly [address]: true};

/** The IP family, as Kubernetes spells it. Source: k8s.io/api/core/v1 IPFamily. */
export type Family = 'IPv4' | 'IPv6';

export const families: readonly Family[] = ['IPv4', 'IPv6'];

const octet = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const canonicalIpv4 = new RegExp(String.raw`^${octet}\.${octet}\.${octet}\.${octet}$`);

/** Eight groups, or at most six with one `::`. RFC 5952 also wants {@link gapElsewhere} to find nothing. */
const group = String.raw`(?:0|[1-9a-f][\da-f]{0,3})`;
const canonicalIpv6 = new RegExp(
	`^(?:${group}(?::${group}){7}|(?!(?:[^:]*:){7})(?:${group}(?::${group})*)?::(?:${group}(?::${group})*)?)$`,
);

/** A zero group beside another, or beside `::`: the gap may belong there, or be longer. */
const gapElsewhere = /(?:^|:)0:(?:0?:|0$)|::0(?::|$)/;

const ipv4Form = /^(\d{1,10})\.(\d{1,10})\.(\d{1,10})\.(\d{1,10})$/;

/**
 * The address that `text` spells. Leading zeros of an IPv4 octet are dropped, never read as octal: objects
 * stored by old API servers carry them (net.ParseIPSloppy of Kubernetes does the same).
 *
 * @throws NetError NET_INVALID when it spells none; zones (`fe80::1%eth0`) are refused too
 */
export function parseAddress(text: string): Address {
	if (canonicalIpv4.test(text) || (canonicalIpv6.test(text) && !gapElsewhere.test(text))) {
		return text as Address; // nearly every address; the long way round takes ten times as long
	}

	if (text.includes(':')) {
		return parseIpv6(text);
	}

	const octets = ipv4Form.exec(text)?.slice(1).map(Number);
	if (octets === undefined || octets.some((octet) => octet > 255)) {
		throw new NetError('NET_INVALID', `parse address ${JSON.stringify(text)}`);
	}

	return octets.join('.') as Address;
}

function parseIpv6(text: string): Address {
	if (text.includes('%') || text.includes('/') || !Address6.isValid(text)) {
		throw new NetError('NET_INVALID', `parse address ${JSON.stringify(text)}`);
	}

	return new Address6(text).correctForm() as Address;
}

/** Constant time: an IPv6 text always holds a colon. */
export function familyOf(address: Address): Family {
	return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** Length of an address in bytes: 4 or 16. */
export function addressLength(family: Family): 4 | 16 {
	return family === 'IPv4' ? 4 : 16;
}

/** Writes the address in network order at `offset` and returns the offset behind it. Allocates nothing for IPv4. */
export function writeAddress(address: Address, into: Uint8Array, offset: number): number {
	if (familyOf(address) === 'IPv6') {
		into.set(ipv6Bytes(address), offset);
		return offset + 16;
	}

	let octet = 0;
	let at = offset;
	for (let index = 0; index < address.length; index++) {
		const code = address.charCodeAt(index);
		if (code === 0x2e) {
			into[at++] = octet;
			octet = 0;
		} else {
			octet = octet * 10 + code - 0x30;
		}
	}

	into[at] = octet;
	return offset + 4;
}

/** The 4 or 16 bytes of the address, in network order. */
export function addressBytes(address: Address): Uint8Array {
	const bytes = new Uint8Array(addressLength(familyOf(address)));
	writeAddress(address, bytes, 0);
	return bytes;
}

/**
 * The address that 4 or 16 bytes in network order stand for.
 *
 * @throws NetError NET_INVALID at any other length
 */
export function addressFromBytes(bytes: Uint8Array): Address {
	if (bytes.length === 4) {
		return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Address;
	}

	if (bytes.length !== 16) {
		throw new NetError('NET_INVALID', `read an address of ${bytes.length} bytes`);
	}

	return ipv6Text(bytes);
}

/** Numeric order of addresses of one family; IPv4 before IPv6. */
export function compareAddresses(a: Address, b: Address): number {
	const [left, right] = [addressBytes(a), addressBytes(b)];
	if (left.length !== right.length) {
		return left.length - right.length;
	}

	const index = left.findIndex((byte, position) => byte !== right[position]);
	return index < 0 ? 0 : (left[index] ?? 0) - (right[index] ?? 0);
}

/** Bytes of a canonical IPv6 text: groups left of `::` from the start, groups right of it from the end. */
function ipv6Bytes(address: Address): Uint8Array {
	const bytes = new Uint8Array(16);
	const [left = '', right] = address.split('::');
	writeGroups(bytes, 0, left);
	if (right !== undefined && right !== '') {
		writeGroups(bytes, 16 - 2 * right.split(':').length, right);
	}

	return bytes;
}

function writeGroups(bytes: Uint8Array, start: number, text: string): void {
	let offset = start;
	for (const group of text === '' ? [] : text.split(':')) {
		const value = Number.parseInt(group, 16);
		bytes[offset++] = value >> 8;
		bytes[offset++] = value & 0xff;
	}
}

/** RFC 5952 section 4: lower case, no leading zeros, `::` for the first longest run of two or more zero groups. */
function ipv6Text(bytes: Uint8Array): Address {
	const groups = Array.from({length: 8}, (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0));
	let [start, length] = [-1, 1];
	for (let index = 0; index < 8; index++) {
		let end = index;
		while (end < 8 && groups[end] === 0) {
			end++;
		}

		if (end - index > length) {
			[start, length] = [index, end - index];
		}
	}

	const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
	const text = start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
	return text as Address;
}
