import {gateways, type LinkPlan} from '../../src/cni/link-plan.ts';
import type {Address} from '../../src/net/address.ts';
import type {Mac} from '../../src/net/mac.ts';

const anyIpv4 = {dst: {address: '0.0.0.0' as Address, bits: 0}};
const anyIpv6 = {dst: {address: '::' as Address, bits: 0}};

const octets = (pod: number) => [Math.floor(pod / 250), (pod % 250) + 2] as const;

/** IPv4 address of the routed pod of this number, from 0. */
export function podIpv4(pod: number): Address {
	return `10.244.${octets(pod).join('.')}` as Address;
}

export function podIpv6(pod: number): Address {
	return `fd00:244::${octets(pod)[0].toString(16)}:${octets(pod)[1].toString(16)}`.replace('::0:', '::') as Address;
}

/** A routed pod, of both families. @param pod its number, from 0 */
export function routedPlan(pod: number, more: Partial<LinkPlan> = {}): LinkPlan {
	const digits = pod.toString(16).padStart(4, '0');
	return {
		link: `fair0000000${digits}`,
		alias: `default/pod-${pod} eth0`,
		ifName: 'eth0',
		mac: `02:00:00:00:${digits.slice(0, 2)}:${digits.slice(2)}` as Mac,
		mtuBytes: 1400,
		addresses: [
			{address: podIpv4(pod), bits: 32, gateway: gateways.IPv4},
			{address: podIpv6(pod), bits: 128, gateway: gateways.IPv6},
		],
		routes: [anyIpv4, anyIpv6],
		bridge: undefined,
		bandwidth: {},
		localnet: false,
		...more,
	};
}

/** A pod on the bridge `fairbr0`, of both families. @param pod its number, from 0 to 249 */
export function bridgedPlan(pod: number, more: Partial<LinkPlan> = {}): LinkPlan {
	const [ipv4, ipv6] = ['10.245.0.1' as Address, 'fd00:245::1' as Address];
	const last = pod + 2;
	return routedPlan(pod, {
		addresses: [
			{address: `10.245.0.${last}` as Address, bits: 24, gateway: ipv4},
			{address: `fd00:245::${last.toString(16)}` as Address, bits: 64, gateway: ipv6},
		],
		bridge: {
			name: 'fairbr0',
			mtuBytes: 1400,
			addresses: [
				{address: ipv4, bits: 24},
				{address: ipv6, bits: 64},
			],
			hairpin: true,
		},
		...more,
	});
}

/** What DEL knows of what was attached by `plan`. */
export function attachmentOf({link, addresses, bridge}: LinkPlan) {
	const mode = bridge === undefined ? ('routed' as const) : ('bridge' as const);
	return {link, addresses: addresses.map(({address}) => address), mode, bridge: bridge?.name ?? ''};
}
