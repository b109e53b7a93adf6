import {type RouteRequest, routeRequest} from '../kernel/route.ts';
import {messageFlags} from '../wire/message.ts';
import {rtnetlink} from '../wire/rtnetlink.ts';
import {allProtocols, anyPacket, ethernet, redirect, trafficParents} from '../wire/traffic.ts';
import {linkPrefix} from './link-plan.ts';
import {makeFlags, makeLink, readLink, setUp} from './link-requests.ts';
import type {Bandwidth} from './spec.ts';

/** What may pass of one direction; bytes, and bytes a second. */
export type Shape = {readonly rate: number; readonly burst: number; readonly limit: number};

/** How long a packet may wait before the next ones are dropped. Source: containernetworking/plugins, bandwidth, latencyInMillis */
const latencySeconds = 0.025;
/** What may pass at once where nothing is said: as much as comes in this time, and one packet of the greatest length. */
const burstSeconds = 0.05;
const packetBytes = 65_536;
/** Container runtimes say 2^31-1 or 2^32-1 bits for "nothing is said". Source: containerd, internal/cri, toCNIBandWidth */
const unsaidBits = 2 ** 31 - 1;
const u32Max = 2 ** 32 - 1;
const frameOverhead = 18; // ETH_HLEN and a VLAN tag: the kernel drops for ever what is longer than the burst

/**
 * What may pass of a direction; undefined where it has no limit.
 *
 * @param rateBits a second
 * @param burstBits at once
 */
export function shapeOf(rateBits = 0, burstBits = 0, mtuBytes = 0): Shape | undefined {
	if (rateBits <= 0) {
		return undefined;
	}

	const rate = Math.max(1, Math.floor(rateBits / 8));
	const said = burstBits > 0 && burstBits < unsaidBits;
	const wanted = said ? Math.ceil(burstBits / 8) : Math.max(packetBytes, Math.ceil(rate * burstSeconds));
	const burst = Math.min(u32Max, Math.max(wanted, mtuBytes + frameOverhead));
	return {rate, burst, limit: Math.min(u32Max, burst + Math.ceil(rate * latencySeconds))};
}

/** What pods receive is `ingress`, what they send `egress`. */
export function shapesOf(
	bandwidth: Bandwidth,
	mtuBytes: number,
): {ingress: Shape | undefined; egress: Shape | undefined} {
	const {ingressRate, ingressBurst, egressRate, egressBurst} = bandwidth;
	return {
		ingress: shapeOf(ingressRate, ingressBurst, mtuBytes),
		egress: shapeOf(egressRate, egressBurst, mtuBytes),
	};
}

/** Where packets that a pod sends wait: only what is sent out can wait, so they are sent out by an interface of their own. */
export function shaperName(link: string): string {
	return `fifb${link.slice(linkPrefix.length)}`;
}

/** The node's end that belongs to a {@link shaperName}. */
export function linkOfShaper(name: string): string {
	return `${linkPrefix}${name.slice(linkPrefix.length)}`;
}

/** Makes that interface, then asks for it. */
export function shaperRequests(link: string, mtuBytes: number): RouteRequest[] {
	const name = shaperName(link);
	return [makeLink(`make the interface ${name}`, {name, mtuBytes, info: {kind: 'ifb'}}), readLink({name})];
}

/** What leaves by the interface, so what the pod receives, waits until the shape lets it pass. */
export function tokenBucketRequest({rate, burst, limit}: Shape, index: number): RouteRequest {
	const {new: type, layout} = rtnetlink.tbf;
	const whole = rate <= u32Max ? {} : {rate64: BigInt(rate)};
	const parameters = {rate: Math.min(rate, u32Max), linkLayer: ethernet, limit};
	return routeRequest('set the token bucket', type, messageFlags.create | messageFlags.replace, layout, {
		index,
		parent: trafficParents.root,
		kind: 'tbf',
		options: {parameters, ...whole, burst},
	});
}

/** What comes in by `index` is sent out by `shaper`, which gives it back once it may pass. */
export function redirectRequests(index: number, shaper: number): RouteRequest[] {
	const {discipline, u32} = rtnetlink;
	const parameters = {...redirect, link: shaper};
	return [
		setUp('set the interface of the token bucket up', shaper),
		routeRequest('set the ingress discipline', discipline.new, makeFlags, discipline.layout, {
			index,
			parent: trafficParents.ingress,
			handle: trafficParents.ingressHandle,
			kind: 'ingress',
		}),
		routeRequest('redirect what the pod sends', u32.new, makeFlags, u32.layout, {
			index,
			parent: trafficParents.ingressHandle,
			info: allProtocols,
			kind: 'u32',
			options: {selector: anyPacket, actions: [{kind: 'mirred', options: {parameters}}]},
		}),
	];
}
