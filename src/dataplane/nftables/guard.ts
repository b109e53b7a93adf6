import type {Family} from '../../net/address.ts';
import {encodeMessage} from '../../wire/body.ts';
import {messageFlags} from '../../wire/message.ts';
import {hooks, nftables, tableFlags} from '../../wire/nftables.ts';
import {Writer} from '../../wire/writer.ts';
import {nfFamily} from './declaration.ts';
import {program} from './programs.ts';

// Where the kernel lets nobody own a table for good (before 6.9), anyone may flush ours. Then nothing asks for
// conntrack and NAT any more, the kernel turns them off, and open connections are cut. A second table, owned by this
// process as long as it lives, keeps both on: its chain asks for NAT, its rule for conntrack (either alone was tried
// and does not). The chain is one that few packets pass, and decides nothing.

const name = 'fairlead-guard';
const chain = 'keep';

/** The messages that make the guard. */
export function guardAdded(family: Family): Uint8Array {
	const writer = new Writer();
	const [at, flags] = [{family: nfFamily(family), table: name}, messageFlags.request | messageFlags.create];
	const header = (type: number) => ({type, flags, sequence: 0});
	const {table, chain: chains, rule} = nftables;
	encodeMessage(writer, header(table.new), table.layout, {family: at.family, name, flags: tableFlags.owner});
	const hook = {hooknum: hooks.input, priority: 100};
	encodeMessage(writer, header(chains.new), chains.layout, {...at, name: chain, type: 'nat', hook});
	const expressions = program([{kind: 'translated'}], family);
	encodeMessage(writer, header(rule.new), rule.layout, {...at, chain, expressions});
	return writer.written();
}

/** The messages that remove it. */
export function guardRemoved(family: Family): Uint8Array {
	const writer = new Writer(64);
	const header = {type: nftables.table.delete, flags: messageFlags.request, sequence: 0};
	encodeMessage(writer, header, nftables.table.layout, {family: nfFamily(family), name});
	return writer.written();
}
