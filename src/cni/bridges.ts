import {NetError} from '../errors.ts';
import type {Rtnetlink} from '../kernel/route.ts';
import {bridgeAddressRequests, bridgeLocalnetRequest, bridgeRequests} from './bridge.ts';
import type {BridgePlan} from './link-plan.ts';
import {addressesOf, findLink, type Link, linkAmong, runAll} from './link-reading.ts';

/** The bridges of a node, made when the first pod of one comes. */
export class Bridges {
	readonly #node: Rtnetlink;
	readonly #ipv6: boolean;
	/** What was found right of bridges, by index: the addresses of a node are many, and read for the first pod only. */
	readonly #right = new Map<number, string>();

	/** @param ipv6 whether this kernel has IPv6 at all */
	constructor(node: Rtnetlink, ipv6: boolean) {
		this.#node = node;
		this.#ipv6 = ipv6;
	}

	/**
	 * Index of the bridge, which is made where nothing has its name.
	 *
	 * @param localnet whether packets from 127.0.0.1 may go out by it
	 * @throws NetError CNI_KERNEL when something else has its name, or it lacks an address
	 */
	indexOf(plan: BridgePlan, localnet: boolean): number {
		const link = findLink(this.#node, {name: plan.name}) ?? this.#make(plan);
		const key = [localnet, ...printed(plan.addresses)].join(' ');
		if (this.#right.get(link.index) !== key) {
			this.#check(plan, link);
			runAll(this.#node, localnet ? [bridgeLocalnetRequest(plan, link.index)] : []);
			this.#right.set(link.index, key);
		}

		return link.index;
	}

	#check({name, addresses}: BridgePlan, {index, info}: Link): void {
		if (info?.kind !== 'bridge') {
			const found = info?.kind ?? 'no bridge';
			throw new NetError('CNI_KERNEL', `use ${name} as a bridge: it is ${found}`, {name, found});
		}

		const found = printed(addressesOf(this.#node, index));
		const missing = printed(addresses).filter((each) => !found.includes(each));
		if (missing.length > 0) {
			const what = `use the bridge ${name}: it has ${found.join(', ') || 'no address'}, not ${missing.join(', ')}`;
			throw new NetError('CNI_KERNEL', what, {found, missing});
		}
	}

	#make(plan: BridgePlan): Link {
		const link = linkAmong(runAll(this.#node, bridgeRequests(plan)).answers);
		if (link === undefined) {
			throw new NetError('CNI_KERNEL', `find the bridge ${plan.name}`);
		}

		runAll(this.#node, bridgeAddressRequests(plan, link.index, this.#ipv6));
		return link;
	}
}

function printed(addresses: BridgePlan['addresses']): string[] {
	return addresses.map(({address, bits}) => `${address}/${bits}`);
}
