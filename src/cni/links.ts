import {existsSync} from 'node:fs';
import type {After} from '../control/connection.ts';
import {NetError} from '../errors.ts';
import type {Netns} from '../kernel/netns.ts';
import {type RouteOutcome, Rtnetlink} from '../kernel/route.ts';
import {type Address, familyOf} from '../net/address.ts';
import {operUp} from '../wire/link.ts';
import type {Attachment} from './attachment.ts';
import {Bridges} from './bridges.ts';
import {differences} from './check.ts';
import {type LinkPlan, linkPrefix, type PodLinks} from './link-plan.ts';
import {
	allLinks,
	findLink,
	type Link,
	linkAmong,
	linksAmong,
	ownRoutes,
	refusedRequest,
	runAll,
} from './link-reading.ts';
import {LinkRemoval} from './link-removal.ts';
import {readLink} from './link-requests.ts';
import {
	detachRequests,
	markForRemoval,
	nodeEndRequests,
	nodeRouteRequests,
	pairRequests,
	removalGroup,
	removalMark,
} from './node-end.ts';
import {nodeMtu} from './node-mtu.ts';
import {podRequests} from './pod-end.ts';
import {asVanished, descriptorOf, openPod, refuseRouters, switchIpv6On} from './pod-netns.ts';
import {linkOfShaper, redirectRequests, shaperName, shaperRequests, shapesOf, tokenBucketRequest} from './shaping.ts';

type Options = {
	/** The node's namespace; that of this process unless told. */
	readonly netns?: Netns | undefined;
	readonly after: After;
};

/** What a kernel without IPv6 does not have. */
const ipv6Settings = '/proc/sys/net/ipv6';

/** How often a link that is not yet up is asked for, a millisecond apart. */
const upAttempts = 100;

/** Links of pods, made and removed by netlink. What a call changes it changes in its own turn of the event loop. */
export class KernelLinks implements PodLinks {
	readonly #node: Rtnetlink;
	readonly #removal: LinkRemoval;
	readonly #after: After;
	readonly #ipv6 = existsSync(ipv6Settings);
	readonly #bridges: Bridges;

	/** Removes what an earlier process marked and did not come to remove. */
	constructor({netns, after}: Options) {
		this.#node = new Rtnetlink({netns});
		this.#bridges = new Bridges(this.#node, this.#ipv6);
		this.#after = after;
		this.#removal = new LinkRemoval(netns, after);
		this.#removal.soon();
	}

