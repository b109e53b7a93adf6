import {attributeTable, list, nested} from './attribute.ts';
import {encodeMessage, layout} from './body.ts';
import {expression} from './expressions.ts';
import {be16, be32, be64, beS32, bytes, string, u8} from './kinds.ts';
import {messageFlags} from './message.ts';
import type {Writer} from './writer.ts';

// Source of all tables and constants unless named: include/uapi/linux/netfilter/nf_tables.h. Rows stand in the order
// in which libnftnl writes them, so that our bytes can be laid beside `nft --debug=mnl`.

/** NFPROTO_*, the family of a table. Source: include/uapi/linux/netfilter.h */
export const nfFamilies = {inet: 1, ipv4: 2, arp: 3, netdev: 5, bridge: 7, ipv6: 10} as const;

/** NF_INET_*, where a base chain hooks in. Source: include/uapi/linux/netfilter.h */
export const hooks = {prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4} as const;

/** NFNLGRP_NFTABLES: the multicast group that tells of every change. Source: include/uapi/linux/netfilter/nfnetlink.h */
export const nftablesGroup = 7;

/** struct nfgenmsg. Source: include/uapi/linux/netfilter/nfnetlink.h */
const nfgenmsg = {
	family: u8, // of nfFamilies; 0 in a dump request means all
	version: u8, // NFNETLINK_V0
	resource: be16, // the subsystem in a batch; in an answer the low half of the generation id
} as const;

/** NFT_TABLE_F_* */
export const tableFlags = {
	dormant: 0x1,
	owner: 0x2, // only the socket that made it may change it (kernel 5.12)
	persist: 0x4, // stays when its owner's socket closes, and may be adopted (kernel 6.9)
} as const;

/** NFTA_TABLE_* */
const tableAttributes = attributeTable({
	name: [1, string],
	flags: [2, be32],
	use: [3, be32], // chains, sets and objects in it; read only
	handle: [4, be64],
	userdata: [6, bytes],
	owner: [7, be32], // netlink port of the owner; read only
});

/** NFTA_HOOK_* */
const hookAttributes = attributeTable({
	hooknum: [1, be32], // of hooks
	priority: [2, beS32], // lower runs first: dstnat -100, filter 0, srcnat 100
});

/** NFTA_CHAIN_*; the kernel dumps policy of base chains only, 0 drop or 1 accept */
const chainAttributes = attributeTable({
	table: [1, string],
	name: [3, string],
	handle: [2, be64],
	type: [7, string], // "filter", "nat" or "route"
	policy: [5, be32],
	hook: [4, nested(hookAttributes)], // absent for chains reached only by jump or goto
	use: [6, be32], // references to it, its own rules included; read only
	flags: [10, be32], // 1 is NFT_CHAIN_BASE
	userdata: [12, bytes],
});

/** NFTA_RULE_* */
const ruleAttributes = attributeTable({
	table: [1, string],
	chain: [2, string],
	handle: [3, be64],
	expressions: [4, list(expression)],
	position: [6, be64], // add behind, or insert before, the rule with this handle
	userdata: [7, bytes],
});

/** NFT_SET_* */
export const setFlags = {
	anonymous: 0x1,
	constant: 0x2,
	interval: 0x4,
	map: 0x8,
	timeout: 0x10,
	eval: 0x20, // "dynamic": changed from the packet path
	object: 0x40,
	concat: 0x80, // needed with interval, for a range in each field
	expr: 0x100,
} as const;

/** NFTA_SET_DATA_TYPE of a verdict map: NFT_DATA_VERDICT. Other types are nft's own and mean nothing to the kernel. */
export const verdictDataType = 0xffffff00;

/** NFTA_SET_FIELD_* */
const fieldAttributes = attributeTable({len: [1, be32]}); // bytes of one field, without its padding

/** NFTA_SET_DESC_* */
const setDescriptionAttributes = attributeTable({
	size: [1, be32], // most elements it may hold
	concat: [2, list(nested(fieldAttributes))], // the fields of a concatenated interval key
});

/** NFTA_SET_* */
const setAttributes = attributeTable({
	table: [1, string],
	name: [2, string],
	handle: [16, be64],
	flags: [3, be32],
	keyType: [4, be32], // nft's data type, 6 bits for each field of a concatenation
	keyLen: [5, be32], // bytes, each field padded to 4
	dataType: [6, be32],
	dataLen: [7, be32],
	id: [10, be32], // names the set inside its batch; the kernel wants it with every NEWSET
	policy: [8, be32],
	desc: [9, nested(setDescriptionAttributes)],
	timeout: [11, be64], // milliseconds
	gcInterval: [12, be32],
	userdata: [13, bytes],
	count: [20, be32], // elements in it; read only, and only newer kernels tell
});

/** NFTA_GEN_*, the number of the ruleset's version: each commit adds one */
const generationAttributes = attributeTable({
	id: [1, be32],
	pid: [2, be32], // NFTA_GEN_PROC_PID: who made it
	process: [3, string], // NFTA_GEN_PROC_NAME
});

/** NFTA_SET_ELEM_LIST_*, without the elements: a request for all elements of one set. See elements.ts for the rest */
const elementListAttributes = attributeTable({table: [1, string], set: [2, string]});

/** NFNL_SUBSYS_NFTABLES << 8. Source: include/uapi/linux/netfilter/nfnetlink.h */
const subsystem = 10;
const messageType = (message: number) => (subsystem << 8) | message;

/** NFT_MSG_* as types of netlink messages, with the layout of their bodies. `new` is also the type of answers and events. */
export const nftables = {
	table: {new: messageType(0), get: messageType(1), delete: messageType(2), layout: layout(nfgenmsg, tableAttributes)},
	chain: {new: messageType(3), get: messageType(4), delete: messageType(5), layout: layout(nfgenmsg, chainAttributes)},
	rule: {new: messageType(6), get: messageType(7), delete: messageType(8), layout: layout(nfgenmsg, ruleAttributes)},
	set: {new: messageType(9), get: messageType(10), delete: messageType(11), layout: layout(nfgenmsg, setAttributes)},
	element: {
		new: messageType(12),
		get: messageType(13),
		delete: messageType(14),
		layout: layout(nfgenmsg, elementListAttributes),
	},
	generation: {new: messageType(15), get: messageType(16), layout: layout(nfgenmsg, generationAttributes)},
} as const;

/** NFNL_BATCH_* */
const batchLayout = layout(nfgenmsg, attributeTable({generation: [1, be32]})); // NFNL_BATCH_GENID

/**
 * Opens a transaction: all messages up to {@link encodeBatchEnd} happen or none does.
 *
 * @param generation the commit is refused with ERESTART when the ruleset is no longer of this generation
 */
export function encodeBatchBegin(writer: Writer, sequence: number, generation?: number): void {
	const header = {type: 0x10, flags: messageFlags.request, sequence}; // NFNL_MSG_BATCH_BEGIN
	encodeMessage(writer, header, batchLayout, {resource: subsystem, ...(generation !== undefined && {generation})});
}

/** Closes a transaction. Both ends are in the same datagram: the kernel takes no half batch. */
export function encodeBatchEnd(writer: Writer, sequence: number): void {
	const header = {type: 0x11, flags: messageFlags.request, sequence}; // NFNL_MSG_BATCH_END
	encodeMessage(writer, header, batchLayout, {resource: subsystem});
}
