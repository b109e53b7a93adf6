import type {Dataplane, Outcome} from '../dataplane/dataplane.ts';
import type {SourceName} from '../model/change.ts';
import type {Logger} from '../observe/log.ts';
import {type FrontendKey, frontendKey} from '../plan/frontend.ts';
import type {PlanChange, StaleFlows} from '../plan/plan.ts';
import {isEmptyChange} from '../plan/plan-change.ts';
import {Backoff} from './backoff.ts';
import {asNetError} from './bug.ts';
import {type Clock, inTurns, sooner} from './clock.ts';
import type {Cluster} from './cluster.ts';
import type {Commit, Follower} from './follower.ts';
import type {Condition} from './health.ts';
import type {Inbox} from './inbox.ts';
import {Intake} from './intake.ts';
import {Mender} from './mender.ts';
import {Receipts} from './receipts.ts';
import {settleRefusals} from './refusals.ts';
import {reportRefusals} from './report.ts';

const none: ReadonlySet<never> = new Set();

export type ReconcilerParts = {
	readonly sources: readonly SourceName[];
	readonly inbox: Inbox;
	readonly cluster: Cluster;
	readonly dataplane: Dataplane;
	/** Written here, read by health answers. */
	readonly condition: Condition;
	/** Told of each commit, in this order. */
	readonly followers: readonly Follower[];
	readonly log: Logger;
	readonly clock: Clock;
	/** The longest wait before a failed commit is tried again. Read at each failure. */
	readonly retryCeilingMs: () => number;
	/** The least time between the end of one commit and the start of the next. Read at each commit. */
	readonly minPeriodMs: () => number;
};

/**
 * Keeps the kernel equal to the plan: mail → world → plan → dataplane, one after the other and one commit at a time.
 * What arrives while a commit is in flight becomes the next batch; the first change of a quiet time goes at once.
 *
 * Nothing is written before every source has told all it knew. What fails as a whole is mended by a full sync after
 * a growing wait, because what the kernel then holds is not known; what the kernel refuses of one Service leaves the
 * others going on, and is tried again by a full sync as well.
 */
export class Reconciler {
	readonly #parts: ReconcilerParts;
	readonly #intake: Intake;
	readonly #backoff: Backoff;
	readonly #mender: Mender;
	readonly #receipts: Receipts;
	/** When the next full sync is due, by the clock. */
	#syncAt: number | undefined = 0;
	/** No commit before this moment. */
	#notBefore = 0;
	/** Whether something was taken in that no commit carried yet. */
	#dirty = false;
	/** Whether the last full sync removed what the plan does not name. */
	#pruned = false;
	/** Of frontends whose flows went stale, what commits that failed would have told. */
	readonly #staleFlows = new Map<FrontendKey, StaleFlows>();
	/** Whether planning ever met a bug: what the plan lacks then may be in the kernel with good reason. */
	#tripped = false;
	#first = true;

	constructor(parts: ReconcilerParts) {
		this.#parts = parts;
		this.#intake = new Intake(parts.sources, parts.cluster, parts.log);
		this.#backoff = new Backoff(parts.clock, parts.retryCeilingMs);
		const {dataplane, log, clock, inbox, cluster} = parts;
		this.#mender = new Mender({dataplane, log, clock, wake: () => inbox.wake()});
		this.#receipts = new Receipts(cluster, log);
		inbox.listen((mail) => this.#receipts.arrived(mail));
		this.#tellAwaiting();
	}

	/**
	 * Runs until `stop` is aborted, and then finishes the commit in flight. Never rejects.
	 *
	 * @param force ends that last commit too
	 */
	async run(stop: AbortSignal, force: AbortSignal): Promise<void> {
		const {inbox} = this.#parts;
		const stopped = () => stop.aborted;
		const following = this.#mender.follow(stop);
		while (!stopped()) {
			const dueMs = sooner(this.#dueMs(), this.#mender.dueMs);
			if (dueMs !== 0) {
				await inbox.arrival(dueMs, stop);
			}

			await this.#listen();
			if (!stopped() && this.#mender.dueMs === 0) {
				await this.#mend(force); // first: what is broken now is worse than what is not yet so
			} else if (!stopped() && this.#dueMs() === 0) {
				await this.#commit(force);
			}

			this.#tellAwaiting();
		}

		this.#receipts.end();
		await following;
	}

	/** Milliseconds until the next commit; undefined when there is nothing to commit. */
	#dueMs(): number | undefined {
		if (this.#intake.awaited.length > 0) {
			return undefined;
		}

		const at = this.#dirty ? 0 : this.#syncAt;
		const isAwaited = this.#receipts.areAwaited && this.#parts.condition.failure === undefined;
		const notBefore = isAwaited ? 0 : this.#notBefore; // whoever waits is a pod that starts or ends
		return at === undefined ? undefined : Math.max(0, Math.max(at, notBefore) - this.#parts.clock.now());
	}

	/** Takes all mail into the world. */
	async #listen(): Promise<void> {
		const {inbox, clock, condition} = this.#parts;
		const since = inbox.waitingSince;
		const mail = inbox.take();
		if (mail.length > 0) {
			this.#receipts.taken(mail);
			await inTurns(clock, this.#intake.reader(mail));
			this.#dirty = true;
		}

		if (this.#intake.awaited.length > 0) {
			return;
		}

		if (this.#dirty && condition.pendingSince === undefined) {
			const at = since ?? clock.now();
			condition.pendingSince = at;
			this.#tell((follower) => follower.queued?.(at));
		}

		if (!this.#pruned && this.#mayPrune) {
			this.#syncAt ??= clock.now(); // what could not be read before is known now: what is left over may go
		}
	}

	async #commit(signal: AbortSignal): Promise<void> {
		const {cluster, dataplane, clock, condition} = this.#parts;
		const full = this.#syncAt !== undefined && this.#syncAt <= clock.now();
		this.#dirty = false;
		await this.#plan();
		const [prune, began] = [this.#mayPrune, clock.now()];
		try {
			if (full) {
				this.#owe(cluster.changedFlows());
				this.#committed(await dataplane.sync(cluster.plan, prune, signal), began);
				this.#synced(prune);
			} else {
				await this.#update(cluster.changed(), began, signal);
			}

			condition.pendingSince = undefined;
			this.#receipts.settle(condition.refused.values());
		} catch (error) {
			this.#failed(error, full);
		}
	}

	/** Undoes what other processes did to what is in force; what the plan has more than that is left to the next commit. */
	async #mend(signal: AbortSignal): Promise<void> {
		try {
			const mended = await this.#mender.mend(this.#parts.cluster.plan, signal);
			if (mended !== undefined) {
				this.#settleRefusals(mended.outcome, none);
				this.#retryRefused(false);
				this.#tell((follower) => follower.mended?.(mended));
			}
		} catch (error) {
			this.#failed(error, false);
		}
	}

	/** What is left over may go: all is known, and planned. */
	get #mayPrune(): boolean {
		return this.#intake.incomplete.length === 0 && !this.#tripped;
	}

