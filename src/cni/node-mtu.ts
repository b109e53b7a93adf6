import {type Rtnetlink, routeRequest} from '../kernel/route.ts';
import {type Address, addressBytes} from '../net/address.ts';
import {decodeBody} from '../wire/body.ts';
import {linkFlags} from '../wire/link.ts';
import {matchedRoute, routeTypes} from '../wire/route.ts';
import {rtnetlink} from '../wire/rtnetlink.ts';
import {findLink, type Link} from './link-reading.ts';
import {familyNumber, hostBits} from './link-requests.ts';

/** ETH_DATA_LEN, where a node is connected to nothing. */
const ethernetMtu = 1500;

/** Nobody's addresses, so that only the default route leads there. Source: RFC 5737, RFC 3849 */
const anywhere = ['192.0.2.1', '2001:db8::1'] as const;

/**
 * MTU of the interface that holds the first of these addresses that is held; of the default route's where none is, or
 * `lo` holds it, by which nothing leaves the node. Asks for one route each, however many the node has. Bytes.
 */
export function nodeMtu(door: Rtnetlink, nodeAddresses: readonly Address[]): number {
	const holders = nodeAddresses.map((address) => {
		const route = findRoute(door, address);
		return route?.type === routeTypes.local ? linkOf(door, route.link) : undefined;
	});
	const leaving = anywhere.map((address) => linkOf(door, findRoute(door, address as Address)?.link));
	const link = [...holders, ...leaving].find((each) => each !== undefined && (each.flags & linkFlags.loopback) === 0);
	return link?.mtuBytes ?? ethernetMtu;
}

function linkOf(door: Rtnetlink, index: number | undefined): Link | undefined {
	return index === undefined ? undefined : findLink(door, {index});
}

/** The route that packets to an address take; undefined when there is none. */
export function findRoute(door: Rtnetlink, address: Address) {
	const {get, new: answer, layout} = rtnetlink.route;
	const request = routeRequest(`find the route to ${address}`, get, 0, layout, {
		family: familyNumber(address),
		destinationBits: hostBits(address),
		flags: matchedRoute,
		destination: addressBytes(address),
	});
	const found = door.run([request]).answers.find(({type}) => type === answer);
	return found && decodeBody(layout, found.payload);
}
