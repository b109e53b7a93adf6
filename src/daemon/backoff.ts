import type {Clock} from './clock.ts';

/** Wait before the first retry. */
const firstMs = 100;

/**
 * How long to wait before something that failed is tried again: 0.1 s, 0.2 s, 0.4 s … up to the ceiling, each cut
 * by chance to between a half and the whole, so that a thousand nodes do not come back in the same instant.
 */
export class Backoff {
	readonly #clock: Clock;
	readonly #ceilingMs: () => number;
	#failures = 0;

	/** @param ceilingMs a function where it may change meanwhile */
	constructor(clock: Clock, ceilingMs: number | (() => number)) {
		this.#clock = clock;
		this.#ceilingMs = typeof ceilingMs === 'number' ? () => ceilingMs : ceilingMs;
	}

	/** Milliseconds to wait after one more failure. */
	next(): number {
		const whole = Math.min(this.#ceilingMs(), firstMs * 2 ** Math.min(this.#failures, 30));
		this.#failures++;
		return whole * (0.5 + this.#clock.random() / 2);
	}

	/** After a success: the next failure waits the shortest time again. */
	reset(): void {
		this.#failures = 0;
	}
}
