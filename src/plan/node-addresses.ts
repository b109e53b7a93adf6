import type {World} from '../model/world.ts';
import {type Address, type Family, familyOf, parseAddress} from '../net/address.ts';
import {parsePrefix, prefixContains} from '../net/prefix.ts';
import type {Because} from './frontend.ts';

/** An address of this node, and who said so. */
export type NodeIp = {readonly address: Address; readonly because: Because};

/** What stands for every address of a family. */
export const wildcards: Readonly<Record<Family, Address>> = {IPv4: parseAddress('0.0.0.0'), IPv6: parseAddress('::')};

/** Source: RFC 1122 3.2.1.3 (g), RFC 4291 2.5.3. */
const loopback = [parsePrefix('127.0.0.0/8'), parsePrefix('::1/128')];

export function isLoopback(address: Address): boolean {
	return loopback.some((prefix) => prefixContains(prefix, address));
}

/**
 * The loopback address that leads to a pod. IPv6 has none: the kernel takes no answer to its loopback address from
 * another interface, and no setting changes that.
 */
export const loopbackOf: Readonly<Record<Family, NodeIp | undefined>> = {
	IPv4: {
		address: parseAddress('127.0.0.1'),
		because: {object: 'this node', field: 'loopback', decided: 'a host port answers the node itself on 127.0.0.1'},
	},
	IPv6: undefined,
};

/** All addresses that interfaces of this node hold but loopback, of one family, in the order of their text. */
export function hostAddresses(world: World, family: Family): readonly NodeIp[] {
	return [...world.nodeAddresses.values()]
		.filter(({address}) => familyOf(address) === family && !isLoopback(address))
		.sort((a, b) => (a.address < b.address ? -1 : 1))
		.map(({address, interface: name}) => {
			const decided = `${address} of interface ${name} is an address of this node`;
			return {address, because: {object: 'this node', field: 'addresses', decided}};
		});
}
