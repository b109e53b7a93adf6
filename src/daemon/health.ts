import type {Refusal} from '../dataplane/dataplane.ts';
import type {NetError} from '../errors.ts';
import type {Family} from '../net/address.ts';
import {jsonReply, jsonType, type Reply} from '../observe/http.ts';
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

export function isReady({awaiting, failure}: Condition): boolean {
	return awaiting.length === 0 && failure === undefined;
}

/** 200 from the moment everything known is in the kernel; before, and while the kernel takes nothing, what is awaited. */
export function readyAnswer(condition: Condition): Reply {
	const {awaiting, refused, failure} = condition;
	const ready = isReady(condition);
	return jsonReply(ready ? 200 : 503, {
		ready,
		awaiting,
		...(failure && {failure: printError(failure)}),
		refused: [...refused].map(([service, {error}]) => ({service, ...printError(error)})),
	});
}

/** A moment by both clocks: milliseconds of the one that never goes back, and since 1970. */
type Moment = {readonly now: number; readonly wall: number};

/** Whether no change waits for the kernel longer than twice the sync period. Healthy before the first change. */
export function isHealthy({pendingSince}: Condition, now: number, syncPeriodMs: number): boolean {
	return pendingSince === undefined || now - pendingSince < 2 * syncPeriodMs;
}

/** What kube-proxy's health answers hold, in its order of fields. A family that was never committed has no status. */
type ProxyHealth = {
	readonly lastUpdated: string;
	readonly currentTime: string;
	readonly nodeEligible?: boolean;
	readonly healthy: boolean;
	readonly status?: Readonly<Partial<Record<Family, {readonly lastUpdated: string; readonly healthy: boolean}>>>;
};

type HealthFacts = {
	readonly condition: Condition;
	readonly at: Moment;
	readonly syncPeriodMs: number;
	/** Those that this node serves: one commit carries them all. */
	readonly families: readonly Family[];
};

/** /livez: 503 when a change waits too long for the kernel; a liveness probe then starts the daemon anew. */
export function liveAnswer(facts: HealthFacts): Reply {
	return proxyReply(facts, undefined);
}

/** /healthz: as /livez, and 503 too on a node that load balancers shall turn away from. */
export function healthzAnswer(facts: HealthFacts, nodeEligible: boolean): Reply {
	return proxyReply(facts, nodeEligible);
}

/**
 * Byte for byte what kube-proxy answers. `lastUpdated` is now while the answer is 200, else the last commit's.
 * Source: kube-proxy 1.36, pkg/proxy/healthcheck/proxy_health.go, ProxyHealth and its handlers.
 */
function proxyReply({condition, at, syncPeriodMs, families}: HealthFacts, nodeEligible: boolean | undefined): Reply {
	const healthy = isHealthy(condition, at.now, syncPeriodMs);
	const ok = healthy && nodeEligible !== false;
	const last = printTime(condition.lastCommitAt);
	const known = condition.lastCommitAt !== undefined || !healthy;
	const body: ProxyHealth = {
		lastUpdated: ok ? printTime(at.wall) : last,
		currentTime: printTime(at.wall),
		...(nodeEligible !== undefined && {nodeEligible}),
		healthy,
		...(known && {status: Object.fromEntries(families.map((family) => [family, {lastUpdated: last, healthy}]))}),
	};
	return {status: ok ? 200 : 503, contentType: jsonType, body: JSON.stringify(body)};
}

/** As Go prints a time in JSON: RFC 3339 without zeros at the end of the fraction; its zero time for none. */
function printTime(wall: number | undefined): string {
	return wall === undefined ? '0001-01-01T00:00:00Z' : new Date(wall).toISOString().replace(/\.?0*Z$/, 'Z');
}

function printError({code, message, hint}: NetError): Readonly<Record<string, string>> {
	return {code, message, hint};
}
