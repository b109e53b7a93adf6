import process from 'node:process';
import type {Failure, Moment, NotWhole, Problem, SourceStatus, StatusHead, StatusPart} from '../control/status.ts';
import type {Dataplane} from '../dataplane/dataplane.ts';
import type {NetError} from '../errors.ts';
import type {SourceName} from '../model/change.ts';
import {describeError} from '../observe/error-fields.ts';
import type {Bell} from './bell.ts';
import {type Clock, inTurns} from './clock.ts';
import type {Cluster} from './cluster.ts';
import type {Commit, Follower} from './follower.ts';
import type {Freshness, SourceFreshness} from './freshness.ts';
import type {Condition} from './health.ts';
import {kindsOf} from './intake.ts';
import {refusedRow, Survey} from './not-whole.ts';

/** What does not change while the daemon runs. */
export type Identity = Pick<StatusHead, 'version' | 'nodeName' | 'mode' | 'families'>;

export type StatusSources = {
	readonly identity: Identity;
	readonly cluster: Pick<Cluster, 'plan' | 'serviceCount' | 'count'>;
	readonly dataplane: Pick<Dataplane, 'name' | 'takes'>;
	readonly condition: Condition;
	readonly freshness: Freshness;
	readonly clock: Clock;
	/** Rings when a status would say something else; rung here for commits. */
	readonly changes: Bell;
	/** What followers of commits could not do for a Service, such as ports that could not be bound. */
	readonly undone: () => readonly NotWhole[];
};

/** What is kept of a commit: the plan and the change that it carried are not. */
type LastCommit = {
	readonly startedAt: number;
	readonly endedAt: number;
	readonly operations: number;
	readonly refused: number;
	readonly full: boolean;
};

/** Rows of one part: about a millisecond to write. */
const rowsMax = 1000;

/**
 * Answers what this daemon does and what is not as written. It keeps the last commit and what failed; all else is read
 * where it stands when somebody asks, in turns, so that an idle daemon and one of 30,000 Services pay nothing for it.
 */
export class StatusKeeper implements Follower {
	readonly #from: StatusSources;
	readonly #startedAt: number;
	#lastCommit: LastCommit | undefined;
	#inForceAt: number | undefined;

	constructor(from: StatusSources) {
		this.#from = from;
		this.#startedAt = from.clock.now();
	}

	committed({startedAt, endedAt, outcome, change}: Commit): void {
		const {operations, refused} = outcome;
		this.#lastCommit = {startedAt, endedAt, operations, refused: refused.length, full: change === undefined};
		this.#inForceAt ??= endedAt;
		this.#from.changes.ring();
	}

	/** It may have settled what the kernel refused. */
	mended(): void {
		this.#from.changes.ring();
	}

	/** Nothing waits any more. */
	unchanged(): void {
		this.#from.changes.ring();
	}

	failed(): void {
		this.#inForceAt = undefined;
		this.#from.changes.ring();
	}

	/** Resolves when a status would say something else than now, or when the signal is aborted. */
	async changed(signal: AbortSignal): Promise<void> {
		await this.#from.changes.next(signal);
	}

	/** One status, its head last. The parts are of the moments in which they were made, some turns apart. */
	async *parts(): AsyncGenerator<StatusPart, void, void> {
		const {cluster, dataplane, condition, clock, undone} = this.#from;
		const survey = new Survey(cluster.plan, dataplane);
		await inTurns(clock, () => survey.step());
		const refused = [...condition.refused].map(([service, refusal]) => refusedRow(service, refusal));
		for (const rows of inParts([...survey.notWhole, ...refused, ...undone()])) {
			yield {kind: 'notWhole', rows};
		}

		for (const [source, {problems}] of this.#from.freshness.sources) {
			for (const errors of inParts([...problems])) {
				yield {kind: 'problems', rows: errors.map((error) => ({source, ...describeProblem(error)}))};
			}
		}

		yield {kind: 'head', head: this.#head(survey)};
	}

	#head(survey: Survey): StatusHead {
		const {identity, cluster, dataplane, condition, freshness, clock} = this.#from;
		const {rss, heapUsed} = process.memoryUsage();
		const {failure, pendingSince, awaiting} = condition;
		return {
			takenAt: new Date(clock.wall()).toISOString(),
			...identity,
			pid: process.pid,
			started: this.#moment(this.#startedAt),
			memory: {residentBytes: rss, heapUsedBytes: heapUsed},
			inForce: awaiting.length === 0 ? this.#momentOrNone(this.#inForceAt) : undefined,
			awaiting,
			failure: failure && this.#failure(failure, condition.retryAt),
			pendingSeconds: pendingSince === undefined ? undefined : this.#secondsSince(pendingSince),
			services: cluster.serviceCount,
			frontends: cluster.plan.frontends.size,
			endpoints: survey.endpoints,
			lastCommit: this.#commit(),
			sources: [...freshness.sources].map(([name, source]) => this.#source(name, source)),
			dataplanes: [{name: dataplane.name, frontends: Object.fromEntries(survey.frontends)}],
		};
	}

	#commit(): StatusHead['lastCommit'] {
		if (this.#lastCommit === undefined) {
			return undefined;
		}

		const {startedAt, endedAt, ...rest} = this.#lastCommit;
		return {...this.#moment(endedAt), durationMs: Math.round((endedAt - startedAt) * 1000) / 1000, ...rest};
	}

	#source(name: SourceName, source: SourceFreshness): SourceStatus {
		const {syncedAt, complete, lastChangeAt, restarts, problems, failure} = source;
		return {
			name,
			synced: this.#momentOrNone(syncedAt),
			complete,
			lastChange: this.#momentOrNone(lastChangeAt),
			objects: Object.fromEntries(kindsOf[name].map((kind) => [kind, this.#from.cluster.count(kind)])),
			restarts,
			problems: problems.size,
			failure: failure && this.#failure(failure.error, failure.retryAt),
		};
	}

	#failure(error: NetError, retryAt: number | undefined): Failure {
		const inSeconds = retryAt === undefined ? undefined : Math.max(0, -this.#secondsSince(retryAt));
		return {...describeProblem(error), retryInSeconds: inSeconds};
	}

	#moment(at: number): Moment {
		const {clock} = this.#from;
		return {at: new Date(clock.wall() - (clock.now() - at)).toISOString(), ageSeconds: this.#secondsSince(at)};
	}

	#momentOrNone(at: number | undefined): Moment | undefined {
		return at === undefined ? undefined : this.#moment(at);
	}

	/** To the millisecond. */
	#secondsSince(at: number): number {
		return Math.round(this.#from.clock.now() - at) / 1000;
	}
}

function describeProblem(error: NetError): Problem {
	const {code, message, hint} = error;
	const {details} = describeError(error);
	return {code, message, hint, ...(typeof details === 'object' && details !== null && {details: {...details}})};
}

function* inParts<T>(rows: readonly T[]): Generator<readonly T[], void, void> {
	for (let start = 0; start < rows.length; start += rowsMax) {
		yield rows.slice(start, start + rowsMax);
	}
}
