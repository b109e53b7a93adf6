import type {Clock} from './clock.ts';

/** As client-go's reflector: 0.8 s doubled up to 30 s. */
const firstMs = 1000;
const ceilingMs = 30_000;

/**
 * How long to wait before something that failed is tried again: 1 s, 2 s, 4 s … up to 30 s, each cut by chance to
 * between a half and the whole, so that a thousand nodes do not come back in the same instant.
 */
export class Backoff {
	readonly #clock: Clock;
	#failures = 0;
	#lastMs = 0;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Milliseconds to wait after one more failure: never less than the API server asked for, and not all at once then. */
	next(retryAfterMs = 0): number {
		const whole = Math.min(ceilingMs, firstMs * 2 ** Math.min(this.#failures, 30));
		this.#failures++;
		this.#lastMs = Math.max(whole * (0.5 + this.#clock.random() / 2), retryAfterMs * (1 + this.#clock.random() / 2));
		return this.#lastMs;
	}

	/** The last wait that was asked for. Milliseconds. */
	get lastMs(): number {
		return this.#lastMs;
	}

	/** After a success: the next failure waits the shortest time again. */
	reset(): void {
		this.#failures = 0;
	}
}
