import type {Clock} from './clock.ts';

/** A burst may last so many times longer than it takes to settle; a file that never rests holds nobody up. */
const patience = 10;

type Touch = {readonly firstAt: number; readonly lastAt: number};

/**
 * Gathers touched paths and gives them out once the burst is over: an editor writes a file in several steps, a
 * rename over a file deletes it first, `git checkout` moves objects from one file to another.
 */
export class Quiet {
	readonly #settleMs: number;
	readonly #clock: Clock;
	readonly #signal: AbortSignal;
	readonly #touches = new Map<string, Touch>();
	#wasTooLong = false;
	#wake = () => {};
	#cancel: (() => void) | undefined;

	constructor(settleMs: number, clock: Clock, signal: AbortSignal) {
		this.#settleMs = settleMs;
		this.#clock = clock;
		this.#signal = signal;
		signal.addEventListener('abort', () => this.#wake(), {once: true});
	}

	/**
	 * Whether a burst goes on: what was given out may be only a part of a larger change. Paths that rest by now but
	 * were not asked for yet, because reading others took long, count as part of it; those that never rest do not.
	 */
	get isBusy(): boolean {
		const now = this.#clock.now();
		return [...this.#touches.values()].some(
			({firstAt, lastAt}) => now - firstAt < this.#settleMs * patience || now - lastAt >= this.#settleMs,
		);
	}

	touch(path: string): void {
		const now = this.#clock.now();
		this.#touches.set(path, {firstAt: this.#touches.get(path)?.firstAt ?? now, lastAt: now});
		this.#schedule(this.#settleMs);
	}

	/**
	 * Paths that are quiet now: it waits for one. None when the signal is aborted, and once when all that is left of a
	 * burst will not rest: whoever waited for its end waits no longer.
	 */
	async next(): Promise<ReadonlySet<string>> {
		while (!this.#signal.aborted) {
			const quiet = this.#take();
			const isTooLong = this.#touches.size > 0 && !this.isBusy;
			if (quiet.size > 0 || (isTooLong && !this.#wasTooLong)) {
				this.#wasTooLong = isTooLong;
				return quiet;
			}

			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}

		this.#cancel?.();
		return new Set();
	}

	#take(): Set<string> {
		let [first, last] = [Number.POSITIVE_INFINITY, 0];
		for (const {firstAt, lastAt} of this.#touches.values()) {
			[first, last] = [Math.min(first, firstAt), Math.max(last, lastAt)];
		}

		const now = this.#clock.now();
		const dueAt = Math.min(last + this.#settleMs, first + this.#settleMs * patience);
		const quiet = new Set<string>();
		for (const [path, {lastAt}] of this.#touches) {
			if (now >= dueAt && now - lastAt >= this.#settleMs) {
				quiet.add(path);
				this.#touches.delete(path);
			}
		}

		if (this.#touches.size > 0) {
			this.#schedule(now < dueAt ? dueAt - now : this.#settleMs);
		}

		return quiet;
	}

	/** One timer for all paths: when it fires, they are looked through, and it is set again for those that are left. */
	#schedule(delayMs: number): void {
		this.#cancel ??= this.#clock.after(Math.max(1, delayMs), () => {
			this.#cancel = undefined;
			this.#wake();
		});
	}
}
