import type {Address} from '../net/address.ts';
import {addressAt, offsetIn, type Range} from './ranges.ts';

/** One range as a bitmap: a bit that is set stands for an address that cannot be given out. 32 bits are seen at once. */
export class Block {
	readonly range: Range;
	readonly #words: Uint32Array;
	#free: number;

	constructor(range: Range) {
		this.range = range;
		this.#words = new Uint32Array(Math.ceil(range.count / 32));
		this.#free = this.#words.length * 32;
		for (let bit = range.count; bit < this.#words.length * 32; bit++) {
			this.#set(bit);
		}

		for (const address of range.reserved) {
			this.block(address);
		}
	}

	/** How many addresses can be given out. */
	get free(): number {
		return this.#free;
	}

	/** The next free address at `offset` or behind it; undefined where all of them are blocked. */
	freeFrom(offset: number): Address | undefined {
		const start = offset >>> 5;
		for (let index = start; this.#free > 0 && index < this.#words.length; index++) {
			const before = index === start ? 2 ** (offset & 31) - 1 : 0; // bits of this word that lie before `offset`
			const free = ~((this.#words[index] ?? 0) | before);
			if (free !== 0) {
				return addressAt(this.range, index * 32 + 31 - Math.clz32(free & -free));
			}
		}

		return undefined;
	}

	/** The address can no longer be given out. One outside changes nothing. */
	block(address: Address): void {
		const offset = offsetIn(this.range, address);
		if (offset !== undefined) {
			this.#set(offset);
		}
	}

	/** The address can be given out again, unless it is reserved or outside. */
	unblock(address: Address): void {
		const offset = offsetIn(this.range, address);
		if (offset !== undefined && this.#isSet(offset) && !this.range.reserved.includes(address)) {
			this.#words[offset >>> 5] = (this.#words[offset >>> 5] ?? 0) & ~(1 << (offset & 31));
			this.#free++;
		}
	}

	/** Whether pods may have it, now or when it is free. */
	has(address: Address): boolean {
		return offsetIn(this.range, address) !== undefined && !this.range.reserved.includes(address);
	}

	#isSet(offset: number): boolean {
		return ((this.#words[offset >>> 5] ?? 0) & (1 << (offset & 31))) !== 0;
	}

	#set(offset: number): void {
		if (!this.#isSet(offset)) {
			this.#words[offset >>> 5] = (this.#words[offset >>> 5] ?? 0) | (1 << (offset & 31));
			this.#free--;
		}
	}
}
