/** Time and chance, handed in so that a test decides both. */
export type Clock = {
	/** Milliseconds since a fixed moment; never goes back. */
	now(): number;
	/** Milliseconds since 1970, for people: it follows the wall clock wherever that is set. */
	wall(): number;
	/** Calls `callback` once after `ms`; the function it returns calls that off. */
	after(ms: number, callback: () => void): () => void;
	/** Lets everything else that waits have its turn of the event loop. */
	turn(): Promise<void>;
	/** A number from 0 up to but not 1. */
	random(): number;
};

export const systemClock: Clock = {
	now: () => performance.now(),
	wall: () => Date.now(),
	after(ms, callback) {
		const timer = setTimeout(callback, ms);
		return () => clearTimeout(timer);
	},
	turn: () => new Promise((resolve) => setImmediate(resolve)),
	random: () => Math.random(),
};

/** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		if (signal.aborted) {
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

/** How long one turn of the event loop may take before others have theirs: watchdogs, health answers, signals. */
const turnMs = 10;

/** Calls `step` until it says that nothing is left to do, in turns of about 10 ms. Does not wait where one turn is enough. */
export async function inTurns(clock: Clock, step: () => boolean): Promise<void> {
	let began = clock.now();
	while (step()) {
		if (clock.now() - began >= turnMs) {
			await clock.turn();
			began = clock.now();
		}
	}
}

/** The shorter of two waits; undefined is one without end. */
export function sooner(a: number | undefined, b: number | undefined): number | undefined {
	return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
