import {readFileSync} from 'node:fs';
import {systemClock} from '../../src/daemon/clock.ts';
import {Cluster} from '../../src/daemon/cluster.ts';
import {newCondition} from '../../src/daemon/health.ts';
import {Inbox} from '../../src/daemon/inbox.ts';
import {Reconciler} from '../../src/daemon/reconciler.ts';
import type {Dataplane, Outcome} from '../../src/dataplane/dataplane.ts';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import type {Change} from '../../src/model/change.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import {openLog} from '../../src/observe/log.ts';
import {clusterCidr, nodeName} from './cluster.ts';

/**
 * The measured process: the daemon's own inbox, world, planner, reconciler and dataplane in the network namespace it
 * was started in, with the parent as its one source.
 */
export type ToSubject =
	| {readonly kind: 'objects'; readonly changes: readonly Change[]}
	| {readonly kind: 'measure'; readonly mix: readonly Change[]; readonly turns: boolean};

export type RunFigures = {
	/** From the first parsed object's entry to the last commit's acknowledgement. */
	readonly coldMs: number;
	/** From a change's entry to its commit's acknowledgement, one after another. */
	readonly changeMs: readonly number[];
	/** VmHWM: the most memory that was ever resident, in MiB. */
	readonly rssMb: number;
	/** The most CPU that one turn of the event loop used, in milliseconds; to watch it costs a core, so it is asked for. */
	readonly turnMs: number | undefined;
	readonly kernelElements: number;
};

export type FromSubject = RunFigures;

const inbox = new Inbox(systemClock);
const objects: Change[] = [];

process.on('message', (message: ToSubject) => {
	if (message.kind === 'objects') {
		objects.push(...message.changes);
		return;
	}

	void measure(message).then(
		(figures) => process.send?.(figures satisfies FromSubject),
		(error: unknown) => {
			process.stderr.write(`${String(error)}\n`);
			process.exit(1);
		},
	);
});

async function measure({mix, turns: isWatched}: ToSubject & {kind: 'measure'}): Promise<RunFigures> {
	const dataplane = new Watched(new NftablesDataplane({kernel: new Nftables()}));
	const turns = isWatched ? watchTurns() : undefined;
	const reconciler = new Reconciler({
		sources: ['files'],
		inbox,
		cluster: new Cluster({
			nodeName,
			families: ['IPv4', 'IPv6'],
			detector: {kind: 'clusterCidr', cidrs: [parsePrefix(clusterCidr)]},
			masqueradeAll: false,
			nodePortAddresses: ['primary'],
			nodeIps: [],
		}),
		dataplane,
		condition: newCondition(),
		followers: [],
		log: await openLog({level: 'error'}),
		clock: systemClock,
		retryCeilingMs: () => 1000,
		minPeriodMs: () => 0,
	});
	const stop = new AbortController();
	void reconciler.run(stop.signal, stop.signal);
	turns?.reset();
	const began = performance.now();
	inbox.push({source: 'files', changes: [...objects.splice(0), {verb: 'synced', source: 'files', complete: true}]});
	const {operations} = await dataplane.next();
	const coldMs = performance.now() - began;
	const changeMs: number[] = [];
	for (const change of mix) {
		const start = performance.now();
		const committed = dataplane.next();
		inbox.push({source: 'files', changes: [change]});
		await committed;
		changeMs.push(performance.now() - start);
	}

	return {
		coldMs,
		changeMs,
		rssMb: peakMemoryMb(),
		turnMs: turns?.most(),
		kernelElements: operations,
	};
}

/** A dataplane that tells when a commit was acknowledged. */
class Watched implements Dataplane {
	readonly name = 'nftables';
	readonly #inner: Dataplane;
	#committed = Promise.withResolvers<Outcome>();

	constructor(inner: Dataplane) {
		this.#inner = inner;
	}

	/** The outcome of the commit that comes next. */
	next(): Promise<Outcome> {
		this.#committed = Promise.withResolvers();
		return this.#committed.promise;
	}

	takes: Dataplane['takes'] = (frontend) => this.#inner.takes(frontend);
	sync: Dataplane['sync'] = async (...parameters) => this.#tell(await this.#inner.sync(...parameters));
	update: Dataplane['update'] = async (...parameters) => this.#tell(await this.#inner.update(...parameters));
	watch: Dataplane['watch'] = (signal) => this.#inner.watch(signal);
	mend: Dataplane['mend'] = async (...parameters) => this.#tell(await this.#inner.mend(...parameters));
	print: Dataplane['print'] = (plan) => this.#inner.print(plan);
	cleanup: Dataplane['cleanup'] = async () => await this.#inner.cleanup();
	close: Dataplane['close'] = () => this.#inner.close();

	#tell(outcome: Outcome): Outcome {
		if (outcome.refused.length > 0) {
			throw new Error(`the kernel refused ${outcome.refused.length} frontends`, {cause: outcome.refused[0]?.error});
		}

		this.#committed.resolve(outcome);
		return outcome;
	}
}

/** CPU time of this thread between one check phase of the event loop and the next: all that one turn ran. */
function watchTurns(): {readonly reset: () => void; readonly most: () => number} {
	const used = () => {
		const {user, system} = process.threadCpuUsage();
		return (user + system) / 1000;
	};
	let [before, most] = [used(), 0];
	const turn = () => {
		const now = used();
		most = Math.max(most, now - before);
		before = now;
		setImmediate(turn);
	};
	setImmediate(turn);
	return {
		reset: () => {
			[before, most] = [used(), 0];
		},
		most: () => most,
	};
}

function peakMemoryMb(): number {
	return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}
