import type {Clock} from './clock.ts';

/** As client-go's, which has a bucket for each object. */
const burst = 25;
const refillMs = 10_000;

/**
 * How many events this node may send: 25 at once, then one each 10 s. One budget for all objects: what an API server
 * has to bear is a node's events times its nodes, however many Services they are about.
 */
export class EventBudget {
	readonly #clock: Clock;
	#left = burst;
	/** Up to when it was refilled, by the clock. */
	#refilledAt: number;

	constructor(clock: Clock) {
		this.#clock = clock;
		this.#refilledAt = clock.now();
	}

	/** Milliseconds until one may be sent; 0 when one may be now. */
	get waitMs(): number {
		this.#refill();
		return this.#left > 0 ? 0 : this.#refilledAt + refillMs - this.#clock.now();
	}

	/** One is sent. */
	spend(): void {
		this.#refill();
		this.#left--;
	}

	#refill(): void {
		const steps = Math.floor((this.#clock.now() - this.#refilledAt) / refillMs);
		this.#left = Math.min(burst, this.#left + steps);
		this.#refilledAt += steps * refillMs;
	}
}
