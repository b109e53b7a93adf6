import {NetError} from '../errors.ts';
import {
	type RouteOutcome,
	type RouteRefusal,
	type RouteRequest,
	type Rtnetlink,
	routeRequest,
} from '../kernel/route.ts';
import {type Address, addressFromBytes} from '../net/address.ts';
import {type Mac, macFromBytes} from '../net/mac.ts';
import {type BodyOf, decodeBody} from '../wire/body.ts';
import {skipStatistics} from '../wire/link.ts';
import type {Message} from '../wire/message.ts';
import {neighbourStates} from '../wire/route.ts';
import {addressFamilies, rtnetlink} from '../wire/rtnetlink.ts';
import {type RouteDraft, readLink, readNeighbour, routeProtocol} from './link-requests.ts';

export type Link = BodyOf<typeof rtnetlink.link.layout>;

/** The interfaces among answers. */
export function linksAmong(answers: readonly Message[]): Link[] {
	return answers
		.filter(({type}) => type === rtnetlink.link.new)
		.map(({payload}) => decodeBody(rtnetlink.link.layout, payload));
}

/** The one interface among answers; undefined when none is there. */
export function linkAmong(answers: readonly Message[]): Link | undefined {
	return linksAmong(answers)[0];
}

/** What the kernel says of an interface; undefined when it is not there. */
export function findLink(door: Rtnetlink, which: Parameters<typeof readLink>[0]): Link | undefined {
	return linkAmong(door.run([readLink(which)]).answers);
}

/** All interfaces of a namespace. */
export function allLinks(door: Rtnetlink): Link[] {
	const {get, layout} = rtnetlink.link;
	const request = routeRequest('read all interfaces', get, 0, layout, {extendedMask: skipStatistics});
	return door.dump(request).map(({payload}) => decodeBody(layout, payload));
}

/** Addresses of an interface, with the lengths of their prefixes. */
export function addressesOf(door: Rtnetlink, index: number): {readonly address: Address; readonly bits: number}[] {
	const {get, layout} = rtnetlink.address;
	const request = routeRequest('read addresses', get, 0, layout, {family: addressFamilies.unspecified});
	return door
		.dump(request)
		.map(({payload}) => decodeBody(layout, payload))
		.filter((each) => each.index === index)
		.flatMap(({local, address, prefixLength}) => {
			const own = local ?? address;
			return own === undefined ? [] : [{address: addressFromBytes(own), bits: prefixLength}];
		});
}

/** Routes out by an interface, of all tables. */
export function routesOf(door: Rtnetlink, index: number): RouteDraft[] {
	const {get, layout} = rtnetlink.route;
	const request = routeRequest('read routes', get, 0, layout, {family: addressFamilies.unspecified});
	return door
		.dump(request)
		.map(({payload}) => decodeBody(layout, payload))
		.filter(({link}) => link === index)
		.map(({family, destination, destinationBits, gateway, priority, metrics, table, table32}) => ({
			destination: destination === undefined ? anyAddress(family) : addressFromBytes(destination),
			bits: destinationBits,
			index,
			gateway: gateway && addressFromBytes(gateway),
			priority,
			table: table32 ?? table,
			mtu: metrics?.mtu,
			advmss: metrics?.advmss,
		}));
}

/** Destinations of the routes that are ours, as {@link routeProtocol} tells. */
export function ownRoutes(door: Rtnetlink): readonly Address[] {
	const {get, layout} = rtnetlink.route;
	const request = routeRequest('read routes', get, 0, layout, {family: addressFamilies.unspecified});
	return door
		.dump(request)
		.map(({payload}) => decodeBody(layout, payload))
		.flatMap(({protocol, destination}) =>
			protocol === routeProtocol && destination !== undefined ? [addressFromBytes(destination)] : [],
		);
}

function anyAddress(family: number): Address {
	return addressFromBytes(new Uint8Array(family === addressFamilies.ipv4 ? 4 : 16));
}

/** MAC of a permanent neighbour; undefined when there is none. */
export function neighbourOf(door: Rtnetlink, address: Address, index: number): Mac | undefined {
	const {new: answer, layout} = rtnetlink.neighbour;
	const found = door.run([readNeighbour(address, index)]).answers.find(({type}) => type === answer);
	const neighbour = found && decodeBody(layout, found.payload);
	return neighbour?.state === neighbourStates.permanent && neighbour.address !== undefined
		? macFromBytes(neighbour.address)
		: undefined;
}

/** What the kernel answered. @throws NetError CNI_KERNEL with the first request that it refused */
export function runAll(door: Rtnetlink, requests: readonly RouteRequest[]): RouteOutcome {
	const outcome = door.run(requests);
	const [first] = outcome.refusals;
	if (first !== undefined) {
		throw refusedRequest(first);
	}

	return outcome;
}

export function refusedRequest({what, errno, text}: RouteRefusal): NetError {
	return new NetError('CNI_KERNEL', `${what}: ${text ?? errno}`, {errno, ...(text !== undefined && {text})});
}
