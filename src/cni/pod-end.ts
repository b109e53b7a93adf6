import type {RouteRequest} from '../kernel/route.ts';
import {type Address, addressFromBytes, familyOf} from '../net/address.ts';
import {type Mac, macBytes} from '../net/mac.ts';
import {noLinkLocal} from '../wire/link.ts';
import {gatewayMac, type LinkPlan} from './link-plan.ts';
import {
	changeLink,
	hostBits,
	putAddress,
	putNeighbour,
	putRoute,
	type RouteDraft,
	readLink,
	setUp,
} from './link-requests.ts';

const loopback = 1; // LOOPBACK_IFINDEX. Source: include/net/flow.h

/**
 * Makes the pod's end as planned, in one batch in the pod's namespace. Order: no address may be made by the kernel, so
 * the mode comes before the interface is up; addresses before routes, whose source they are. Each can be repeated.
 *
 * @param index of the pod's end
 * @param ipv6 whether this kernel has IPv6 at all
 */
export function podRequests(plan: LinkPlan, index: number, ipv6: boolean): RouteRequest[] {
	const {ifName, addresses, bridge} = plan;
	const mode = {index, families: {ipv6: {addressMode: noLinkLocal}}};
	return [
		setUp('set lo up', loopback),
		...(ipv6 ? [changeLink(`set the address mode of ${ifName}`, mode)] : []),
		setUp(`set ${ifName} up`, index),
		...podAddresses(plan).map(({address, bits}) => putAddress(address, bits, index)),
		...(bridge === undefined ? addresses.map(({gateway}) => putNeighbour(gateway, gatewayMac, index)) : []),
		...podRoutes(plan, index).map(putRoute),
		readLink({index}), // since kernel 6.10 the interface counts as up from this moment on, else up to a second later
	];
}

/** The planned ones, and beside one of IPv6 the link-local that each interface of it has to have (RFC 4291, 2.1). */
export function podAddresses({
	addresses,
	mac,
}: LinkPlan): readonly {readonly address: Address; readonly bits: number}[] {
	const withIpv6 = addresses.some(({address}) => familyOf(address) === 'IPv6');
	return withIpv6 ? [...addresses, {address: linkLocal(mac), bits: 64}] : addresses;
}

/** Where routed, the way to the gateway, which is no neighbour by its address; then the planned ones. */
export function podRoutes({addresses, routes, bridge}: LinkPlan, index: number): RouteDraft[] {
	const toGateways = addresses.map(({gateway}) => ({destination: gateway, bits: hostBits(gateway), index}));
	const planned = routes.map(({dst, gw, ...rest}) => {
		const family = familyOf(dst.address);
		const gateway = gw ?? addresses.find(({address}) => familyOf(address) === family)?.gateway;
		return {...rest, destination: dst.address, bits: dst.bits, gateway, index};
	});
	return [...(bridge === undefined ? toGateways : []), ...planned];
}

/** The address that an interface makes itself of its MAC. Source: RFC 4291, appendix A */
export function linkLocal(mac: Mac): Address {
	const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = macBytes(mac);
	return addressFromBytes(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f));
}
