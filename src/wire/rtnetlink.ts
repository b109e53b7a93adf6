import {attributeTable, nested} from './attribute.ts';
import {layout} from './body.ts';
import {bytes, string, u8, u16, u32} from './kinds.ts';

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

/** IFF_*, flags of an interface. Source: include/uapi/linux/if.h */
export const linkFlags = {up: 0x1, broadcast: 0x2, loopback: 0x8, pointToPoint: 0x10, running: 0x40} as const;

/** RTEXT_FILTER_SKIP_STATS for extendedMask: without it a dump spends most of its bytes on counters. Source: rtnetlink.h */
export const skipStatistics = 0x8;

/** struct ifinfomsg. Source: include/uapi/linux/rtnetlink.h */
const ifinfomsg = {
	family: u8,
	padding: u8,
	type: u16, // ARPHRD_*: 1 ethernet, 772 loopback
	index: u32,
	flags: u32, // linkFlags
	change: u32, // which flags a request means to set
} as const;

/** IFLA_INFO_*. Source: include/uapi/linux/if_link.h */
const linkInfoAttributes = attributeTable({kind: [1, string]}); // "veth", "bridge", "vxlan" …

/** IFLA_*. Source: include/uapi/linux/if_link.h */
const linkAttributes = attributeTable({
	extendedMask: [29, u32], // IFLA_EXT_MASK: what a request wants to be told, or not
	address: [1, bytes], // IFLA_ADDRESS: MAC
	name: [3, string], // IFLA_IFNAME
	mtuBytes: [4, u32], // IFLA_MTU
	peer: [5, u32], // IFLA_LINK: the index of the other end, or of the interface below
	master: [10, u32], // IFLA_MASTER: the index of its bridge
	operState: [16, u8], // IFLA_OPERSTATE: 6 is up
	info: [18, nested(linkInfoAttributes)], // IFLA_LINKINFO
	group: [27, u32], // IFLA_GROUP
});

/** RTM_* as types of netlink messages, with the layout of their bodies. `new` is also the type of answers and events. */
export const rtnetlink = {
	link: {new: 16, delete: 17, get: 18, layout: layout(ifinfomsg, linkAttributes)},
	address: {new: 20, delete: 21, get: 22, layout: layout(ifaddrmsg, addressAttributes)},
} as const;
