import {execFileSync} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {Cluster} from '../../test/cluster/cluster.ts';
import {CommitWatch} from './api-commits.ts';
import {fillCluster, Writes} from './api-objects.ts';
import {fairlead, kubeProxy, type ProxyKind, RunningProxy} from './api-proxies.ts';
import {tell} from './namespace.ts';
import {median, percentile} from './numbers.ts';

/** The measured process: an API server and one proxy after the other, in the network namespace it was started in. */
export type ApiRun = {
	readonly services: number;
	readonly endpoints: number;
	readonly runs: number;
	/** Changes that wait for one another. */
	readonly changes: number;
	/** Changes a second that do not, and for how long. */
	readonly rate: number;
	readonly seconds: number;
	/** Path of a kube-proxy. */
	readonly peer?: string;
};

/** Of one proxy. Times in milliseconds, memory in MiB. */
export type ApiFigures = {
	readonly proxy: string;
	/** From the start of the process until everything is in force. */
	readonly coldMs: number;
	readonly coldRssMb: number;
	/** From the API server's answer to a write until the kernel's commit was heard of; below 0 where it came before. */
	readonly changeP50Ms: number;
	readonly changeP99Ms: number;
	/** The same at a steady rate. */
	readonly rateP50Ms: number;
	readonly rateP99Ms: number;
	readonly rateLost: number;
	/** The most CPU that one turn of the event loop used at that rate. */
	readonly turnMs: number | undefined;
	/** Resident memory a sixth of the way into the steady rate, and at its end. */
	readonly rateRssMb: readonly [number, number];
};

const run: ApiRun = JSON.parse(process.argv[2] ?? '');
const cluster = await Cluster.start();
try {
	await fillCluster(cluster, run, (done) => tell(`the API server takes ${done} of ${run.services} Services`));
	const kinds = [fairlead, ...(run.peer === undefined ? [] : [kubeProxy(run.peer)])];
	for (const kind of kinds) {
		process.send?.(await measure(kind));
	}
} finally {
	await cluster.stop();
	process.disconnect();
}

async function measure(kind: ProxyKind): Promise<ApiFigures> {
	const kubeconfig = cluster.writeKubeconfig();
	const state = join(cluster.directory, `state-${kind.name}`);
	const cold: {readonly ms: number; readonly rssMb: number}[] = [];
	for (let round = 1; round <= run.runs; round++) {
		tell(`${kind.name}: start ${round} of ${run.runs}`);
		const began = performance.now();
		const proxy = new RunningProxy(kind, kubeconfig, state);
		await proxy.said(kind.isInForce);
		const ms = performance.now() - began;
		cold.push({ms, rssMb: proxy.memoryMb('VmHWM')});
		await proxy.kill();
		cleanUp(kind);
	}

	const turns = join(cluster.directory, 'turns');
	const options = `${process.env['NODE_OPTIONS'] ?? ''} --import ${join(import.meta.dirname, 'turn-watch.ts')}`;
	const proxy = new RunningProxy(kind, kubeconfig, state, {NODE_OPTIONS: options, BENCH_TURNS: turns});
	await proxy.said(kind.isInForce);
	await setTimeout(2000); // what is compiled and collected after the start is not what is measured
	const changed = await measureChanges(kind, proxy, turns);
	await proxy.kill();
	cleanUp(kind);
	return {
		proxy: kind.name,
		coldMs: Math.round(median(cold.map(({ms}) => ms))),
		coldRssMb: Math.round(Math.max(...cold.map(({rssMb}) => rssMb))),
		...changed,
	};
}

async function measureChanges(kind: ProxyKind, proxy: RunningProxy, turns: string) {
	const commits = new CommitWatch();
	const writes = new Writes(cluster, run, commits, kind === fairlead ? 0 : 100_000);
	const single: number[] = [];
	const total = kind === fairlead ? run.changes : Math.ceil(run.changes / 25); // it takes seconds for each
	for (let change = 1; change <= total; change++) {
		tell(`${kind.name}: change ${change} of ${total}`);
		single.push(await writes.change());
	}

	const since = Date.now();
	const memory: number[] = [];
	tell(`${kind.name}: ${run.rate} changes a second for ${run.seconds} s`);
	const {latencies, lost} = await writes.changeSteadily(run.rate, run.seconds, (share) => {
		if (share >= (memory.length === 0 ? 1 / 6 : 1)) {
			memory.push(Math.round(proxy.memoryMb('VmRSS')));
		}
	});
	memory.push(Math.round(proxy.memoryMb('VmRSS')));
	commits.close();
	const figure = (values: readonly number[], share: number) => Number(percentile(values, share).toPrecision(3));
	return {
		changeP50Ms: figure(single, 0.5),
		changeP99Ms: figure(single, 0.99),
		rateP50Ms: figure(latencies, 0.5),
		rateP99Ms: figure(latencies, 0.99),
		rateLost: lost,
		turnMs: kind === fairlead ? mostTurn(turns, since) : undefined,
		rateRssMb: [memory[0] ?? Number.NaN, memory.at(-1) ?? Number.NaN] as const,
	};
}

/** The longest turn of the event loop after a moment. */
function mostTurn(file: string, since: number): number {
	const seconds = readFileSync(file, 'utf8').trim().split('\n');
	const most = seconds.map((line) => line.split(' ').map(Number)).filter(([at = 0]) => at > since + 1000);
	rmSync(file);
	return Math.max(...most.map(([, ms = 0]) => ms));
}

function cleanUp({cleanup: [command = '', ...parameters]}: ProxyKind): void {
	execFileSync(command, parameters, {stdio: 'ignore'});
}
