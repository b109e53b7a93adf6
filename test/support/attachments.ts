import type {Attachment} from '../../src/cni/attachment.ts';
import type {Draft} from '../../src/cni/ipam.ts';
import {parseAddress} from '../../src/net/address.ts';
import {parseMac} from '../../src/net/mac.ts';

/** `eth0` of container `c1`, of pod shop/web-1, but for what a test says. */
export function buildDraft(more: Partial<Draft> = {}): Draft {
	const containerId = more.containerId ?? 'c1';
	return {
		network: 'pods',
		containerId,
		ifName: 'eth0',
		pod: {namespace: 'shop', name: 'web-1', uid: 'u1'},
		netns: `/run/netns/${containerId}`,
		netnsInode: 4_026_532_001,
		link: `fair${containerId}`,
		mac: parseMac('02:00:00:00:00:01'),
		mode: 'routed',
		bridge: '',
		mtuBytes: 1500,
		hostPorts: [],
		bandwidth: {},
		...more,
	};
}

/** The same, attached with these addresses. */
export function buildAttachment(
	more: Partial<Omit<Attachment, 'addresses'>> = {},
	...addresses: readonly string[]
): Attachment {
	const {state = 'attached', since = Date.UTC(2026, 10, 28), ...draft} = more;
	return {...buildDraft(draft), state, since, addresses: addresses.map(parseAddress)};
}
