/** Bookmarks that follow each other so closely are a habit of this API server. Source: 60 s, by chance up to 75 s. */
const habitMs = 80_000;

/** With that habit, one that is silent for longer is not there any more. */
const silenceMs = 100_000;

/** An API server's timer is not more exact than this. */
const graceMs = 10_000;

/**
 * How long a watch may say nothing. The API server promises only to end it in time. Most write a bookmark each minute
 * too (k8s.io/apiserver cacher.go, defaultBookmarkFrequency), but only when etcd's version has moved and etcd says so
 * (--watch-progress-notify-interval), which it may do only every ten minutes: where bookmarks come, they are relied on.
 */
export class Pulse {
	readonly #now: () => number;
	readonly #endsAt: number;
	#lastAt: number | undefined;
	#isRegular = false;

	/** @param watchMs how long the watch was asked for, from now on */
	constructor(now: () => number, watchMs: number) {
		this.#now = now;
		this.#endsAt = now() + watchMs;
	}

	/** A bookmark came. */
	beat(): void {
		const now = this.#now();
		this.#isRegular = this.#lastAt !== undefined && now - this.#lastAt <= habitMs;
		this.#lastAt = now;
	}

	/** Milliseconds from now on. */
	get limitMs(): number {
		const untilEndMs = Math.max(this.#endsAt - this.#now(), 0) + graceMs;
		return this.#isRegular ? Math.min(silenceMs, untilEndMs) : untilEndMs;
	}
}
