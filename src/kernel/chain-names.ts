import {type BodyOf, decodeBody, encodeMessage, type Layout} from '../wire/body.ts';
import {nfFamilies, nftables} from '../wire/nftables.ts';
import {Writer} from '../wire/writer.ts';
import type {Nftables} from './nftables.ts';

/** A table of nf_tables, or a chain in one, by the names that nft prints: `{family: 'ip', table: 'nat', chain: 'OUTPUT'}`. */
export type ChainName = {readonly family: string; readonly table: string; readonly chain?: string};

/** Families as nft names them. */
const familyNames: ReadonlyMap<number, string> = new Map([
	[nfFamilies.ipv4, 'ip'],
	[nfFamilies.ipv6, 'ip6'],
	...(['inet', 'arp', 'bridge', 'netdev'] as const).map((name) => [nfFamilies[name], name] as const),
]);

/**
 * Every table of this network namespace, whoever it belongs to, and every chain in one.
 *
 * @throws NetError NETLINK_REFUSED with `errno` EPERM without CAP_NET_ADMIN; NETLINK_CHANGING, NETLINK_LOST
 */
export async function readChainNames(kernel: Pick<Nftables, 'dump'>): Promise<readonly ChainName[]> {
	const tables = await dumpAll(kernel, nftables.table.get, nftables.table.layout);
	const chains = await dumpAll(kernel, nftables.chain.get, nftables.chain.layout);
	return [
		...tables.map(({family, name = ''}) => ({family: nameOf(family), table: name})),
		...chains.map(({family, table = '', name = ''}) => ({family: nameOf(family), table, chain: name})),
	];
}

/** Of all families. */
export async function dumpAll<L extends Layout>(
	kernel: Pick<Nftables, 'dump'>,
	type: number,
	layout: L,
): Promise<readonly BodyOf<L>[]> {
	const writer = new Writer(64);
	encodeMessage(writer, {type, flags: 0, sequence: 0}, layout, {});
	const bodies: BodyOf<L>[] = [];
	for await (const messages of kernel.dump(writer.written())) {
		bodies.push(...messages.map(({payload}) => decodeBody(layout, payload)));
	}

	return bodies;
}

function nameOf(family: number): string {
	return familyNames.get(family) ?? `family ${family}`;
}
