import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {type ApiServerOptions, watchApiServer} from '../../src/apiserver/watch.ts';
import type {NetError} from '../../src/errors.ts';
import type {Change} from '../../src/model/change.ts';
import {type KubeObject, keyOf} from '../../src/model/objects.ts';
import {ApiServerDouble} from './api-server/double.ts';
import {thisNode} from './builders.ts';
import type {Authority} from './certificates.ts';
import {ManualClock} from './manual-clock.ts';

/** The longest wait after a failure. */
const maxBackoffMs = 30_000;

/** A kubeconfig in a directory of its own, gone with the test. */
export function writeKubeconfig(t: ExecutionContext, cluster: object, user: object): string {
	const directory = mkdtempSync(join(tmpdir(), 'fairlead-api-'));
	t.teardown(() => rmSync(directory, {recursive: true, force: true}));
	const path = join(directory, 'kubeconfig');
	writeFileSync(path, kubeconfigText(cluster, user));
	return path;
}

export function kubeconfigText(cluster: object, user: object): string {
	return JSON.stringify({
		clusters: [{name: 'test', cluster}],
		users: [{name: 'fairlead', user}],
		contexts: [{name: 'test', context: {cluster: 'test', user: 'fairlead'}}],
		'current-context': 'test',
	});
}

/** An API server's double that listens, gone with the test. */
export async function startDouble(t: ExecutionContext): Promise<ApiServerDouble> {
	const double = new ApiServerDouble();
	await double.start();
	t.teardown(async () => await double.kill());
	return double;
}

/** A double that speaks TLS, and asks its clients for a certificate when it is told who vouches for them. */
export async function startTlsDouble(
	t: ExecutionContext,
	authority: Authority,
	clients?: Authority,
): Promise<ApiServerDouble> {
	const {cert, key} = authority.issueServer('127.0.0.1');
	const asking = clients && {ca: clients.identity.cert, requestCert: true, rejectUnauthorized: true};
	const double = new ApiServerDouble({cert, key, ...asking});
	await double.start();
	t.teardown(async () => await double.kill());
	return double;
}

/** Follows an API server from the start of a test to its end; all waiting is for what the stream or a report says. */
export class WatchedApi {
	readonly clock = new ManualClock();
	/** `Service shop/web` → the object. */
	readonly inForce = new Map<string, KubeObject>();
	/** Every change in order, as `put Service shop/web`. */
	readonly told: string[] = [];
	/** When what slices were written for happened. Milliseconds since 1970. */
	readonly triggers: number[] = [];
	readonly problems = new Set<NetError>();
	readonly warnings: string[] = [];
	/** What the last `synced` said. */
	complete: boolean | undefined;
	/** Reports and mendings, in order: `+ API_REFUSED`, `- API_REFUSED`. */
	readonly reports: string[] = [];
	readonly #stop = new AbortController();
	/** Resolves when the stream has ended. */
	readonly over: Promise<void>;
	#wake = () => {};

	constructor(t: ExecutionContext, options: Partial<ApiServerOptions>) {
		this.over = this.#follow(options);
		t.teardown(async () => {
			this.stop();
			await this.over;
		});
	}

	/** Follows a double by plain HTTP. */
	static of(t: ExecutionContext, {url}: ApiServerDouble): WatchedApi {
		return new WatchedApi(t, {kubeconfig: writeKubeconfig(t, {server: url, 'insecure-skip-tls-verify': true}, {})});
	}

	stop(): void {
		this.#stop.abort();
	}

	async until(isDone: () => boolean): Promise<void> {
		while (!isDone()) {
			await new Promise<void>((resolve) => (this.#wake = resolve));
		}
	}

	/** As {@link until}, while the time that the stream waits after failures passes by itself. */
	async untilRetried(isDone: () => boolean): Promise<void> {
		const stop = new AbortController();
		const running = this.clock.run(maxBackoffMs, stop.signal);
		await this.until(isDone);
		stop.abort();
		await running;
	}

	/** Lets minutes pass as a quiet cluster has them: a bookmark in each. */
	async untilMinutesPassed(minutes: number, {watches}: ApiServerDouble): Promise<void> {
		for (let minute = 0; minute < minutes; minute++) {
			this.clock.elapse(60_000);
			for (const watch of watches) {
				watch.bookmark();
			}

			await this.clock.untilSet(watches.size);
		}
	}

	async untilSynced(): Promise<void> {
		await this.until(() => this.complete === true);
	}

	/** Until an object is in force, or is no more. */
	async untilInForce(id: string, isInForce = true): Promise<void> {
		await this.until(() => this.inForce.has(id) === isInForce);
	}

	async #follow(options: Partial<ApiServerOptions>): Promise<void> {
		const listener = {
			report: (problem: NetError) => {
				this.problems.add(problem);
				this.reports.push(`+ ${problem.code}`);
				this.#wake();
			},
			resolved: (problem: NetError) => {
				this.problems.delete(problem);
				this.reports.push(`- ${problem.code}`);
				this.#wake();
			},
			warn: (warning: string) => {
				this.warnings.push(warning);
				this.#wake();
			},
		};
		const all = {nodeName: thisNode, clock: this.clock, ...options};
		for await (const changes of watchApiServer(all, listener, this.#stop.signal)) {
			changes.map((change) => this.#take(change));
			this.#wake();
		}
	}

	#take(change: Change): void {
		if (change.verb === 'synced') {
			this.complete = change.complete;
			this.told.push(`synced ${change.complete}`);
		} else if (change.verb === 'delete') {
			this.inForce.delete(`${change.kind} ${change.key}`);
			this.told.push(`delete ${change.kind} ${change.key}`);
		} else if (change.object.kind !== 'NodeAddress' && change.object.kind !== 'PodAttachment') {
			const id = `${change.object.kind} ${keyOf(change.object)}`;
			this.inForce.set(id, change.object);
			this.told.push(`put ${id}`);
			this.triggers.push(...(change.triggeredAt === undefined ? [] : [change.triggeredAt]));
		}
	}
}
