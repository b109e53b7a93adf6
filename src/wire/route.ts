import {attributeTable, nested} from './attribute.ts';
import {layout} from './body.ts';
import {bytes, u8, u16, u32} from './kinds.ts';

// Source of all tables unless named: include/uapi/linux/rtnetlink.h

/** RT_TABLE_MAIN */
export const mainTable = 254;

/** RTN_*, what becomes of a packet */
export const routeTypes = {unicast: 1, local: 2} as const;

/** RTM_F_FIB_MATCH, of a GET: answer with the route itself, not with what one packet would make of it */
export const matchedRoute = 0x2000;

/** struct rtmsg */
const rtmsg = {
	family: u8,
	destinationBits: u8,
	sourceBits: u8,
	tos: u8,
	table: u8, // the low 8 bits; more of them in the attribute
	protocol: u8, // RTPROT_*: who made it
	scope: u8, // of scopes in rtnetlink.ts
	type: u8, // of routeTypes
	flags: u32,
} as const;

/** RTAX_* */
const metricAttributes = attributeTable({mtu: [2, u32], advmss: [8, u32]});

/** RTA_* */
const routeAttributes = attributeTable({
	destination: [1, bytes],
	gateway: [5, bytes],
	link: [4, u32], // RTA_OIF
	priority: [6, u32],
	metrics: [8, nested(metricAttributes)],
	table32: [15, u32], // RTA_TABLE
});

export const routeLayout = layout(rtmsg, routeAttributes);

/** NUD_*, how sure the kernel is of a neighbour. Source: include/uapi/linux/neighbour.h */
export const neighbourStates = {permanent: 0x80} as const;

/** struct ndmsg. Source: include/uapi/linux/neighbour.h */
const ndmsg = {
	family: u8,
	padding1: u8,
	padding2: u16,
	index: u32, // of the interface
	state: u16, // of neighbourStates
	flags: u8,
	type: u8,
} as const;

/** NDA_*. Source: include/uapi/linux/neighbour.h */
const neighbourAttributes = attributeTable({
	destination: [1, bytes],
	address: [2, bytes], // NDA_LLADDR: MAC
});

export const neighbourLayout = layout(ndmsg, neighbourAttributes);
