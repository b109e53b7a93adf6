/** Time, passed in: `after` calls back once after a delay, unless the function it returns is called before. */
export type Clock = {
	/** Milliseconds that only ever grow. */
	readonly now: () => number;
	/** Milliseconds since 1970, as files are stamped with. */
	readonly wall: () => number;
	readonly after: (delayMs: number, callback: () => void) => () => void;
};

export const systemClock: Clock = {
	now: () => performance.now(),
	wall: () => Date.now(),
	after: (delayMs, callback) => {
		const timer = setTimeout(callback, delayMs);
		return () => clearTimeout(timer);
	},
};
