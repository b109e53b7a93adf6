import {FlowLedger} from '../conntrack/ledger.ts';
import {type FlowDoor, FlowSweeper, type Swept} from '../conntrack/sweep.ts';
import {type Family, families, familyOf} from '../net/address.ts';
import type {Logger} from '../observe/log.ts';
import type {StaleFlows} from '../plan/plan.ts';
import {Backoff} from './backoff.ts';
import {asNetError} from './bug.ts';
import {type Clock, pause} from './clock.ts';
import type {Commit, Follower} from './follower.ts';
import type {Mended} from './mender.ts';

/** One look through connection tracking for the stale flows of one family. */
export type FlowPass = {
	readonly family: Family;
	/** Flows that were deleted, and those that the kernel told of to find them. */
	readonly deleted: number;
	readonly walked: number;
	readonly durationMs: number;
};

export type FlowFollowerParts = {
	readonly door: FlowDoor;
	readonly log: Logger;
	readonly clock: Clock;
	/** The longest wait before a pass that failed is tried again. */
	readonly retryCeilingMs: () => number;
	/** Told of each pass that came to its end. */
	readonly observe?: (pass: FlowPass) => void;
};

/** Behind a pass nothing is done for so many times as long as it took: at most a fifth of one core goes into passes. */
const restFactor = 4;
/** So many frontends are named in a line of the log. */
const mostNamed = 10;

/**
 * Deletes the UDP flows that commits made stale, behind them and beside them: no commit waits for it or fails with it.
 * One pass at a time; what commits say meanwhile goes with the next one, the last word on each frontend. The first
 * pass of a quiet time begins at once. What a pass that failed should have done is done by a later one, and what the
 * process left undone by the first of the next process, which is told of every frontend.
 */
export class FlowFollower implements Follower {
	readonly #parts: FlowFollowerParts;
	readonly #ledger = new FlowLedger();
	readonly #sweeper: FlowSweeper;
	readonly #backoff: Backoff;
	/** Resolved when frontends are to be looked at. */
	#called = Promise.withResolvers<void>();
	/** Resolved when none is, of all commits so far. */
	#rested: PromiseWithResolvers<void> | undefined;
	#notBefore = 0;
	/** What the last pass failed with, as it was logged. */
	#failure: string | undefined;

	constructor(parts: FlowFollowerParts) {
		this.#parts = parts;
		this.#sweeper = new FlowSweeper(parts.door, (key) => this.#ledger.servingOf(key));
		this.#backoff = new Backoff(parts.clock, parts.retryCeilingMs);
	}

	committed({staleFlows, change, first, outcome, plan}: Commit): void {
		for (const flows of staleFlows) {
			this.#ledger.tell(flows);
		}

		const isCompared = change === undefined || outcome.compared === true;
		if (isCompared && !first && outcome.operations > 0) {
			this.#ledger.doubt(plan.frontends.values()); // everything was compared, and something was found to mend
		}

		this.#call();
	}

	mended({plan, outcome}: Mended): void {
		if (outcome.operations > 0) {
			this.#ledger.doubt(plan.frontends.values());
			this.#call();
		}
	}

	/** Resolves once no flow is left that a commit up to now made stale; or with the end of {@link run}. */
	async idle(): Promise<void> {
		await this.#rested?.promise;
	}

	/**
	 * Runs until `stop` is aborted, and then finishes the pass at work. Never rejects.
	 *
	 * @param force gives that pass up too
	 */
	async run(stop: AbortSignal, force: AbortSignal): Promise<void> {
		const {clock} = this.#parts;
		const stopped = () => stop.aborted;
		const end = () => this.#called.resolve();
		stop.addEventListener('abort', end);
		while (!stopped()) {
			await this.#called.promise;
			await clock.turn(); // those who wait for the commit go first
			const waitMs = this.#notBefore - clock.now();
			if (waitMs > 0) {
				await pause(clock, waitMs, stop);
			}

			if (!stopped()) {
				this.#called = Promise.withResolvers();
				await this.#pass(force);
			}
		}

		stop.removeEventListener('abort', end);
		this.#rest();
	}

	#call(): void {
		if (this.#ledger.owed > 0) {
			this.#rested ??= Promise.withResolvers();
			this.#called.resolve();
		}
	}

	async #pass(force: AbortSignal): Promise<void> {
		const {clock} = this.#parts;
		const byFamily = Map.groupBy(this.#ledger.take(), ({address}) => familyOf(address));
		const began = clock.now();
		let waitMs = 0;
		for (const family of families) {
			const frontends = byFamily.get(family) ?? [];
			try {
				await this.#sweep(family, frontends, force);
			} catch (caught) {
				this.#ledger.restore(frontends);
				waitMs = Math.max(waitMs, this.#failed(caught, force));
			}
		}

		if (waitMs === 0) {
			this.#succeeded();
		}

		const now = clock.now();
		this.#notBefore = now + Math.max(waitMs, restFactor * (now - began));
		if (this.#ledger.owed > 0) {
			this.#called.resolve();
		} else {
			this.#rest();
		}
	}

	#rest(): void {
		this.#rested?.resolve();
		this.#rested = undefined;
	}

	async #sweep(family: Family, frontends: readonly StaleFlows[], force: AbortSignal): Promise<void> {
		if (frontends.length === 0) {
			return;
		}

		const {clock, observe} = this.#parts;
		const began = clock.now();
		const swept = await this.#sweeper.sweep(family, frontends, force);
		this.#ledger.settle(frontends);
		const deleted = [...swept.deleted.values()].reduce((sum, count) => sum + count, 0);
		const pass = {family, deleted, walked: swept.walked, durationMs: clock.now() - began};
		this.#report(pass, swept);
		observe?.(pass);
	}

	#report({deleted, walked, durationMs}: FlowPass, swept: Swept): void {
		if (deleted > 0) {
			const named = [...swept.deleted].slice(0, mostNamed);
			this.#parts.log.debug('stale flows were deleted', {
				deleted,
				walked,
				ms: Math.round(durationMs * 100) / 100,
				frontends: Object.fromEntries(named),
				more: swept.deleted.size - named.length,
			});
		}
	}

	/** Says what is new about it, and returns how long to wait. */
	#failed(caught: unknown, force: AbortSignal): number {
		const waitMs = this.#backoff.next();
		if (!force.aborted) {
			const error = asNetError(caught, 'delete stale flows');
			const said = `${error.code} ${error.message}`;
			if (said !== this.#failure) {
				this.#failure = said;
				this.#parts.log.error('UDP clients may go on to talk to endpoints that are gone; tried again', {error});
			}
		}

		return waitMs;
	}

	#succeeded(): void {
		this.#backoff.reset();
		if (this.#failure !== undefined) {
			this.#failure = undefined;
			this.#parts.log.info('stale flows are deleted again');
		}
	}
}
