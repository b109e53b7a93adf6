/**
 * A daemon's parts in a process of their own that is asked to bear much; the parent reads what it cost from messages.
 * Run with --expose-gc in a network namespace of its own.
 */
import {execFileSync} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {setImmediate, setTimeout} from 'node:timers/promises';
import {resolveConfig} from '../../src/config/config.ts';
import {controlPath} from '../../src/control/socket-file.ts';
import {openParts, serveNode} from '../../src/daemon/daemon.ts';
import type {Dataplane} from '../../src/dataplane/dataplane.ts';
import type {Change} from '../../src/model/change.ts';
import {families} from '../../src/net/address.ts';
import {openLog} from '../../src/observe/log.ts';
import {thisNode} from '../support/builders.ts';
import {RestlessCluster} from './restless.ts';

/** What the process and the kernel hold at one moment. */
export type Holding = {
	readonly heapBytes: number;
	readonly files: number;
	/** Chains, sets and elements of both tables, and the elements' number by set. */
	readonly kernel: string;
};

export type Endured = {
	readonly changes: number;
	readonly commits: number;
	/** From the last change until nothing was left to send. */
	readonly settledMs: number;
	/** Operations of a full comparison afterwards. */
	readonly differences: number;
	readonly before: Holding;
	readonly after: Holding;
};

export type Trial = {
	readonly services: number;
	/** Changes before the first look, so that what grows once has grown. */
	readonly warmUp: number;
	readonly changes: number;
	/** At this rate; as fast as they are committed one by one when absent. */
	readonly perSecond?: number;
	readonly stateDir: string;
};

/** Hands out what is pushed, as a source does. */
class Pushed {
	#batch: Change[] = [];
	#wake = Promise.withResolvers<void>();

	push(changes: Iterable<Change>): void {
		this.#batch.push(...changes);
		this.#wake.resolve();
	}

	async *open(signal: AbortSignal): AsyncGenerator<readonly Change[]> {
		signal.addEventListener('abort', () => this.#wake.resolve());
		const stopped = () => signal.aborted;
		while (!stopped()) {
			await this.#wake.promise;
			this.#wake = Promise.withResolvers();
			yield this.#batch.splice(0);
		}
	}
}

/** A dataplane that counts what it is asked. */
class Counted implements Dataplane {
	commits = 0;
	busy = false;
	readonly #inner: Dataplane;

	constructor(inner: Dataplane) {
		this.#inner = inner;
	}

	get name(): string {
		return this.#inner.name;
	}

	takes: Dataplane['takes'] = (frontend) => this.#inner.takes(frontend);
	sync: Dataplane['sync'] = async (...parameters) => await this.#count(() => this.#inner.sync(...parameters));
	update: Dataplane['update'] = async (...parameters) => await this.#count(() => this.#inner.update(...parameters));
	mend: Dataplane['mend'] = async (...parameters) => await this.#count(() => this.#inner.mend(...parameters));
	watch: Dataplane['watch'] = (signal) => this.#inner.watch(signal);
	print: Dataplane['print'] = (plan) => this.#inner.print(plan);
	cleanup: Dataplane['cleanup'] = async () => await this.#inner.cleanup();
	close: Dataplane['close'] = () => undefined; // asked once more at the end

	async #count<T>(act: () => Promise<T>): Promise<T> {
		this.commits++;
		this.busy = true;
		try {
			return await act();
		} finally {
			this.busy = false;
		}
	}
}

