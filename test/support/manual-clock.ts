import {EventEmitter, once} from 'node:events';
import {setImmediate} from 'node:timers/promises';
import type {Clock} from '../../src/apiserver/clock.ts';

/** A clock for code that talks to a real socket: time goes on only when a test lets it. */
export class ManualClock implements Clock {
	readonly #timers = new Set<{readonly delayMs: number; readonly at: number; readonly callback: () => void}>();
	readonly #events = new EventEmitter();
	#now = 1_000_000;

	readonly now = () => this.#now;
	readonly turn = () => setImmediate();
	/** Every wait that is cut by chance is the shortest. */
	readonly random = () => 0;

	readonly after = (delayMs: number, callback: () => void) => {
		const timer = {delayMs, at: this.#now + delayMs, callback};
		this.#timers.add(timer);
		this.#events.emit('set');
		return () => this.#timers.delete(timer);
	};

	/** The delays that somebody waits for. */
	get delays(): readonly number[] {
		return [...this.#timers].map(({delayMs}) => delayMs);
	}

	/** Waits until somebody waits for exactly so long, and lets that time pass; what is due earlier comes first. */
	async expire(delayMs: number): Promise<void> {
		await this.#until(() => this.delays.includes(delayMs));
		const [timer] = [...this.#timers].filter((each) => each.delayMs === delayMs);
		this.elapse((timer?.at ?? this.#now) - this.#now);
	}

	/** Waits until so many have begun to wait at this very time. */
	async untilSet(count: number): Promise<void> {
		const isNew = ({at, delayMs}: {readonly at: number; readonly delayMs: number}) => at - delayMs === this.#now;
		await this.#until(() => [...this.#timers].filter(isNew).length >= count);
	}

	/** Lets all time pass that somebody waits for, one after the other, as long as nobody has to wait longer than `limitMs`. */
	async run(limitMs: number, signal: AbortSignal): Promise<void> {
		const isShort = ({delayMs}: {readonly delayMs: number}) => delayMs <= limitMs;
		while (!signal.aborted) {
			const [next] = [...this.#timers].filter(isShort).toSorted((a, b) => a.at - b.at);
			if (next === undefined) {
				await once(this.#events, 'set', {signal}).catch(() => undefined); // the end that was wanted
			} else {
				this.elapse(next.at - this.#now);
				await setImmediate();
			}
		}
	}

	/** Lets time pass. */
	elapse(ms: number): void {
		const end = this.#now + ms;
		for (const timer of [...this.#timers].filter(({at}) => at <= end).toSorted((a, b) => a.at - b.at)) {
			this.#now = Math.max(this.#now, timer.at);
			if (this.#timers.delete(timer)) {
				timer.callback();
			}
		}

		this.#now = end;
	}

	async #until(isDone: () => boolean): Promise<void> {
		while (!isDone()) {
			await once(this.#events, 'set');
		}
	}
}
