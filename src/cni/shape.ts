import {createHash} from 'node:crypto';
import type {PodAttachment} from '../model/objects.ts';
import type {Address} from '../net/address.ts';
import {familyOf} from '../net/address.ts';
import type {Mac} from '../net/mac.ts';
import {macFromBytes} from '../net/mac.ts';
import {prefixContains, prefixOf} from '../net/prefix.ts';
import {type Attachment, type AttachmentKey, attachmentKey} from './attachment.ts';
import type {ContainerCall} from './call.ts';
import type {Draft} from './ipam.ts';
import {gatewayMac, gateways, type LinkPlan, linkPrefix} from './link-plan.ts';
import type {NetworkConfig} from './network-config.ts';
import type {Range} from './ranges.ts';
import type {Result, Route} from './spec.ts';

/** The name of the node's end, which is the same whoever works it out: 15 characters. */
export function linkName(key: AttachmentKey): string {
	return (
		linkPrefix +
		digest(key)
			.toString('hex')
			.slice(0, 15 - linkPrefix.length)
	);
}

/** @param mtuBytes of the pod's interface */
export function draftOf(call: ContainerCall, netnsInode: number, mtuBytes: number): Draft {
	const {network, containerId, ifName, pod, netns, config} = call;
	const key = attachmentKey(call);
	return {
		...{network, containerId, ifName, pod, netns, netnsInode},
		link: linkName(key),
		mac: config.mac ?? macOf(key),
		mode: config.mode,
		bridge: config.mode === 'bridge' ? config.bridge : '',
		mtuBytes,
		hostPorts: config.hostPorts,
		bandwidth: config.bandwidth,
	};
}

/** @param ranges that its addresses are of, or were once */
export function linkPlanOf(attachment: Attachment, ranges: readonly Range[], config: NetworkConfig): LinkPlan {
	const {link, ifName, mac, mtuBytes, mode, bridge, bandwidth, hostPorts} = attachment;
	const isRouted = mode === 'routed';
	const addresses = attachment.addresses.map((address) => placeOf(address, isRouted ? [] : ranges));
	return {
		...{link, ifName, mac, mtuBytes, bandwidth, addresses},
		alias: aliasOf(attachment),
		routes: routesOf(addresses, config),
		bridge: isRouted
			? undefined
			: {
					name: bridge,
					mtuBytes,
					addresses: addresses.map(({gateway, bits}) => ({address: gateway, bits})),
					hairpin: config.hairpin,
				},
		localnet: hostPorts.some(({hostIp}) => hostIp === undefined || hostIp === '127.0.0.1' || hostIp === '0.0.0.0'),
	};
}

/** What the ADD answers. */
export function resultOf(plan: LinkPlan, sandbox: string, {dns}: NetworkConfig): Result {
	const {link, ifName, mac, mtuBytes, addresses, bridge, routes} = plan;
	const ends = [
		{name: link, mac: bridge === undefined ? gatewayMac : undefined, mtu: mtuBytes},
		{name: ifName, mac, mtu: mtuBytes, sandbox},
	];
	const interfaces = bridge === undefined ? ends : [{name: bridge.name}, ...ends];
	return {
		interfaces,
		ips: addresses.map(({address, bits, gateway}) => ({address, bits, gateway, interface: interfaces.length - 1})),
		routes,
		dns,
	};
}

/** As the rest of the house knows it. */
export function podOf({containerId, ifName, pod, addresses, link, hostPorts, since}: Attachment): PodAttachment {
	const {namespace, name, uid} = pod ?? {namespace: 'cni', name: containerId, uid: ''};
	return {
		kind: 'PodAttachment',
		containerId,
		ifName,
		namespace,
		name,
		uid,
		addresses,
		link,
		hostPorts,
		attachedAt: since,
	};
}

/** For people: `shop/web-1 eth0`, or the container's id. */
function aliasOf({pod, containerId, ifName}: Pick<Attachment, 'pod' | 'containerId' | 'ifName'>): string {
	return `${pod === undefined ? containerId : `${pod.namespace}/${pod.name}`} ${ifName}`;
}

function routesOf(addresses: LinkPlan['addresses'], {routes}: NetworkConfig): readonly Route[] {
	const defaults = addresses.map(({address, gateway}) => {
		const anywhere = (familyOf(address) === 'IPv4' ? '0.0.0.0' : '::') as Address;
		return {dst: prefixOf(anywhere, 0), gw: gateway};
	});
	return [...defaults, ...routes];
}

/** What a pod needs to know of the network that an address lies in: of one that is in no range, nothing but the address. */
function placeOf(address: Address, ranges: readonly Range[]): LinkPlan['addresses'][number] {
	const family = familyOf(address);
	const range = ranges.find(({prefix}) => prefixContains(prefix, address));
	return range === undefined
		? {address, bits: family === 'IPv4' ? 32 : 128, gateway: gateways[family]}
		: {address, bits: range.prefix.bits, gateway: range.gateway};
}

/** Locally administered, of one interface; the same for the same container, so that neighbours need not learn anew. */
function macOf(key: AttachmentKey): Mac {
	const bytes = digest(key).subarray(-6);
	return macFromBytes(Uint8Array.from(bytes, (byte, index) => (index === 0 ? (byte & 0xfc) | 2 : byte)));
}

function digest(key: AttachmentKey): Buffer {
	return createHash('sha256').update(key).digest();
}
