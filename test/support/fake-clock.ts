import {setImmediate} from 'node:timers/promises';
import type {Clock} from '../../src/daemon/clock.ts';

/** A clock that stands still until it is told to go on. Chance always says the same. */
export class FakeClock implements Clock {
	readonly #timers = new Set<{readonly at: number; readonly callback: () => void}>();
	#now = 1_000_000;
	#wallAheadMs = 0;
	readonly #chance: number;

	constructor(chance = 0) {
		this.#chance = chance;
	}

	now(): number {
		return this.#now;
	}

	wall(): number {
		return this.#now + this.#wallAheadMs;
	}

	/** What an operator, or NTP, does to the wall clock; time goes on as before. */
	setWallAhead(ms: number): void {
		this.#wallAheadMs = ms;
	}

	random(): number {
		return this.#chance;
	}

	turn(): Promise<void> {
		return setImmediate();
	}

	after(ms: number, callback: () => void): () => void {
		const timer = {at: this.#now + ms, callback};
		this.#timers.add(timer);
		return () => this.#timers.delete(timer);
	}

	/** How many timers are set: an idle daemon may set none. */
	get timers(): number {
		return this.#timers.size;
	}

	/** Lets everything happen that needs no time. */
	async settle(): Promise<void> {
		for (let turn = 0; turn < 5; turn++) {
			await setImmediate();
		}
	}

	/** Goes on by `ms`, and lets everything happen that is due by then. */
	async advance(ms: number): Promise<void> {
		await this.settle();
		const end = this.#now + ms;
		for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
			this.#now = next.at;
			this.#timers.delete(next);
			next.callback();
			await this.settle();
		}

		this.#now = end;
		await this.settle();
	}

	#next(end: number) {
		return [...this.#timers].filter(({at}) => at <= end).toSorted((a, b) => a.at - b.at)[0];
	}
}
