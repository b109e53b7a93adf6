import {attributeTable, nested} from './attribute.ts';
import {layout} from './body.ts';
import {be16, be32, be64, bytes, u8, u32} from './kinds.ts';

// Source of all tables unless named: include/uapi/linux/netfilter/nfnetlink_conntrack.h. Rows stand in the order in
// which libnetfilter_conntrack writes them, so that our bytes can be laid beside those of conntrack(8).

/** struct nfgenmsg. Source: include/uapi/linux/netfilter/nfnetlink.h */
const nfgenmsg = {
	family: u8, // of nfFamilies in nftables.ts: ipv4 or ipv6; 0 in a dump request means both
	version: u8, // NFNETLINK_V0
	resource: be16,
} as const;

/** CTA_IP_*: a pair of one family, or of a filter one of them */
const addressAttributes = attributeTable({
	source4: [1, bytes],
	destination4: [2, bytes],
	source6: [3, bytes],
	destination6: [4, bytes],
});

/** CTA_PROTO_*, as far as protocols with ports go */
const protocolAttributes = attributeTable({
	number: [1, u8], // IPPROTO_*
	sourcePort: [2, be16],
	destinationPort: [3, be16],
});

/** CTA_TUPLE_*: how the packets of one direction look */
const tupleAttributes = attributeTable({
	addresses: [1, nested(addressAttributes)],
	protocol: [2, nested(protocolAttributes)],
	zone: [3, be16], // where it holds for this direction only
});

/** CTA_COUNTERS_*, with net.netfilter.nf_conntrack_acct */
const counterAttributes = attributeTable({packets: [1, be64], bytes: [2, be64]});

/**
 * CTA_FILTER_F_*: which fields of a filter's tuple must be met. The kernel wants a field for each bit, and passes by
 * the fields without one. Source: net/netfilter/nf_internals.h
 */
export const filterFields = {
	source: 0x1,
	destination: 0x2,
	protocol: 0x8,
	sourcePort: 0x10,
	destinationPort: 0x20,
} as const;

/** CTA_FILTER_*, in host order: of a dump (kernel 5.8), older kernels pass it by and dump everything */
const filterAttributes = attributeTable({
	original: [1, u32], // of filterFields
	reply: [2, u32],
});

/** IPS_*: what the kernel knows of a flow. Source: include/uapi/linux/netfilter/nf_conntrack_common.h */
export const flowStatus = {
	seenReply: 0x2,
	assured: 0x4,
	confirmed: 0x8,
	sourceNat: 0x10,
	destinationNat: 0x20,
	dying: 0x200,
} as const;

/** CTA_* */
const flowAttributes = attributeTable({
	original: [1, nested(tupleAttributes)], // as the client sends
	reply: [2, nested(tupleAttributes)], // as the answer comes in: its source is the backend
	status: [3, be32], // of flowStatus
	timeoutSeconds: [7, be32],
	mark: [8, be32],
	originalCounters: [9, nested(counterAttributes)],
	replyCounters: [10, nested(counterAttributes)],
	id: [12, be32], // of this entry; one of the same tuple that comes later has another
	zone: [18, be16],
	filter: [25, nested(filterAttributes)],
});

/** NFNL_SUBSYS_CTNETLINK << 8. Source: include/uapi/linux/netfilter/nfnetlink.h */
const messageType = (message: number) => (1 << 8) | message;

/** IPCTNL_MSG_CT_* as types of netlink messages, with the layout of their bodies. `new` is also the type of answers and events. */
export const conntrack = {
	flow: {new: messageType(0), get: messageType(1), delete: messageType(2), layout: layout(nfgenmsg, flowAttributes)},
} as const;
