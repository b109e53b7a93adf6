import {type RouteRequest, routeRequest} from '../kernel/route.ts';
import {macBytes} from '../net/mac.ts';
import {bridgeFamily, noLinkLocal, portStates} from '../wire/link.ts';
import {rtnetlink} from '../wire/rtnetlink.ts';
import type {Attachment} from './attachment.ts';
import {gatewayMac, type LinkPlan} from './link-plan.ts';
import {
	changeLink,
	deleteNeighbour,
	deleteRoute,
	hostBits,
	makeLink,
	putNeighbour,
	putRoute,
	readLink,
	setUp,
} from './link-requests.ts';

/** IFLA_GROUP of interfaces that are about to be removed: "fair" as a number, that nobody else takes it. */
export const removalGroup = 0x66616972;

/**
 * Of each end. The kernel makes one for each CPU unless told (since 5.15), each with files and events of its own, and
 * uses only the first unless XDP or GRO is switched on: a veth sends without a lock. Source: drivers/net/veth.c
 */
const queues = {sendQueues: 1, receiveQueues: 1} as const;

/**
 * Makes the veth pair, both ends where they belong: moving one later takes 16 ms. Then asks for the node's end, which
 * tells both indexes.
 *
 * @param netns file descriptor of the pod's namespace
 * @param master index of the bridge; 0 where routed
 */
export function pairRequests(plan: LinkPlan, netns: number, master: number): RouteRequest[] {
	const {link, ifName, mac, mtuBytes} = plan;
	const peer = {name: ifName, address: macBytes(mac), mtuBytes, netns, ...queues};
	const node = {
		name: link,
		mtuBytes,
		// a bridge knows its ports apart by their addresses: there the kernel makes one up
		...(master === 0 ? {address: macBytes(gatewayMac)} : {master}),
		info: {kind: 'veth', data: {peer}},
		...queues,
	};
	return [makeLink(`make the veth pair ${link} and ${ifName}`, node), readLink({name: link})];
}

/**
 * Names the node's end, sets what concerns it and brings it up, in an order that lets the kernel make no address.
 *
 * @param ipv6 whether this kernel has IPv6 at all
 */
export function nodeEndRequests(plan: LinkPlan, index: number, ipv6: boolean): RouteRequest[] {
	const {link, alias, localnet, bridge} = plan;
	const routed = localnet && bridge === undefined;
	const families = {
		...(routed && {ipv4: {settings: {routeLocalnet: 1}}}),
		...(ipv6 && {ipv6: {addressMode: noLinkLocal}}),
	};
	const port = {portKind: 'bridge', portData: {hairpin: bridge?.hairpin === true ? 1 : 0}};
	return [
		changeLink(`set the alias of ${link}`, {index, alias, families}),
		...(bridge === undefined ? [] : [changeLink(`set the port ${link}`, {index, info: port})]),
		setUp(`set ${link} up`, index),
	];
}

/** Where routed: how the node finds the pod, without asking for it on the link. */
export function nodeRouteRequests({addresses, mac, bridge}: LinkPlan, index: number): RouteRequest[] {
	const own = bridge === undefined ? addresses : [];
	return own.flatMap(({address}) => [
		putNeighbour(address, mac, index),
		putRoute({destination: address, bits: hostBits(address), index}),
	]);
}

/**
 * Cuts the pod off and marks its links for removal. Its neighbours go with the link and serve nobody without a route.
 */
export function detachRequests(
	{addresses, mode}: Pick<Attachment, 'addresses' | 'mode'>,
	index: number,
): RouteRequest[] {
	const cuts = addresses.flatMap((address) => [
		deleteRoute({destination: address, bits: hostBits(address), index}),
		deleteNeighbour(address, index),
	]);
	// the mark first: any change of a link has its bridge open the port again. Source: br_if.c, br_port_carrier_check
	return mode === 'bridge' ? [markForRemoval(index), closePort(index)] : [...cuts, markForRemoval(index)];
}

/** Has the bridge pass on nothing from and to its port, at once: taking the port off it takes milliseconds. */
function closePort(index: number): RouteRequest {
	const {set, layout} = rtnetlink.linkChange;
	const body = {family: bridgeFamily, index, port: {state: portStates.disabled}};
	return routeRequest('close the port of the pod', set, 0, layout, body);
}

/** What {@link markForRemoval} does. */
export const removalMark = 'mark the link for removal';

export function markForRemoval(index: number): RouteRequest {
	return changeLink(removalMark, {index, group: removalGroup});
}