async function endure({services, warmUp, changes, perSecond, stateDir}: Trial): Promise<Endured> {
	const environment = {};
	const flags = new Map([
		['objects', '/nowhere'],
		['hostname-override', thisNode],
		['cluster-cidr', '10.128.0.0/16,fd00:128::/48'],
		['state-dir', stateDir],
	]);
	const config = resolveConfig({flags, environment, hostname: thisNode});
	const log = await openLog({level: 'error'});
	const facts = {version: 'test', families, controlPath: controlPath(stateDir)};
	const parts = openParts(config, facts, log);
	const [dataplane, restless, pushed] = [new Counted(parts.dataplane), new RestlessCluster(services), new Pushed()];
	const stop = new AbortController();
	const shutdown = {stop: stop.signal, force: stop.signal, end: () => stop.abort(), finish: () => 0};
	const doors = [{name: 'files' as const, open: (signal: AbortSignal) => pushed.open(signal)}];
	const serving = serveNode({current: config}, {...parts, dataplane, doors}, shutdown);
	pushed.push([...restless.all(), {verb: 'synced', source: 'files', complete: true}]);
	await settled(dataplane);
	await changeOften(restless, pushed, dataplane, warmUp, undefined);
	const before = await hold(restless, pushed, dataplane);
	const commitsBefore = dataplane.commits;
	await changeOften(restless, pushed, dataplane, changes, perSecond);
	const last = performance.now();
	await settled(dataplane);
	const settledMs = performance.now() - last;
	const commits = dataplane.commits - commitsBefore;
	const after = await hold(restless, pushed, dataplane);
	stop.abort();
	await serving;
	const {operations} = await dataplane.sync(parts.cluster.plan, true, new AbortController().signal);
	return {changes, commits, settledMs, differences: operations, before, after};
}

async function changeOften(
	restless: RestlessCluster,
	pushed: Pushed,
	dataplane: Counted,
	changes: number,
	perSecond: number | undefined,
): Promise<void> {
	const began = performance.now();
	for (let made = 0; made < changes; ) {
		const due = perSecond === undefined ? made + 1 : Math.floor(((performance.now() - began) / 1000) * perSecond);
		for (; made < Math.min(due, changes); made++) {
			pushed.push(restless.change());
		}

		await (perSecond === undefined ? settled(dataplane) : setTimeout(5));
	}
}

/** Resolves when a few turns of the loop in a row began no commit. */
async function settled(dataplane: Counted): Promise<void> {
	for (let quiet = 0, seen = -1; quiet < 8; quiet++) {
		await setImmediate();
		if (dataplane.busy || seen !== dataplane.commits) {
			[quiet, seen] = [0, dataplane.commits];
		}
	}
}

/** Brings the cluster back to what it was at the start, and counts. */
async function hold(restless: RestlessCluster, pushed: Pushed, dataplane: Counted): Promise<Holding> {
	pushed.push(restless.reset());
	await settled(dataplane);
	let files = Number.POSITIVE_INFINITY;
	for (let look = 0; look < 5; look++) {
		await setTimeout(100); // what goes on behind a commit has a socket of its own, which comes and goes
		globalThis.gc?.();
		files = Math.min(files, readdirSync('/proc/self/fd').length);
	}

	const {heapUsed, arrayBuffers} = process.memoryUsage();
	return {heapBytes: heapUsed + arrayBuffers, files, kernel: countKernel()};
}

function countKernel(): string {
	const {nftables} = JSON.parse(execFileSync('/usr/sbin/nft', ['-j', 'list', 'ruleset'], {encoding: 'utf8'})) as {
		readonly nftables: readonly Readonly<
			Record<string, {readonly name?: string; readonly elem?: readonly unknown[]}>
		>[];
	}; // the form of libnftables-json(5)
	const counts = new Map<string, number>();
	for (const entry of nftables) {
		for (const [kind, {name = '', elem}] of Object.entries(entry)) {
			counts.set(kind, (counts.get(kind) ?? 0) + 1);
			if (elem !== undefined) {
				counts.set(name, (counts.get(name) ?? 0) + elem.length);
			}
		}
	}

	return [...counts]
		.map(([name, number]) => `${name} ${number}`)
		.toSorted()
		.join(', ');
}

process.once('message', (trial: Trial) => {
	endure(trial).then(
		(endured) => process.send?.(endured, () => process.exit(0)),
		(error: unknown) => {
			process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
			process.exit(1);
		},
	);
});
