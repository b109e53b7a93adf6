import {type RouteRequest, routeRequest} from '../kernel/route.ts';
import {type Address, addressBytes, familyOf} from '../net/address.ts';
import {type Mac, macBytes} from '../net/mac.ts';
import type {Draft} from '../wire/body.ts';
import {linkFlags, skipStatistics} from '../wire/link.ts';
import {messageFlags} from '../wire/message.ts';
import {mainTable, neighbourStates, routeTypes} from '../wire/route.ts';
import {addressFamilies, addressFlags, rtnetlink, scopes} from '../wire/rtnetlink.ts';

/** NLM_F_* of what is made anew, and of what may be there already. */
export const makeFlags = messageFlags.create | messageFlags.exclusive;
const putFlags = messageFlags.create | messageFlags.replace;

/** RTPROT_*: of the routes that are ours, as `ip route show proto 70` finds them. Above 4 the kernel gives them no meaning. */
export const routeProtocol = 70;

export function familyNumber(address: Address): number {
	return familyOf(address) === 'IPv4' ? addressFamilies.ipv4 : addressFamilies.ipv6;
}

/** All bits of an address: the length of a prefix that holds it alone. */
export function hostBits(address: Address): number {
	return familyOf(address) === 'IPv4' ? 32 : 128;
}

/** Asks for one interface, by name or index. */
export function readLink(which: {readonly name: string} | {readonly index: number}): RouteRequest {
	const {get, layout} = rtnetlink.link;
	const what = `read interface ${'name' in which ? which.name : which.index}`;
	return routeRequest(what, get, 0, layout, {extendedMask: skipStatistics, ...which});
}

type Change = Draft<typeof rtnetlink.linkChange.layout>;

export function makeLink(what: string, link: Change): RouteRequest {
	return routeRequest(what, rtnetlink.linkChange.new, makeFlags, rtnetlink.linkChange.layout, link);
}

export function changeLink(what: string, link: Change): RouteRequest {
	return routeRequest(what, rtnetlink.linkChange.new, 0, rtnetlink.linkChange.layout, link);
}

export function setUp(what: string, index: number): RouteRequest {
	return changeLink(what, {index, flags: linkFlags.up, change: linkFlags.up});
}

/** Usable at once: nobody else on the link can have it, so nobody is asked whether he does. */
export function putAddress(address: Address, bits: number, index: number): RouteRequest {
	const {new: type, layout} = rtnetlink.address;
	const bytes = addressBytes(address);
	return routeRequest(`set address ${address}/${bits}`, type, putFlags, layout, {
		family: familyNumber(address),
		prefixLength: bits,
		flags: addressFlags.noDuplicateDetection,
		scope: address.startsWith('fe80:') ? scopes.link : scopes.universe,
		index,
		address: bytes,
		local: bytes,
	});
}

/** What can be said of one route; `gateway` absent: who is meant is on the link itself. */
export type RouteDraft = {
	readonly destination: Address;
	readonly bits: number;
	readonly index: number;
	readonly gateway?: Address | undefined;
	readonly table?: number | undefined;
	readonly scope?: number | undefined;
	readonly priority?: number | undefined;
	readonly mtu?: number | undefined;
	readonly advmss?: number | undefined;
};

export function putRoute(route: RouteDraft): RouteRequest {
	return routeRequest(
		`add route ${printRoute(route)}`,
		rtnetlink.route.new,
		putFlags,
		rtnetlink.route.layout,
		bodyOf(route),
	);
}

export function deleteRoute(route: RouteDraft): RouteRequest {
	return routeRequest(
		`remove route ${printRoute(route)}`,
		rtnetlink.route.delete,
		0,
		rtnetlink.route.layout,
		bodyOf(route),
	);
}

export function printRoute({destination, bits, gateway}: RouteDraft): string {
	return gateway === undefined ? `${destination}/${bits}` : `${destination}/${bits} via ${gateway}`;
}

function bodyOf(route: RouteDraft): Draft<typeof rtnetlink.route.layout> {
	const {destination, bits, index, gateway, table = mainTable, priority, mtu, advmss} = route;
	return {
		family: familyNumber(destination),
		destinationBits: bits,
		table: table < 256 ? table : 0,
		protocol: routeProtocol,
		scope: route.scope ?? (gateway === undefined ? scopes.link : scopes.universe),
		type: routeTypes.unicast,
		...(bits > 0 && {destination: addressBytes(destination)}),
		...(gateway !== undefined && {gateway: addressBytes(gateway)}),
		link: index,
		...(priority !== undefined && {priority}),
		...((mtu ?? advmss) !== undefined && {metrics: metrics(mtu, advmss)}),
		...(table > 255 && {table32: table}),
	};
}

function metrics(mtu: number | undefined, advmss: number | undefined): {mtu?: number; advmss?: number} {
	return {...(mtu !== undefined && {mtu}), ...(advmss !== undefined && {advmss})};
}

/** Never asked for and never forgotten. */
export function putNeighbour(address: Address, mac: Mac, index: number): RouteRequest {
	const {new: type, layout} = rtnetlink.neighbour;
	return routeRequest(`set neighbour ${address}`, type, putFlags, layout, {
		...neighbour(address, index),
		state: neighbourStates.permanent,
		address: macBytes(mac),
	});
}

export function deleteNeighbour(address: Address, index: number): RouteRequest {
	const {delete: type, layout} = rtnetlink.neighbour;
	return routeRequest(`remove neighbour ${address}`, type, 0, layout, neighbour(address, index));
}

export function readNeighbour(address: Address, index: number): RouteRequest {
	const {get: type, layout} = rtnetlink.neighbour;
	return routeRequest(`read neighbour ${address}`, type, 0, layout, neighbour(address, index));
}

function neighbour(address: Address, index: number): Draft<typeof rtnetlink.neighbour.layout> {
	return {family: familyNumber(address), index, destination: addressBytes(address)};
}