	async attach(plan: LinkPlan, netns: Netns): Promise<void> {
		if (plan.bandwidth.egressRate !== undefined && findLink(this.#node, {name: shaperName(plan.link)})) {
			await this.#undo(plan.link);
		}

		const pair = this.#makePair(plan, netns) ?? (await this.#makePairAgain(plan, netns));
		try {
			const {index, peer = 0} = pair;
			runAll(this.#node, nodeEndRequests(plan, index, this.#ipv6));
			this.#shape(plan, index);
			this.#configurePod(plan, peer, netns);
			const last = [...nodeRouteRequests(plan, index), readLink({index})];
			await this.#up(linkAmong(runAll(this.#node, last).answers), index);
		} catch (error) {
			await this.#undo(plan.link);
			throw asVanished(error, netns);
		}
	}

	async detach({link, addresses, mode}: Pick<Attachment, 'link' | 'addresses' | 'mode' | 'bridge'>): Promise<void> {
		const names = [readLink({name: link}), readLink({name: shaperName(link)})];
		const own = linksAmong(this.#node.run(names).answers).filter(({info}) =>
			['veth', 'ifb'].includes(info?.kind ?? ''),
		);
		const requests = own.flatMap(({index, name}) =>
			name === link ? detachRequests({addresses, mode}, index) : [markForRemoval(index)],
		);
		if (requests.length > 0) {
			this.#removal.soon();
			// what else is refused is gone, or no more what was made, and goes with the link
			const {refusals} = this.#node.run(requests);
			const refusal = refusals.find(({what, errno}) => what === removalMark && errno !== 'ENODEV');
			if (refusal !== undefined) {
				throw refusedRequest(refusal);
			}
		}
	}

	async check(plan: LinkPlan, netns: Netns): Promise<readonly string[]> {
		using pod = openPod(netns);
		return differences(plan, this.#node, pod);
	}

	async present(): Promise<ReadonlySet<string>> {
		return this.#names(() => true);
	}

	async idle(): Promise<ReadonlySet<string>> {
		const carrying = this.#names(({operState}) => operState === operUp);
		return (await this.present()).difference(carrying);
	}

	routed(): readonly Address[] {
		return ownRoutes(this.#node);
	}

	#names(isMeant: (link: Link) => boolean): ReadonlySet<string> {
		const links = allLinks(this.#node).filter((link) => link.group !== removalGroup && isMeant(link));
		return new Set(
			links.flatMap(({name = '', info}) => {
				const shaped = linkOfShaper(name);
				const isShaper = info?.kind === 'ifb' && shaperName(shaped) === name;
				const isNodeEnd = info?.kind === 'veth' && name.startsWith(linkPrefix);
				return isShaper ? [shaped] : isNodeEnd ? [name] : [];
			}),
		);
	}

	async settled(): Promise<void> {
		await this.#removal.settled();
	}

	nodeMtu(nodeAddresses: readonly Address[]): number {
		return nodeMtu(this.#node, nodeAddresses);
	}

	close(): void {
		this.#removal.close();
		this.#node.close();
	}

	/** Undefined when a link of this name is left over from an ADD that nobody finished. */
	#makePair(plan: LinkPlan, netns: Netns): Link | undefined {
		const master = plan.bridge === undefined ? 0 : this.#bridges.indexOf(plan.bridge, plan.localnet);
		const outcome = this.#node.run(pairRequests(plan, descriptorOf(netns), master));
		const [refusal] = outcome.refusals;
		const link = linkAmong(outcome.answers);
		if (refusal === undefined && link !== undefined) {
			return link;
		}

		if (refusal?.errno !== 'EEXIST') {
			throw refusal === undefined ? new NetError('CNI_KERNEL', `find ${plan.link}`) : refusedPair(refusal, netns);
		}

		if (link?.info?.kind === 'veth') {
			return undefined;
		}

		const {ifName} = plan;
		throw link === undefined
			? new NetError('CNI_INTERFACE', `make ${ifName} in "${netns.path}": it is there already`, {ifName})
			: refusedRequest(refusal);
	}

	async #makePairAgain(plan: LinkPlan, netns: Netns): Promise<Link> {
		await this.#undo(plan.link);
		const pair = this.#makePair(plan, netns);
		if (pair === undefined) {
			throw new NetError('CNI_KERNEL', `remove the link ${plan.link} that was left over`, {link: plan.link});
		}

		return pair;
	}

	#shape({link, bandwidth, mtuBytes}: LinkPlan, index: number): void {
		const {ingress, egress} = shapesOf(bandwidth, mtuBytes);
		if (ingress !== undefined) {
			runAll(this.#node, [tokenBucketRequest(ingress, index)]);
		}

		if (egress !== undefined) {
			const shaper = linkAmong(runAll(this.#node, shaperRequests(link, mtuBytes)).answers)?.index ?? 0;
			runAll(this.#node, [tokenBucketRequest(egress, shaper), ...redirectRequests(index, shaper)]);
		}
	}

	/** IPv6 is switched on in the pod where it is off: an address of it was planned. */
	#configurePod(plan: LinkPlan, index: number, netns: Netns): void {
		using pod = openPod(netns);
		if (plan.addresses.some(({address}) => familyOf(address) === 'IPv6')) {
			refuseRouters(plan.ifName, netns);
		}

		const requests = podRequests(plan, index, this.#ipv6);
		const outcome: RouteOutcome = pod.run(requests);
		const [first] = outcome.refusals;
		if (first?.errno === 'EACCES') {
			switchIpv6On(netns);
			runAll(pod, requests);
		} else if (first !== undefined) {
			throw refusedRequest(first);
		}
	}

	/**
	 * Resolves when the node's end takes packets. The kernel says so of itself a moment after the pod's end is up; since
	 * 6.10 asking makes it do so. Source: net/core/rtnetlink.c, rtnl_getlink, linkwatch_sync_dev
	 */
	async #up(first: Link | undefined, index: number): Promise<void> {
		let link = first;
		for (let attempt = 0; link !== undefined && link.operState !== operUp && attempt < upAttempts; attempt++) {
			await new Promise<void>((resolve) => void this.#after(1, resolve));
			link = findLink(this.#node, {index});
		}

		if (link?.operState !== operUp) {
			throw new NetError('CNI_KERNEL', 'bring the link up', {state: link?.operState});
		}
	}

	async #undo(link: string): Promise<void> {
		await this.detach({link, addresses: [], mode: 'routed', bridge: ''});
		await this.settled().catch(() => undefined); // why it is undone says more
	}
}

function refusedPair(refusal: RouteOutcome['refusals'][number], {path}: Netns): NetError {
	const isNamespace = refusal.errno === 'EINVAL' && refusal.text === undefined;
	const gone = ['EBADF', 'ENOENT', 'ESRCH'].includes(refusal.errno) || isNamespace;
	return gone ? new NetError('CNI_NETNS', `${refusal.what}: ${refusal.errno}`, {path}) : refusedRequest(refusal);
}
