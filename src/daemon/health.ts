import type {Refusal} from '../dataplane/dataplane.ts';
import type {NetError} from '../errors.ts';
import type {HealthAnswer} from '../observe/health.ts';
import {printServicePort} from '../plan/frontend.ts';

/** What the answers are made of. The reconciler writes it, the health server and the log read it. */
export type Condition = {
	/** What has to happen before everything known is in the kernel, a phrase each; empty when it is. */
	awaiting: readonly string[];
	/** Services that the kernel refused and that are as they were before, by `namespace/name:port`. */
	readonly refused: Map<string, Refusal>;
	/** Why the last commit failed as a whole. */
	failure: NetError | undefined;
	/** When the oldest change came in that is not in the kernel, by the clock. */
	pendingSince: number | undefined;
	/** When the next full sync is due, by the clock, because something failed or was refused. */
	retryAt: number | undefined;
	/** Wall-clock milliseconds of the last commit that held. */
	lastCommitAt: number | undefined;
};

export function newCondition(): Condition {
	return {
		awaiting: ['start'],
		refused: new Map(),
		failure: undefined,
		pendingSince: undefined,
		retryAt: undefined,
		lastCommitAt: undefined,
	};
}

/** Name of a refusal among others; what belongs to no Service is the table itself. */
export function refusalName({service}: Pick<Refusal, 'service'>): string {
	return service === undefined ? 'the table' : printServicePort(service);
}

/** 200 from the moment everything known is in the kernel; before, and while the kernel takes nothing, what is awaited. */
export function readyAnswer({awaiting, refused, failure}: Condition): HealthAnswer {
	const ready = awaiting.length === 0 && failure === undefined;
	return {
		ok: ready,
		body: {
			ready,
			awaiting,
			...(failure && {failure: printError(failure)}),
			refused: [...refused].map(([service, {error}]) => ({service, ...printError(error)})),
		},
	};
}

/**
 * 503 when a change waits for the kernel longer than twice the sync period, as with kube-proxy; a liveness probe
 * then starts the daemon anew. Healthy before the first change.
 */
export function liveAnswer(condition: Condition, now: number, syncPeriodMs: number, date: Date): HealthAnswer {
	const {pendingSince, lastCommitAt} = condition;
	const healthy = pendingSince === undefined || now - pendingSince < 2 * syncPeriodMs;
	const last = healthy ? date : lastCommitAt === undefined ? undefined : new Date(lastCommitAt);
	return {ok: healthy, body: {lastUpdated: last?.toISOString(), currentTime: date.toISOString(), healthy}};
}

function printError({code, message, hint}: NetError): Readonly<Record<string, string>> {
	return {code, message, hint};
}
