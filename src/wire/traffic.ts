import {attributeTable, list, nested} from './attribute.ts';
import {body, layout} from './body.ts';
import {be16, be32, bytes, string, u8, u16, u32, u64} from './kinds.ts';

// Traffic control. Source of all tables unless named: include/uapi/linux/pkt_sched.h

/** Where a queueing discipline hangs: TC_H_ROOT, TC_H_INGRESS; and the handle that the latter always has. */
export const trafficParents = {root: 0xffffffff, ingress: 0xfffffff1, ingressHandle: 0xffff0000} as const;

/** TCM_INFO of a filter: ETH_P_ALL in network order below the preference. Source: include/uapi/linux/if_ether.h */
export const allProtocols = 0x0300;

/** TC_LINKLAYER_ETHERNET: the kernel reckons the length of frames by itself, without a table of ours */
export const ethernet = 1;

/** TC_ACT_STOLEN and TCA_EGRESS_REDIR: sent out by another interface instead. Source: pkt_cls.h, tc_mirred.h */
export const redirect = {action: 4, direction: 1} as const;

/** struct tcmsg. Source: include/uapi/linux/rtnetlink.h */
const tcmsg = {
	family: u8,
	padding1: u8,
	padding2: u16,
	index: u32, // of the interface
	handle: u32,
	parent: u32, // of trafficParents, or the handle of a discipline
	info: u32, // of a filter its preference and protocol
} as const;

/** struct tc_ratespec twice, then the rest of struct tc_tbf_qopt */
const tbfParameters = {
	cellLog: u8,
	linkLayer: u8,
	overhead: u16,
	cellAlign: u16,
	minimumPacket: u16,
	rate: u32, // bytes a second, all bits set where `rate64` has it
	peakCellLog: u8,
	peakLinkLayer: u8,
	peakOverhead: u16,
	peakCellAlign: u16,
	peakMinimumPacket: u16,
	peakRate: u32,
	limit: u32, // bytes that may wait
	buffer: u32, // in ticks of the packet scheduler, 64 ns each; `burst` counts instead where it is sent
	mtu: u32,
} as const;

/** TCA_TBF_* */
const tbfAttributes = attributeTable({
	parameters: [1, body(layout(tbfParameters, attributeTable({})))],
	rate64: [4, u64],
	burst: [6, u32], // bytes at once
});

/** struct tc_mirred. Source: include/uapi/linux/tc_act/tc_mirred.h */
const mirredParameters = {
	number: u32,
	capabilities: u32,
	action: u32,
	references: u32,
	bindings: u32,
	direction: u32,
	link: u32,
} as const;

/** TCA_ACT_*, with TCA_MIRRED_* as its options. Source: include/uapi/linux/pkt_cls.h, tc_act/tc_mirred.h */
const mirredAttributes = attributeTable({
	kind: [1, string],
	options: [2, nested(attributeTable({parameters: [2, body(layout(mirredParameters, attributeTable({})))]}))],
});

/** struct tc_u32_sel with one struct tc_u32_key. Source: include/uapi/linux/pkt_cls.h */
const selector = {
	flags: u8, // TC_U32_TERMINAL
	offsetShift: u8,
	keys: u8,
	padding: u8,
	offsetMask: be16,
	offset: u16,
	offsetOffset: u16,
	hashOffset: u16,
	hashMask: be32,
	mask: be32, // of 32 bits of the packet
	value: be32,
	at: u32,
	atMask: u32,
} as const;

/** TCA_U32_*. Source: include/uapi/linux/pkt_cls.h */
const u32Attributes = attributeTable({
	actions: [7, list(nested(mirredAttributes))],
	selector: [5, body(layout(selector, attributeTable({})))],
});

/** TCA_* of anything: what `options` hold depends on the kind. Source: include/uapi/linux/rtnetlink.h */
const trafficAttributes = attributeTable({kind: [1, string], options: [2, bytes]});

/** A discipline or a filter of any kind. */
export const trafficLayout = layout(tcmsg, trafficAttributes);

/** A discipline of kind "tbf", which lets bytes pass at a rate. */
export const tbfLayout = layout(tcmsg, attributeTable({kind: [1, string], options: [2, nested(tbfAttributes)]}));

/** A filter of kind "u32" with one key, whose action is of kind "mirred". */
export const u32Layout = layout(tcmsg, attributeTable({kind: [1, string], options: [2, nested(u32Attributes)]}));

/** TC_U32_TERMINAL, with a key that every packet meets: not every kernel has a filter of kind "matchall". */
export const anyPacket = {flags: 1, keys: 1, mask: 0, value: 0} as const;
