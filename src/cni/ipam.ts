import type {AddressRow} from '../control/cni.ts';
import {NetError} from '../errors.ts';
import {type Address, addressBytes, type Family, familyOf, parseAddress} from '../net/address.ts';
import type {Prefix} from '../net/prefix.ts';
import {type Attachment, type AttachmentKey, attachmentKey} from './attachment.ts';
import {HostPorts} from './host-ports.ts';
import type {Journal, Resting} from './journal.ts';
import {Pool, type PoolCount} from './pool.ts';
import {familyIn, podCidrRanges, printRange, type Range} from './ranges.ts';

type IpamOptions = {
	readonly journal: Journal;
	/** Milliseconds of a clock that never goes back, and goes on when the process does not: CLOCK_MONOTONIC. */
	readonly now: () => number;
	/** Milliseconds since 1970, for people. */
	readonly wall: () => number;
	/** How long a freed address rests before another pod gets it. */
	readonly restMs: number;
};

/** An attachment before it has addresses. */
export type Draft = Omit<Attachment, 'state' | 'addresses' | 'since'>;

/** Which addresses it should get. */
export type Wanted = {
	/** These and no others, of their families. */
	readonly asked: readonly Address[];
	/** Those that pods may have; one without ranges is left out. */
	readonly families: readonly Family[];
	/** The network's own; undefined: those of the Node. */
	readonly ranges: readonly Range[] | undefined;
};

/**
 * Who has which address and host port of this node. What it says is in the journal first: after a throw of CNI_JOURNAL
 * nothing has changed, and whoever opens the journal later knows all that was answered. An address is held once on the
 * node, whatever networks there are: the node has one route to it.
 */
export class Ipam {
	readonly #options: IpamOptions;
	readonly #attachments: Map<AttachmentKey, Attachment>;
	readonly #hostPorts = new HostPorts();
	/** Freed addresses, the longest ago first. Kept here too for networks whose pool is not known yet. */
	readonly #resting: Map<Address, Resting>;
	readonly #nodePool: Pool;
	/** Addresses of pods that are not known, and run. */
	#foreign: ReadonlySet<Address> = new Set();
	/** Of networks with ranges of their own, by name. */
	readonly #pools = new Map<string, Pool>();

	/** Goes on where the journal ends. */
	constructor(options: IpamOptions) {
		const {attachments, resting, podCidrs = []} = options.journal.content;
		this.#options = options;
		this.#attachments = new Map(attachments.map((attachment) => [attachmentKey(attachment), attachment]));
		const now = options.now();
		this.#resting = new Map(resting.map((rest) => [rest.address, {...rest, freedAt: Math.min(rest.freedAt, now)}])); // a folder that outlived a reboot holds times to come
		this.#nodePool = this.#newPool(undefined, podCidrRanges(podCidrs));
		for (const attachment of attachments) {
			this.#hostPorts.hold(attachment);
		}
	}