	/** A Service that trips a bug of ours stays as it is in the kernel, and all others go on. */
	async #plan(): Promise<void> {
		const {clock, cluster, log} = this.#parts;
		for (let done = false; !done; ) {
			try {
				await inTurns(clock, () => cluster.advance());
				done = true;
			} catch (caught) {
				this.#tripped = true;
				log.error('a Service is left as it is', {error: asNetError(caught, 'plan a Service')});
			}
		}
	}

	async #update(change: PlanChange | undefined, began: number, signal: AbortSignal): Promise<void> {
		const {cluster, dataplane, clock} = this.#parts;
		if (change !== undefined && !isEmptyChange(change)) {
			this.#owe(change.staleFlows);
			this.#committed(await dataplane.update(cluster.plan, change, signal), began, change);
		} else {
			const at = clock.now();
			cluster.triggers(); // nothing was to be programmed
			this.#tell((follower) => follower.unchanged?.(at));
		}
	}

	/** Of one frontend only the last word counts: what it says to delete includes what was said before. */
	#owe(flows: readonly StaleFlows[]): void {
		for (const flow of flows) {
			this.#staleFlows.set(frontendKey(flow.address, flow.protocol, flow.port), flow);
		}
	}

	/** A follower that trips a bug of ours is named; what was committed stays committed. */
	#tell(tell: (follower: Follower) => void): void {
		for (const follower of this.#parts.followers) {
			try {
				tell(follower);
			} catch (caught) {
				this.#parts.log.error('a commit was not followed up', {error: asNetError(caught, 'follow a commit')});
			}
		}
	}

	#committed(outcome: Outcome, began: number, change?: PlanChange): void {
		const {clock, condition, minPeriodMs, cluster} = this.#parts;
		const now = clock.now();
		this.#notBefore = now + minPeriodMs();
		condition.lastCommitAt = clock.wall();
		this.#settleRefusals(outcome, change?.touched);
		const commit: Commit = {
			plan: cluster.plan,
			change,
			staleFlows: [...this.#staleFlows.values()],
			triggers: cluster.triggers(),
			first: this.#first,
			outcome,
			queuedAt: condition.pendingSince,
			startedAt: began,
			endedAt: now,
		};
		this.#tell((follower) => follower.committed?.(commit));
		this.#staleFlows.clear();
		this.#retryRefused(change === undefined);
	}

	#retryRefused(again: boolean): void {
		const {clock, condition} = this.#parts;
		if (condition.refused.size === 0) {
			this.#backoff.reset();
		} else if (again || this.#syncAt === undefined) {
			this.#syncAt = clock.now() + this.#backoff.next();
		}
	}

	/** After a full sync that the kernel took, whatever it refused of single Services. */
	#synced(prune: boolean): void {
		const {condition} = this.#parts;
		if (condition.refused.size === 0) {
			this.#syncAt = undefined;
		}

		this.#pruned = prune;
		this.#first = false;
		condition.failure = undefined;
	}

	#settleRefusals(outcome: Outcome, touched: ReadonlySet<FrontendKey> | undefined): void {
		const {condition, cluster, log} = this.#parts;
		const before = new Map(condition.refused);
		settleRefusals(condition.refused, outcome, touched, cluster.plan);
		reportRefusals(log, before, condition.refused);
	}

	#failed(caught: unknown, full: boolean): void {
		const {clock, condition} = this.#parts;
		const error = asNetError(caught, full ? 'bring the kernel in line with the plan' : 'commit a change');
		const waitMs = this.#backoff.next();
		this.#syncAt = clock.now() + waitMs;
		this.#notBefore = this.#syncAt;
		condition.failure = error;
		condition.pendingSince ??= clock.now();
		this.#tell((follower) => follower.failed?.({error, full, retryInMs: waitMs}));
	}

	#tellAwaiting(): void {
		const {condition} = this.#parts;
		const sources = this.#intake.awaited.map((name) => `source ${name}`);
		condition.awaiting = this.#first ? [...sources, 'first sync'] : sources;
		condition.retryAt = this.#syncAt;
	}
}
