import type {Dataplane} from '../dataplane/dataplane.ts';
import type {SourceName} from '../model/change.ts';
import type {Family} from '../net/address.ts';
import type {Reply} from '../observe/http.ts';
import type {Metrics} from '../observe/metrics.ts';
import type {Clock} from './clock.ts';
import type {Cluster} from './cluster.ts';
import type {CniAnswered, CniSource} from './cni.ts';
import type {FlowPass} from './flows.ts';
import type {Follower} from './follower.ts';
import {type Condition, isReady} from './health.ts';
import type {HealthChecks} from './health-checks.ts';
import type {Inbox} from './inbox.ts';
import {metricsFollower} from './metrics-follower.ts';
import {SourceMetrics} from './source-metrics.ts';

export type MetricsParts = {
	readonly version: string;
	readonly mode: string;
	readonly sources: readonly SourceName[];
	/** Those that this node serves. */
	readonly families: readonly Family[];
	readonly inbox: Inbox;
	readonly condition: Condition;
	readonly cluster: Pick<Cluster, 'plan' | 'serviceCount'>;
	readonly dataplane: Pick<Dataplane, 'takes'>;
	readonly clock: Clock;
};

/** Where each part of the daemon says what it did, to be counted; and what a scrape gets. */
export class DaemonMetrics {
	/** To be told of commits. */
	readonly followers: readonly Follower[];
	readonly #metrics: Metrics;

	constructor(metrics: Metrics, parts: MetricsParts) {
		const {version, mode, sources, inbox, clock} = parts;
		this.#metrics = metrics;
		this.followers = [metricsFollower({...parts, metrics}), new SourceMetrics(metrics, sources, inbox, clock)];
		metrics.set('buildInfo', {version, node_version: process.versions.node, mode}, 1);
		metrics.add('foreignEditsMended', {}, 0);
		metrics.add('healthCheckBindFailures', {}, 0);
		this.#collect(parts);
	}

	/** An answer of the health server. */
	probed(path: 'healthz' | 'livez', {status}: Reply): void {
		this.#metrics.add(path, {code: String(status)});
	}

	healthCheckBindFailed(): void {
		this.#metrics.add('healthCheckBindFailures', {});
	}

	/** A look for stale flows that came to its end. */
	flowsDeleted({family, deleted, durationMs}: FlowPass): void {
		this.#metrics.observe('flowsDuration', {ip_family: family}, durationMs / 1000);
		this.#metrics.add('flowsDeleted', {ip_family: family}, deleted);
	}

	/** A call of the CNI plugin that was answered. */
	cniAnswered({verb, code, durationMs}: CniAnswered): void {
		this.#metrics.add('cniCalls', {verb, code: String(code)});
		this.#metrics.observe('cniCallDuration', {verb}, durationMs / 1000);
	}

	/** Has the addresses of pods counted at each scrape. */
	followAddresses(families: readonly Family[], count: CniSource['countAddresses']): void {
		for (const family of families) {
			this.#metrics.collect('cniAddresses', {ip_family: family, state: 'all'}, () => count(family).size);
			this.#metrics.collect('cniAddresses', {ip_family: family, state: 'free'}, () => count(family).free);
		}
	}

	/** Has the health-check ports counted at each scrape. */
	follow(healthChecks: Pick<HealthChecks, 'count' | 'problems'>): void {
		this.#metrics.collect('healthCheckPorts', {}, () => healthChecks.count);
		this.#metrics.collect('servicesNotWhole', {reason: 'health-check'}, () => {
			return new Set(healthChecks.problems.map(({service}) => service)).size;
		});
	}

	/** Measures once a second how late the event loop is, until the signal. */
	watchEventLoop(clock: Clock, signal: AbortSignal): void {
		const periodMs = 1000;
		let cancel = () => {};
		const measure = (due: number) => {
			this.#metrics.observe('eventLoopLag', {}, Math.max(0, clock.now() - due) / 1000);
			wait();
		};
		const wait = () => {
			const due = clock.now() + periodMs;
			cancel = clock.after(periodMs, () => measure(due));
		};
		if (!signal.aborted) {
			signal.addEventListener('abort', () => cancel(), {once: true});
			wait();
		}
	}

	/** What a scrape gets. */
	async answer(): Promise<Reply> {
		return {status: 200, contentType: this.#metrics.contentType, body: await this.#metrics.print()};
	}

	#collect({condition, cluster}: MetricsParts): void {
		const metrics = this.#metrics;
		metrics.collect('ready', {}, () => (isReady(condition) ? 1 : 0));
		metrics.collect('services', {}, () => cluster.serviceCount);
		metrics.collect('frontends', {}, () => cluster.plan.frontends.size);
		metrics.collect('servicesNotWhole', {reason: 'plan'}, () => cluster.plan.unserved.size);
		metrics.collect('servicesRefused', {}, () => condition.refused.size);
	}
}

/** Loads what keeps metrics only where they are served: prom-client takes tens of milliseconds and some megabytes. */
export async function openMetrics(parts: MetricsParts): Promise<DaemonMetrics> {
	const {Metrics} = await import('../observe/metrics.ts');
	return new DaemonMetrics(new Metrics(), parts);
}
