import type {Outcome} from '../dataplane/dataplane.ts';
import type {NetError} from '../errors.ts';
import type {Family} from '../net/address.ts';
import type {Plan, PlanChange, StaleFlows} from '../plan/plan.ts';
import type {Mended} from './mender.ts';

/** When a Pod or Service changed so that a slice of this family was written. Milliseconds since 1970. */
export type Trigger = {readonly family: Family; readonly at: number};

/** A commit that the kernel took, whatever it refused of single Services. Moments are the clock's milliseconds. */
export type Commit = {
	readonly plan: Plan;
	/** What it touched; undefined when it was a full sync, which compares everything. */
	readonly change: PlanChange | undefined;
	/** The flows that its frontends made stale, those of failed commits before it included; one entry a frontend. */
	readonly staleFlows: readonly StaleFlows[];
	/** What had brought its changes of slices about, those of failed commits before it included. */
	readonly triggers: readonly Trigger[];
	/** Whether nothing was in force before it. */
	readonly first: boolean;
	readonly outcome: Outcome;
	/** When the oldest change that it carried came in; undefined when it carried none. */
	readonly queuedAt: number | undefined;
	readonly startedAt: number;
	readonly endedAt: number;
};

/** A commit that failed as a whole: nobody knows what the kernel has. */
type Failure = {readonly error: NetError; readonly full: boolean; readonly retryInMs: number};

/**
 * Follows what the reconciler does, each for its own purpose: log lines, metrics, stale flows, health-check ports.
 * Called in the reconciler's turn: returns at once and never throws; what takes longer goes on by itself.
 */
export type Follower = {
	/** Something came in that no commit carried yet, at this moment. */
	readonly queued?: (at: number) => void;
	/** All that came in left the plan as it was: nothing waits any more, and there was nothing to commit. */
	readonly unchanged?: (at: number) => void;
	readonly committed?: (commit: Commit) => void;
	/** What other processes did to our rules was undone. */
	readonly mended?: (mended: Mended) => void;
	readonly failed?: (failure: Failure) => void;
};
