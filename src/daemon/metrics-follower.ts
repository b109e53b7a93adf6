import type {Dataplane} from '../dataplane/dataplane.ts';
import type {Family} from '../net/address.ts';
import type {Metrics} from '../observe/metrics.ts';
import type {PlanChange} from '../plan/plan.ts';
import type {Clock} from './clock.ts';
import type {Commit, Follower, Trigger} from './follower.ts';
import {Tally} from './tally.ts';

type Parts = {
	readonly metrics: Metrics;
	readonly dataplane: Pick<Dataplane, 'takes'>;
	/** Those that this node serves. */
	readonly families: readonly Family[];
	readonly clock: Clock;
};

/** Counts and times commits. One commit carries both families: its time counts for those that it touched. */
export function metricsFollower({metrics, dataplane, families, clock}: Parts): Follower {
	const tally = new Tally((frontend) => dataplane.takes(frontend));
	const began = clock.wall();
	startAtZero(metrics, families);
	collectTally(metrics, tally, families);
	const stamp = (name: 'lastSync' | 'lastQueued', among: readonly Family[], at: number) => {
		const seconds = (clock.wall() - (clock.now() - at)) / 1000;
		for (const ip_family of among) {
			metrics.set(name, {ip_family}, seconds);
		}
	};
	return {
		queued: (at) => stamp('lastQueued', families, at),
		unchanged: (at) => stamp('lastSync', families, at),
		committed: (commit) => {
			tally.follow(commit.plan, commit.change);
			const touched = touchedFamilies(commit.change, families);
			countCommit(metrics, commit, touched);
			// what happened before somebody was there to see it says nothing of how fast it was seen
			timeProgramming(metrics, commit.triggers, {since: began, now: clock.wall()});
			stamp('lastSync', touched, commit.endedAt);
		},
		mended: ({edits, outcome}) => {
			metrics.add('foreignEditsMended', {}, edits);
			metrics.add('operations', {}, outcome.operations);
		},
		failed: () => {
			for (const ip_family of families) {
				metrics.add('syncFailures', {ip_family});
			}
		},
	};
}

/** So that a rate is right from the first failure on. What is stale goes with the commit: its removal has no failures of its own. */
function startAtZero(metrics: Metrics, families: readonly Family[]): void {
	for (const ip_family of families) {
		metrics.add('syncFailures', {ip_family}, 0);
		metrics.add('cleanupFailures', {ip_family}, 0);
		metrics.add('flowsDeleted', {ip_family}, 0);
	}
}

function collectTally(metrics: Metrics, tally: Tally, families: readonly Family[]): void {
	metrics.collect('endpoints', {}, () => tally.endpoints);
	metrics.collect('servicesNotWhole', {reason: 'dataplane'}, () => tally.size('dataplane'));
	for (const ip_family of families) {
		for (const traffic_policy of ['internal', 'external'] as const) {
			metrics.collect('noLocalEndpoints', {ip_family, traffic_policy}, () =>
				tally.size(`${traffic_policy} ${ip_family}`),
			);
		}
	}
}

function countCommit(metrics: Metrics, commit: Commit, touched: readonly Family[]): void {
	const {change, outcome, queuedAt, startedAt, endedAt} = commit;
	const seconds = (endedAt - startedAt) / 1000;
	for (const ip_family of touched) {
		metrics.observe('syncDuration', {ip_family}, seconds);
		metrics.observe(change === undefined ? 'fullSyncDuration' : 'partialSyncDuration', {ip_family}, seconds);
	}

	metrics.add('operations', {}, outcome.operations);
	if (queuedAt !== undefined) {
		metrics.observe('commitLatency', {}, (endedAt - queuedAt) / 1000);
	}
}

/** Source: kube-proxy, EndpointsChangeTracker and its proxiers' syncProxyRules. */
function timeProgramming(
	metrics: Metrics,
	triggers: readonly Trigger[],
	{since, now}: {readonly since: number; readonly now: number},
): void {
	for (const {family: ip_family, at} of triggers) {
		if (at > since) {
			metrics.observe('networkProgramming', {ip_family}, Math.max(0, now - at) / 1000); // two clocks
		}
	}
}

/** All of them where no frontend was touched: what else there is belongs to both. */
function touchedFamilies(change: PlanChange | undefined, families: readonly Family[]): readonly Family[] {
	if (change === undefined || change.touched.size === 0) {
		return families;
	}

	const found = new Set<Family>();
	for (const key of change.touched) {
		found.add(key.includes(':') ? 'IPv6' : 'IPv4');
		if (found.size === families.length) {
			break;
		}
	}

	return [...found];
}
