import {NetError} from '../errors.ts';
import {type Address, type Family, families, familyOf} from '../net/address.ts';
import {Block} from './block.ts';
import {familyIn, offsetIn, printRange, type Range} from './ranges.ts';

/** What a pool begins with. */
export type PoolState = {
	/** Addresses that somebody has; outside the ranges too. */
	readonly held: Iterable<Address>;
	/** When each of these was freed, in milliseconds of the clock that the pool is told; the longest ago first. */
	readonly resting: Iterable<readonly [Address, number]>;
	/** The address of each family that was given out last. */
	readonly last: readonly Address[];
};

/** How many addresses of one family there are, and how many of them are neither held nor resting. */
export type PoolCount = {readonly size: number; readonly free: number};

const nothing: PoolState = {held: [], resting: [], last: []};

/**
 * Which address the next pod gets. Addresses go round from the last one that was given out, and rest before they are
 * given out again; where no other is free, the one that rested longest is taken at once, for a pod that runs is worth
 * more than a rest. The cost does not grow with the pods: whole words of a bitmap are looked at, never addresses.
 */
export class Pool {
	readonly #restMs: number;
	#blocks: readonly Block[] = [];
	readonly #held: Set<Address>;
	/** In order of the time at which they were freed. */
	readonly #resting: Map<Address, number>;
	readonly #last = new Map<Family, Address>();

	/** @param restMs how long an address rests; 0 is not at all */
	constructor(restMs: number, ranges: readonly Range[], {held, resting, last}: PoolState = nothing) {
		this.#restMs = restMs;
		this.#held = new Set(held);
		this.#resting = new Map(resting);
		this.setRanges(ranges);
		for (const address of last) {
			this.#goOnBehind(address);
		}
	}

	/** Addresses come from these from now on. Those in use elsewhere stay in use, and are not given out again. */
	setRanges(ranges: readonly Range[]): void {
		this.#blocks = ranges.map((range) => new Block(range));
		for (const address of [...this.#held, ...this.#resting.keys()]) {
			this.#each((block) => block.block(address));
		}
	}

	get ranges(): readonly Range[] {
		return this.#blocks.map(({range}) => range);
	}

	/** Families that have ranges, IPv4 first. */
	get families(): readonly Family[] {
		return families.filter((family) => this.#of(family).length > 0);
	}

	/**
	 * The address that comes next, which is then to be {@link hold held}; undefined when all are held.
	 *
	 * @param now milliseconds of a clock that never goes back
	 */
	next(family: Family, now: number): Address | undefined {
		this.#wake(now);
		return this.#nextFree(family) ?? this.#longestRested(family);
	}

	/**
	 * Whether `address` can be given to who asks for it. One that rests can: it is asked for by who had it.
	 *
	 * @throws NetError CNI_ADDRESS when somebody has it, or it is in no range
	 */
	demand(address: Address): void {
		if (this.#held.has(address)) {
			throw new NetError('CNI_ADDRESS', `give ${address} to a second pod`, {address});
		}

		if (!this.#blocks.some((block) => block.has(address))) {
			const ranges = this.ranges.map(printRange).join(', ');
			throw new NetError('CNI_ADDRESS', `give ${address}: this node has ${ranges || 'no ranges'}`, {address, ranges});
		}
	}

	/** Somebody has the address from now on, wherever it is from. Those of the ranges go on behind it. */
	hold(address: Address): void {
		this.#resting.delete(address);
		this.#held.add(address);
		this.#each((block) => block.block(address));
		this.#goOnBehind(address);
	}

	/** Nobody has the address any more; it rests from `now` on. One that nobody had stays as it is. */
	release(address: Address, now: number): void {
		if (this.#held.delete(address)) {
			this.#resting.set(address, now);
			this.#wake(now);
		}
	}

	/** An address that rests may be given out at once. */
	wake(address: Address): void {
		if (this.#resting.delete(address)) {
			this.#each((block) => block.unblock(address));
		}
	}

	count(family: Family): PoolCount {
		const blocks = this.#of(family);
		const size = blocks.reduce((sum, {range}) => sum + range.count - range.reserved.length, 0);
		return {size, free: blocks.reduce((sum, {free}) => sum + free, 0)};
	}

	/** What is outside the ranges is another network's, or of podCIDRs that were. */
	#goOnBehind(address: Address): void {
		if (this.#blocks.some((block) => block.has(address))) {
			this.#last.set(familyOf(address), address);
		}
	}

	#of(family: Family): readonly Block[] {
		return this.#blocks.filter(({range}) => familyIn(range) === family);
	}

	#each(change: (block: Block) => void): void {
		for (const block of this.#blocks) {
			change(block);
		}
	}

	/** Those who rested long enough are free. They lie in front, so that only they are looked at. */
	#wake(now: number): void {
		for (const [address, freedAt] of this.#resting) {
			if (now - freedAt < this.#restMs) {
				return;
			}

			this.wake(address);
		}
	}

	/** Round from the last one: what lies behind it, the other blocks in turn, what lies before it. */
	#nextFree(family: Family): Address | undefined {
		const blocks = this.#of(family);
		const last = this.#last.get(family);
		const at = blocks.findIndex(({range}) => last !== undefined && offsetIn(range, last) !== undefined);
		const current = blocks[at];
		if (current === undefined || last === undefined) {
			return firstFree(blocks);
		}

		const behind = current.freeFrom((offsetIn(current.range, last) ?? 0) + 1);
		return behind ?? firstFree([...blocks.slice(at + 1), ...blocks.slice(0, at + 1)]);
	}

	#longestRested(family: Family): Address | undefined {
		const blocks = this.#of(family);
		for (const address of this.#resting.keys()) {
			if (blocks.some((block) => block.has(address))) {
				return address;
			}
		}

		return undefined;
	}
}

function firstFree(blocks: readonly Block[]): Address | undefined {
	for (const block of blocks) {
		const address = block.freeFrom(0);
		if (address !== undefined) {
			return address;
		}
	}

	return undefined;
}