	/**
	 * The attachment with its addresses, state `adding`: one of each wanted family that has ranges, IPv4 first.
	 *
	 * @throws NetError CNI_NOT_READY without ranges, CNI_FULL when all addresses are held, naming the ranges
	 * @throws NetError CNI_ADDRESS when one asked for is held or in no range, CNI_HOST_PORT when another pod has the port
	 * @throws NetError CNI_ATTACHED when the interface is known, CNI_JOURNAL
	 */
	reserve(draft: Draft, wanted: Wanted): Attachment {
		const key = attachmentKey(draft);
		const known = this.#attachments.get(key);
		if (known !== undefined) {
			const {state} = known;
			throw new NetError('CNI_ATTACHED', `attach ${draft.ifName} of ${draft.containerId}: it is ${state}`, {state});
		}

		const addresses = this.#choose(this.#poolOf(draft.network, wanted.ranges), wanted);
		const attachment: Attachment = {...draft, state: 'adding', addresses, since: this.#options.wall()};
		this.#hostPorts.demand(attachment);
		this.#options.journal.begin(attachment);
		this.#attachments.set(key, attachment);
		this.#hostPorts.hold(attachment);
		for (const address of addresses) {
			this.#resting.delete(address);
			this.#eachPool((pool) => pool.hold(address));
		}

		return attachment;
	}

	/** It is `attached` from now on; undefined when there is none. @throws NetError CNI_JOURNAL */
	settle(key: AttachmentKey): Attachment | undefined {
		return this.#turn(key, 'attached');
	}

	/** It is `deleting` from now on, and still has all it had; undefined when there is none. @throws NetError CNI_JOURNAL */
	beginDelete(key: AttachmentKey): Attachment | undefined {
		return this.#turn(key, 'deleting');
	}

	/** It is gone: its host ports are free, its addresses rest. Undefined when there was none. @throws NetError CNI_JOURNAL */
	release(key: AttachmentKey): Attachment | undefined {
		const attachment = this.#attachments.get(key);
		if (attachment !== undefined) {
			const {journal, now, restMs} = this.#options;
			const freedAt = now();
			journal.end(attachment, freedAt, freedAt - restMs);
			this.#attachments.delete(key);
			this.#hostPorts.release(attachment);
			for (const address of attachment.addresses) {
				this.#resting.set(address, {address, network: attachment.network, freedAt});
				this.#eachPool((pool) => pool.release(address, freedAt));
			}
		}

		return attachment;
	}

	/** The address, where it rests, may be given out at once: the row that it had. @throws NetError CNI_JOURNAL */
	wake(address: Address): AddressRow | undefined {
		this.#forgetRested();
		const rest = this.#resting.get(address);
		if (rest === undefined) {
			return undefined;
		}

		this.#options.journal.wake(address);
		this.#resting.delete(address);
		this.#eachPool((pool) => pool.wake(address));
		return this.#restingRow(rest);
	}

	/**
	 * The Node's podCIDRs, of which new pods get addresses from now on. Pods keep those that they have.
	 *
	 * @throws NetError CNI_CONFIG when they cannot be used, CNI_JOURNAL; those before then stay in force
	 */
	setPodCidrs(prefixes: readonly Prefix[]): void {
		const ranges = podCidrRanges(prefixes);
		if (!isSame(ranges, this.#nodePool.ranges)) {
			this.#options.journal.setPodCidrs(prefixes);
			this.#nodePool.setRanges(ranges);
		}
	}

	/**
	 * Keeps addresses from new pods that the node has routes to, though no attachment is known that has them: the journal
	 * was lost, and their pods run. Those of an earlier call that are not among them any more rest.
	 */
	keepOff(routed: readonly Address[]): void {
		const known = new Set(this.attachments.flatMap(({addresses}) => addresses));
		const foreign = new Set(routed.filter((address) => !known.has(address)));
		const now = this.#options.now();
		for (const address of this.#foreign) {
			if (!foreign.has(address) && !known.has(address)) {
				this.#eachPool((pool) => pool.release(address, now));
			}
		}

		for (const address of foreign) {
			this.#eachPool((pool) => pool.hold(address));
		}

		this.#foreign = foreign;
	}

	/** All that are known, in the order in which they came. */
	get attachments(): readonly Attachment[] {
		return [...this.#attachments.values()];
	}

	find(key: AttachmentKey): Attachment | undefined {
		return this.#attachments.get(key);
	}

	/** Who has the address; undefined when nobody does. */
	holderOf(address: Address): Attachment | undefined {
		return this.attachments.find(({addresses}) => addresses.includes(address));
	}

	/** Of the Node's podCIDRs; empty while they are not known. */
	get nodeRanges(): readonly Range[] {
		return this.#nodePool.ranges;
	}

	/** Of the Node's podCIDRs. */
	count(family: Family): PoolCount {
		return this.#nodePool.count(family);
	}

	/** Every address that is not free, in numeric order, IPv4 first. */
	rows(): readonly AddressRow[] {
		this.#forgetRested();
		const held = this.attachments.flatMap((attachment) => rowsOf(attachment));
		const resting = [...this.#resting.values()].map((rest) => this.#restingRow(rest));
		const keyed = [...held, ...resting].map((row) => [orderOf(row.address), row] as const);
		return keyed.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
	}

	#choose(pool: Pool, {asked, families}: Wanted): readonly Address[] {
		const wanted = pool.families.filter((family) => families.includes(family));
		if (wanted.length === 0) {
			throw new NetError('CNI_NOT_READY', `give a pod an address: there are no ${families.join(' and ')} ranges`, {
				families,
			});
		}

		for (const [index, address] of asked.entries()) {
			pool.demand(address);
			if (!wanted.includes(familyOf(address))) {
				throw new NetError('CNI_ADDRESS', `give ${address}: pods get ${wanted.join(' and ')} only`, {address});
			}

			if (asked.findIndex((other) => familyOf(other) === familyOf(address)) < index) {
				throw new NetError('CNI_ADDRESS', `give a pod a second ${familyOf(address)} address`, {address});
			}
		}

		return wanted.map((family) => asked.find((each) => familyOf(each) === family) ?? this.#next(pool, family));
	}

	#next(pool: Pool, family: Family): Address {
		const address = pool.next(family, this.#options.now());
		if (address === undefined) {
			const {size} = pool.count(family);
			const ranges = pool.ranges.filter((range) => familyIn(range) === family).map(printRange);
			const what = `give a pod an ${family} address: all ${size} of ${ranges.join(', ')} are held`;
			throw new NetError('CNI_FULL', what, {family, size, ranges});
		}

		return address;
	}

	#turn(key: AttachmentKey, state: Attachment['state']): Attachment | undefined {
		const before = this.#attachments.get(key);
		if (before === undefined || before.state === state) {
			return before;
		}

		const attachment = {...before, state, since: this.#options.wall()};
		this.#options.journal.update(attachment);
		this.#attachments.set(key, attachment);
		return attachment;
	}

	#poolOf(network: string, ranges: readonly Range[] | undefined): Pool {
		if (ranges === undefined) {
			return this.#nodePool;
		}

		const pool = this.#pools.get(network) ?? this.#newPool(network, ranges);
		this.#pools.set(network, pool);
		if (!isSame(pool.ranges, ranges)) {
			pool.setRanges(ranges);
		}

		return pool;
	}

	/** @param network undefined: the Node's; which networks shared that is not known, and all that they were given counts */
	#newPool(network: string | undefined, ranges: readonly Range[]): Pool {
		const held = [...this.attachments.flatMap(({addresses}) => addresses), ...this.#foreign];
		const resting = [...this.#resting.values()].map(({address, freedAt}) => [address, freedAt] as const);
		const given = this.#options.journal.content.last.filter(
			(last) => network === undefined || last.network === network,
		);
		return new Pool(this.#options.restMs, ranges, {held, resting, last: given.map(({address}) => address)});
	}

	#eachPool(change: (pool: Pool) => void): void {
		for (const pool of [this.#nodePool, ...this.#pools.values()]) {
			change(pool);
		}
	}

	#forgetRested(): void {
		const rested = this.#options.now() - this.#options.restMs;
		for (const {address, freedAt} of this.#resting.values()) {
			if (freedAt > rested) {
				return;
			}

			this.#resting.delete(address);
		}
	}

	#restingRow({address, network, freedAt}: Resting): AddressRow {
		const {now, wall} = this.#options;
		const since = new Date(wall() - (now() - freedAt)).toISOString();
		return {address, state: 'resting', network, containerId: '', ifName: '', pod: '', link: '', since};
	}
}

function rowsOf({addresses, state, network, containerId, ifName, pod, link, since}: Attachment): readonly AddressRow[] {
	const rest = {
		state,
		network,
		containerId,
		ifName,
		pod: pod === undefined ? '' : `${pod.namespace}/${pod.name}`,
		link,
		since: new Date(since).toISOString(),
	};
	return addresses.map((address) => ({address, ...rest}));
}

/** A text whose order is the numeric order of addresses, IPv4 first; to make the bytes anew at each comparison takes three times as long. */
function orderOf(address: string): string {
	const bytes = addressBytes(parseAddress(address));
	return (bytes.length === 4 ? '4' : '6') + Buffer.from(bytes).toString('hex');
}

function isSame(a: readonly Range[], b: readonly Range[]): boolean {
	return JSON.stringify(a) === JSON.stringify(b);
}
