import type {RouteRequest} from '../kernel/route.ts';
import {type Address, familyOf} from '../net/address.ts';
import {macBytes} from '../net/mac.ts';
import {noLinkLocal} from '../wire/link.ts';
import {type BridgePlan, gatewayMac} from './link-plan.ts';
import {changeLink, makeLink, putAddress, readLink, setUp} from './link-requests.ts';
import {linkLocal} from './pod-end.ts';

/** Makes a bridge, then asks for it. Its address is its own: else it would take that of a pod, and change it with pods. */
export function bridgeRequests({name, mtuBytes}: BridgePlan): RouteRequest[] {
	const link = {name, mtuBytes, address: macBytes(gatewayMac), info: {kind: 'bridge'}};
	return [makeLink(`make the bridge ${name}`, link), readLink({name})];
}

/** Gives a bridge that was just made its addresses, then brings it up. @param ipv6 whether this kernel has IPv6 at all */
export function bridgeAddressRequests(plan: BridgePlan, index: number, ipv6: boolean): RouteRequest[] {
	const mode = {index, families: {ipv6: {addressMode: noLinkLocal}}};
	return [
		...(ipv6 ? [changeLink(`set the address mode of ${plan.name}`, mode)] : []),
		setUp(`set ${plan.name} up`, index),
		...bridgeAddresses(plan).map(({address, bits}) => putAddress(address, bits, index)),
	];
}

function bridgeAddresses({addresses}: BridgePlan): readonly {readonly address: Address; readonly bits: number}[] {
	const withIpv6 = addresses.some(({address}) => familyOf(address) === 'IPv6');
	return withIpv6 ? [...addresses, {address: linkLocal(gatewayMac), bits: 64}] : addresses;
}

/** Lets packets from 127.0.0.1 go out by the bridge. */
export function bridgeLocalnetRequest({name}: BridgePlan, index: number): RouteRequest {
	return changeLink(`set route_localnet of ${name}`, {index, families: {ipv4: {settings: {routeLocalnet: 1}}}});
}
