import {attributeTable} from './attribute.ts';
import {layout} from './body.ts';
import {bytes, string, u8, u32} from './kinds.ts';
import {linkChangeLayout, linkLayout} from './link.ts';
import {neighbourLayout, routeLayout} from './route.ts';
import {tbfLayout, trafficLayout, u32Layout} from './traffic.ts';

/** RTNLGRP_*, multicast groups that tell of changes. Source: include/uapi/linux/rtnetlink.h */
export const rtnetlinkGroups = {
	link: 1, // RTNLGRP_LINK
	ipv4Address: 5, // RTNLGRP_IPV4_IFADDR
	ipv4Route: 7, // RTNLGRP_IPV4_ROUTE
	ipv6Address: 9, // RTNLGRP_IPV6_IFADDR
	ipv6Route: 11, // RTNLGRP_IPV6_ROUTE
} as const;

/** AF_*, the family of an address; 0 asks for all. Source: include/linux/socket.h */
export const addressFamilies = {unspecified: 0, ipv4: 2, ipv6: 10} as const;

/** RT_SCOPE_*, how far an address may be used. Source: include/uapi/linux/rtnetlink.h */
export const scopes = {universe: 0, site: 200, link: 253, host: 254, nowhere: 255} as const;

/** IFA_F_*. Source: include/uapi/linux/if_addr.h */
export const addressFlags = {
	temporary: 0x01, // IFA_F_TEMPORARY of IPv6, IFA_F_SECONDARY of IPv4
	noDuplicateDetection: 0x02, // IFA_F_NODAD
	duplicate: 0x08, // IFA_F_DADFAILED
	deprecated: 0x20, // IFA_F_DEPRECATED
	tentative: 0x40, // IFA_F_TENTATIVE: not yet usable
	permanent: 0x80, // IFA_F_PERMANENT: without a lifetime
} as const;

/** struct ifaddrmsg. Source: include/uapi/linux/if_addr.h */
const ifaddrmsg = {
	family: u8, // of addressFamilies
	prefixLength: u8,
	flags: u8, // the low 8 bits of allFlags
	scope: u8, // of scopes
	index: u32, // of the interface
} as const;

/** IFA_*. Source: include/uapi/linux/if_addr.h */
const addressAttributes = attributeTable({
	address: [1, bytes], // IFA_ADDRESS: of a point-to-point interface the peer's
	local: [2, bytes], // IFA_LOCAL: the interface's own; IPv6 sends it only beside a peer
	label: [3, string], // IFA_LABEL, of IPv4
	broadcast: [4, bytes], // IFA_BROADCAST
	allFlags: [8, u32], // IFA_FLAGS: addressFlags
	protocol: [11, u8], // IFA_PROTO: who made it (kernel 5.18)
});

/** RTM_* as types of netlink messages, with the layout of their bodies. `new` is also the type of answers and events. */
export const rtnetlink = {
	link: {new: 16, delete: 17, get: 18, layout: linkLayout},
	linkChange: {new: 16, set: 19, layout: linkChangeLayout},
	address: {new: 20, delete: 21, get: 22, layout: layout(ifaddrmsg, addressAttributes)},
	route: {new: 24, delete: 25, get: 26, layout: routeLayout},
	neighbour: {new: 28, delete: 29, get: 30, layout: neighbourLayout},
	discipline: {new: 36, delete: 37, get: 38, layout: trafficLayout}, // RTM_NEWQDISC
	tbf: {new: 36, layout: tbfLayout},
	filter: {new: 44, delete: 45, get: 46, layout: trafficLayout}, // RTM_NEWTFILTER
	u32: {new: 44, layout: u32Layout},
} as const;
