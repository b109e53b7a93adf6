import type {World} from '../model/world.ts';
import {type Family, familyOf} from '../net/address.ts';
import {type Prefix, prefixContains, prefixFamily} from '../net/prefix.ts';
import type {Because} from './frontend.ts';
import {isLoopback, type NodeIp, wildcards} from './node-addresses.ts';
import type {PlanOptions} from './options.ts';

/**
 * The addresses of one family that answer node ports, each with its reason; whether those are all of the node's; and
 * what was asked for and cannot be.
 */
export type NodePortAddresses = {
	readonly addresses: readonly NodeIp[];
	readonly all: boolean;
	readonly unserved: readonly Because[];
};

/**
 * The addresses of this node that answer node ports, in the order of their text. Loopback is never among them: the
 * kernel cannot translate a loopback destination to another host, so `localhost` is left to the userspace dataplane.
 *
 * @param nodeIps the Node's own addresses, or what the configuration says instead: at most one of each family
 */
export function nodePortAddresses(
	world: World,
	options: PlanOptions,
	nodeIps: readonly NodeIp[],
	family: Family,
): NodePortAddresses {
	const asked = askedFor(options, family);
	const found = asked.primary ? nodeIps.filter(({address}) => familyOf(address) === family) : [];
	for (const {address, interface: name} of world.nodeAddresses.values()) {
		const isAsked = asked.prefixes.some((prefix) => prefixContains(prefix, address));
		if (isAsked && !found.some((other) => other.address === address)) {
			const decided = `${address} of interface ${name} answers node ports`;
			found.push({address, because: {object: 'configuration', field: 'nodePortAddresses', decided}});
		}
	}

	const usable = found.filter(({address}) => !isLoopback(address));
	const addresses = usable.sort((a, b) => (a.address < b.address ? -1 : 1));
	const all = asked.prefixes.some(({bits}) => bits === 0);
	return {addresses, all, unserved: unservedOf(asked, addresses.length, options.nodeName, family)};
}

/** What the option asks for in one family. */
type Asked = {readonly primary: boolean; readonly localhost: boolean; readonly prefixes: readonly Prefix[]};

const everything: Readonly<Record<Family, Prefix>> = {
	IPv4: {address: wildcards.IPv4, bits: 0},
	IPv6: {address: wildcards.IPv6, bits: 0},
};

function askedFor({nodePortAddresses: all}: PlanOptions, family: Family): Asked {
	const prefixes = all.filter((each) => typeof each !== 'string').filter((each) => prefixFamily(each) === family);
	const [primary, localhost] = [all.includes('primary'), all.includes('localhost')];
	const isSilent = prefixes.length === 0 && !primary && !localhost;
	return {
		primary,
		localhost: localhost || prefixes.some(({address, bits}) => bits > 0 && isLoopback(address)),
		prefixes: all.includes('all') || isSilent ? [everything[family]] : prefixes,
	};
}

function unservedOf(asked: Asked, count: number, nodeName: string, family: Family): readonly Because[] {
	const unserved: Because[] = [];
	if (asked.localhost) {
		const decided = 'node ports do not answer on loopback: the kernel cannot translate such destinations';
		unserved.push({object: 'configuration', field: 'nodePortAddresses', decided});
	}

	if (count === 0 && asked.primary) {
		const decided = `no ${family} address of this node is known, so that none answers node ports`;
		unserved.push({object: `Node ${nodeName}`, field: 'status.addresses', decided});
	} else if (count === 0 && asked.prefixes.length > 0) {
		const decided = `no interface of this node holds an ${family} address that may answer node ports`;
		unserved.push({object: 'configuration', field: 'nodePortAddresses', decided});
	}

	return unserved;
}
