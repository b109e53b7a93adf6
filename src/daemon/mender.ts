import type {Dataplane, ForeignEdit, Outcome} from '../dataplane/dataplane.ts';
import type {Logger} from '../observe/log.ts';
import type {Plan} from '../plan/plan.ts';
import {Backoff} from './backoff.ts';
import {asNetError} from './bug.ts';
import {type Clock, pause} from './clock.ts';

type MenderParts = {
	readonly dataplane: Dataplane;
	readonly log: Logger;
	readonly clock: Clock;
	/** Called when there is something to mend: whoever calls {@link Mender.mend} may be asleep. */
	readonly wake: () => void;
};

/** What was mended. Moments are the clock's milliseconds. */
export type Mended = {
	readonly plan: Plan;
	/** The first thing that another process did since the last time. */
	readonly edit: ForeignEdit;
	/** How many of them there were. */
	readonly edits: number;
	/** How often in a row it had to be mended: somebody may be fighting us. */
	readonly inARow: number;
	readonly outcome: Outcome;
	readonly startedAt: number;
	readonly endedAt: number;
};

/** So often in a row is mended at once; whoever goes on then is met with growing waits, up to the ceiling. */
export const burst = 5;
const ceilingMs = 1000;
/** A row ends when nobody changed anything for so long. */
const quietMs = 5000;
/** The longest wait before the watch is opened again where it failed. */
const watchCeilingMs = 30_000;

/**
 * Knows when what we wrote has to be mended, because another process changed it: at once, but where one does so again
 * and again never for more than half of the time.
 */
export class Mender {
	readonly #parts: MenderParts;
	readonly #backoff: Backoff;
	/** The first edit that was not mended yet. */
	#edit: ForeignEdit | undefined;
	#edits = 0;
	#inARow = 0;
	#endedAt = 0;
	#notBefore = 0;

	constructor(parts: MenderParts) {
		this.#parts = parts;
		this.#backoff = new Backoff(parts.clock, ceilingMs);
	}

	/** Hears what others do, until `signal` is aborted. Never rejects. */
	async follow(signal: AbortSignal): Promise<void> {
		const {log, clock} = this.#parts;
		const backoff = new Backoff(clock, watchCeilingMs);
		const stopped = () => signal.aborted;
		while (!stopped()) {
			const error = await this.#hear(signal, () => backoff.reset());
			if (!stopped()) {
				const waitMs = backoff.next();
				log.error('what others do to our rules is not heard', {error, retryInMs: Math.round(waitMs)});
				await pause(clock, waitMs, signal);
			}
		}
	}

	/** Milliseconds until there is something to mend; undefined when there is nothing. */
	get dueMs(): number | undefined {
		return this.#edit === undefined ? undefined : Math.max(0, this.#notBefore - this.#parts.clock.now());
	}

	/** Mends what was heard of; undefined when nothing was. @throws what Dataplane.mend does */
	async mend(plan: Plan, signal: AbortSignal): Promise<Mended | undefined> {
		const {dataplane, clock} = this.#parts;
		const [edit, edits, startedAt] = [this.#edit, this.#edits, clock.now()];
		if (edit === undefined) {
			return undefined;
		}

		[this.#edit, this.#edits] = [undefined, 0];
		if (startedAt - this.#endedAt > quietMs) {
			this.#inARow = 0;
			this.#backoff.reset();
		}

		this.#inARow++;
		try {
			const outcome = await dataplane.mend(plan, signal);
			return {plan, edit, edits, inARow: this.#inARow, outcome, startedAt, endedAt: clock.now()};
		} finally {
			this.#endedAt = clock.now();
			const waitMs = this.#inARow < burst ? 0 : Math.max(this.#backoff.next(), this.#endedAt - startedAt);
			this.#notBefore = this.#endedAt + waitMs;
		}
	}

	/** Why nothing more can be heard. */
	async #hear(signal: AbortSignal, heard: () => void): Promise<unknown> {
		const {dataplane, wake} = this.#parts;
		try {
			for await (const edit of dataplane.watch(signal)) {
				if (edit.by !== undefined) {
					heard(); // what was missed is told by a watch that may hear nothing
				}

				this.#edit ??= edit;
				this.#edits++;
				wake();
			}
		} catch (caught) {
			return asNetError(caught, 'hear what other processes do to our rules');
		}

		return undefined;
	}
}
