import {attributeTable, nested} from './attribute.ts';
import {body, layout} from './body.ts';
import {bytes, string, u8, u16, u32} from './kinds.ts';

// Source of all tables unless named: include/uapi/linux/if_link.h

/** IFF_*, flags of an interface. Source: include/uapi/linux/if.h */
export const linkFlags = {up: 0x1, broadcast: 0x2, loopback: 0x8, pointToPoint: 0x10, running: 0x40} as const;

/** RTEXT_FILTER_SKIP_STATS for extendedMask: without it a dump spends most of its bytes on counters. Source: rtnetlink.h */
export const skipStatistics = 0x8;

/** IF_OPER_UP: packets are taken. Source: include/uapi/linux/if.h */
export const operUp = 6;

/** IN6_ADDR_GEN_MODE_NONE: the kernel makes no link-local address */
export const noLinkLocal = 1;

/** BR_STATE_*, of a port of a bridge. Source: include/uapi/linux/if_bridge.h */
export const portStates = {disabled: 0} as const;

/** struct ifinfomsg. Source: include/uapi/linux/rtnetlink.h */
const ifinfomsg = {
	family: u8,
	padding: u8,
	type: u16, // ARPHRD_*: 1 ethernet, 772 loopback
	index: u32,
	flags: u32, // linkFlags
	change: u32, // which flags a request means to set
} as const;

/** IFLA_INFO_*, as they are read: what `data` holds depends on the kind */
const linkInfoAttributes = attributeTable({
	kind: [1, string], // "veth", "bridge", "vxlan" …
	portKind: [4, string], // IFLA_INFO_SLAVE_KIND: of its master, "bridge"
	portData: [5, bytes], // IFLA_INFO_SLAVE_DATA: of a bridge portAttributes
});

/** IFLA_* */
const linkAttributes = attributeTable({
	extendedMask: [29, u32], // IFLA_EXT_MASK: what a request wants to be told, or not
	address: [1, bytes], // IFLA_ADDRESS: MAC
	name: [3, string], // IFLA_IFNAME
	mtuBytes: [4, u32], // IFLA_MTU
	peer: [5, u32], // IFLA_LINK: the index of the other end, or of the interface below
	master: [10, u32], // IFLA_MASTER: the index of its bridge
	operState: [16, u8], // IFLA_OPERSTATE: 6 is up
	info: [18, nested(linkInfoAttributes)], // IFLA_LINKINFO
	alias: [20, string], // IFLA_IFALIAS
	group: [27, u32], // IFLA_GROUP
});

/** IFLA_BRPORT_* */
export const portAttributes = attributeTable({
	state: [1, u8], // of portStates
	hairpin: [4, u8], // IFLA_BRPORT_MODE: whether it may send out what came in by it
});

/** The other end of a veth pair; `netns` is a file descriptor of the namespace it is made in. */
const peerAttributes = attributeTable({
	address: [1, bytes],
	mtuBytes: [4, u32],
	name: [3, string],
	netns: [28, u32], // IFLA_NET_NS_FD
	sendQueues: [31, u32],
	receiveQueues: [32, u32],
});

/** IPV4_DEVCONF_*: settings under net.ipv4.conf of one interface. Source: include/uapi/linux/ip.h */
const ipv4Settings = attributeTable({routeLocalnet: [26, u32]});

const familyAttributes = attributeTable({
	ipv4: [2, nested(attributeTable({settings: [1, nested(ipv4Settings)]}))], // AF_INET, IFLA_INET_CONF
	ipv6: [10, nested(attributeTable({addressMode: [8, u8]}))], // AF_INET6, IFLA_INET6_ADDR_GEN_MODE
});

/** IFLA_INFO_*, as they are sent */
const changeInfoAttributes = attributeTable({
	kind: [1, string],
	data: [2, nested(attributeTable({peer: [1, body(layout(ifinfomsg, peerAttributes))]}))], // VETH_INFO_PEER
	portKind: [4, string],
	portData: [5, nested(portAttributes)],
});

/** AF_BRIDGE, the family of a request to a bridge about its port. Source: include/linux/socket.h */
export const bridgeFamily = 7;

/** IFLA_* that make or change an interface */
const changeAttributes = attributeTable({
	address: [1, bytes],
	mtuBytes: [4, u32],
	group: [27, u32],
	master: [10, u32],
	name: [3, string],
	alias: [20, string],
	port: [12, nested(portAttributes)], // IFLA_PROTINFO, of bridgeFamily
	info: [18, nested(changeInfoAttributes)],
	families: [26, nested(familyAttributes)], // IFLA_AF_SPEC
	sendQueues: [31, u32], // IFLA_NUM_TX_QUEUES
	receiveQueues: [32, u32], // IFLA_NUM_RX_QUEUES
});

/** An interface as the kernel tells of it, and as it is asked for. */
export const linkLayout = layout(ifinfomsg, linkAttributes);

/**
 * An interface to be made or changed: the data of its kind is spelled out. Only veth pairs have any here, so it is no
 * way to read what others made. When an interface is made the kernel passes by `alias` and `families`.
 * Source: net/core/rtnetlink.c, rtnl_create_link
 */
export const linkChangeLayout = layout(ifinfomsg, changeAttributes);
