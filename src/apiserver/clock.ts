/** Time and chance, handed in so that a test decides both. */
export type Clock = {
	/** Milliseconds that only ever grow, whatever the wall clock is set to. */
	readonly now: () => number;
	/** Calls back once after a delay, unless the function it returns is called before. */
	readonly after: (delayMs: number, callback: () => void) => () => void;
	/** Lets everything else that waits have its turn of the event loop. */
	readonly turn: () => Promise<void>;
	/** A number from 0 up to but not 1. */
	readonly random: () => number;
};

export const systemClock: Clock = {
	now: () => performance.now(),
	after: (delayMs, callback) => {
		const timer = setTimeout(callback, delayMs);
		return () => clearTimeout(timer);
	},
	turn: () => new Promise((resolve) => setImmediate(resolve)),
	random: () => Math.random(),
};

/** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		if (signal.aborted || ms === 0) {
			resolve();
			return;
		}

		const done = () => {
			cancel();
			signal.removeEventListener('abort', done);
			resolve();
		};
		const cancel = clock.after(ms, done);
		signal.addEventListener('abort', done);
	});
}

/** How long one turn of the event loop may take before others have theirs. */
const turnMs = 10;

/** Shared by all who read at the same time, so that together they take no turn of the event loop longer than 10 ms. */
export class Turns {
	readonly #clock: Clock;
	#began: number;

	constructor(clock: Clock) {
		this.#clock = clock;
		this.#began = clock.now();
	}

	/** Waits for the next turn when this one is used up. */
	async next(): Promise<void> {
		if (this.#clock.now() - this.#began >= turnMs) {
			await this.#clock.turn();
			this.#began = this.#clock.now();
		}
	}
}
