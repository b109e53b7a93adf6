import {NetError} from '../errors.ts';
import {encodeMessage} from '../wire/body.ts';
import {messageFlags} from '../wire/message.ts';
import {nfFamilies, nftables, setFlags} from '../wire/nftables.ts';
import {Writer} from '../wire/writer.ts';
import {dumpAll} from './chain-names.ts';
import type {Nftables} from './nftables.ts';

/** A table of nf_tables by the names that nft prints, and how much is in it; sets without a name are not counted. */
export type TableSize = {
	readonly family: 'ip' | 'ip6';
	readonly table: string;
	readonly chains: number;
	readonly rules: number;
	readonly sets: number;
	readonly maps: number;
};

type Name = Pick<TableSize, 'family' | 'table'>;

const families = {ip: nfFamilies.ipv4, ip6: nfFamilies.ipv6} as const;

/**
 * The tables of this name, one of each IP family at most, whoever made them.
 *
 * @throws NetError NETLINK_REFUSED without CAP_NET_ADMIN; NETLINK_CHANGING, NETLINK_LOST
 */
export async function readTableSizes(kernel: Pick<Nftables, 'dump'>, name: string): Promise<readonly TableSize[]> {
	const {table, chain, set} = nftables;
	const present = await dumpAll(kernel, table.get, table.layout);
	const chains = await dumpAll(kernel, chain.get, chain.layout);
	const sets = (await dumpAll(kernel, set.get, set.layout)).filter(({flags = 0}) => (flags & setFlags.anonymous) === 0);
	const sizes: TableSize[] = [];
	for (const family of ['ip', 'ip6'] as const) {
		const isIn = (each: {readonly family: number; readonly table?: string}) =>
			each.family === families[family] && each.table === name;
		if (present.some((each) => each.family === families[family] && each.name === name)) {
			const named = sets.filter(isIn);
			const maps = named.filter(({flags = 0}) => (flags & setFlags.map) !== 0).length;
			const rules = await countRules(kernel, {family, table: name});
			sizes.push({family, table: name, chains: chains.filter(isIn).length, rules, sets: named.length - maps, maps});
		}
	}

	return sizes;
}

/** Rules of others may be of what this program does not know: they are counted, not read. */
async function countRules(kernel: Pick<Nftables, 'dump'>, {family, table}: Name): Promise<number> {
	const writer = new Writer(64);
	const {get: type, layout} = nftables.rule;
	encodeMessage(writer, {type, flags: 0, sequence: 0}, layout, {family: families[family], table});
	let count = 0;
	for await (const messages of kernel.dump(writer.written())) {
		count += messages.length;
	}

	return count;
}

/**
 * Removes a table with all that is in it, by one transaction. Whether it was there.
 *
 * @throws NetError NFT_REFUSED when the kernel refuses, as for a table that another process owns (EPERM)
 */
export async function removeTable(kernel: Pick<Nftables, 'commit'>, {family, table: name}: Name): Promise<boolean> {
	const writer = new Writer(64);
	const {table} = nftables;
	const header = {type: table.delete, flags: messageFlags.request, sequence: 0};
	encodeMessage(writer, header, table.layout, {family: families[family], name});
	const [refused] = await kernel.commit(writer.written());
	if (refused === undefined || refused.errno === 'ENOENT') {
		return refused === undefined;
	}

	throw new NetError('NFT_REFUSED', `remove the table ${family} ${name}: ${refused.text ?? refused.errno}`, refused);
}
