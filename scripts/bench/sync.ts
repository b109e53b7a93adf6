import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, mkdtempSync, openSync, rmSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Change} from '../../src/model/change.ts';
import {changeMix} from './change-mix.ts';
import {changesOf, nodeObjects, pairsOf} from './cluster.ts';
import {inNamespace, tell} from './namespace.ts';
import {median, percentile, table} from './numbers.ts';
import {kubeProxyRuleset} from './peer.ts';
import type {FromSubject, RunFigures, ToSubject} from './subject.ts';

/** As the daemon's start gives it to itself, see src/cli/fairlead.js. */
const heapFlag = '--max-semi-space-size=16';

type Options = {
	readonly sizes: readonly number[];
	readonly endpoints: number;
	readonly runs: number;
	readonly changes: number;
	readonly peer: boolean;
	readonly json?: true;
};

/** One size: medians of the runs. Times in milliseconds, memory in MiB. */
type SizeFigures = {
	readonly services: number;
	readonly endpoints: number;
	readonly coldMs: number;
	readonly changeP50Ms: number;
	readonly changeP99Ms: number;
	readonly rssMb: number;
	readonly turnMs: number;
	readonly kernelElements: number;
	readonly peerColdMs: number | null;
	readonly ratio: number | null;
};

/** Measures each size in fresh network namespaces: ours, then a ruleset of kube-proxy's shape by `nft -f`. */
export async function benchSync(options: Options): Promise<void> {
	const figures: SizeFigures[] = [];
	for (const services of options.sizes) {
		const runs: RunFigures[] = [];
		for (let run = 0; run < options.runs; run++) {
			tell(`${services} services × ${options.endpoints} endpoints: run ${run + 1} of ${options.runs}`);
			runs.push(await runSubject(services, options, run, false));
		}

		tell(`${services} services × ${options.endpoints} endpoints: turns of the event loop`);
		const {turnMs} = await runSubject(services, options, 0, true);
		const peerColdMs = options.peer ? await runPeer(services, options.endpoints) : null;
		figures.push(summarize(services, options, runs, {turnMs, peerColdMs}));
	}

	tell('');
	print(figures, options);
}

function summarize(
	services: number,
	{endpoints}: Options,
	runs: RunFigures[],
	{turnMs = 0, peerColdMs}: {readonly turnMs: number | undefined; readonly peerColdMs: number | null},
): SizeFigures {
	const coldMs = median(runs.map((run) => run.coldMs));
	return {
		services,
		endpoints,
		coldMs,
		changeP50Ms: median(runs.map((run) => percentile(run.changeMs, 0.5))),
		changeP99Ms: median(runs.map((run) => percentile(run.changeMs, 0.99))),
		rssMb: Math.max(...runs.map((run) => run.rssMb)),
		turnMs,
		kernelElements: Math.max(...runs.map((run) => run.kernelElements)),
		peerColdMs,
		ratio: peerColdMs === null ? null : peerColdMs / coldMs,
	};
}

function print(figures: readonly SizeFigures[], {json}: Options): void {
	const rounded = figures.map((figure) =>
		Object.fromEntries(Object.entries(figure).map(([name, value]) => [name, value && Number(value.toPrecision(4))])),
	);
	const lines = json ? rounded.map((figure) => JSON.stringify(figure)) : table(rounded);
	process.stdout.write(`${lines.join('\n')}\n`);
	const [smallest, largest] = [figures[0], figures.at(-1)];
	if (!json && smallest && largest && smallest !== largest) {
		const growth = largest.changeP50Ms / smallest.changeP50Ms;
		process.stdout.write(`one change, ${largest.services} services over ${smallest.services}: ${growth.toFixed(2)}\n`);
	}
}

/** A daemon without its command line, in a network namespace of its own; the objects are made here and handed over. */
async function runSubject(
	services: number,
	{endpoints, changes}: Options,
	seed: number,
	turns: boolean,
): Promise<RunFigures> {
	const subject = inNamespace([process.execPath, heapFlag, join(import.meta.dirname, 'subject.ts')], {
		stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
		serialization: 'advanced',
	});
	const answered = new Promise<RunFigures>((resolve, reject) => {
		subject.on('message', (message: FromSubject) => resolve(message));
		subject.once('exit', (code) => reject(new Error(`the measured process ended with ${code}`)));
	});
	let batch: Change[] = [...nodeObjects()];
	for (let index = 0; index < services; index++) {
		batch.push(...changesOf(index, endpoints));
		if (batch.length >= 1000) {
			await hand(subject, {kind: 'objects', changes: batch});
			batch = [];
		}
	}

	await hand(subject, {kind: 'objects', changes: batch});
	await hand(subject, {kind: 'measure', turns, mix: [...changeMix({services, endpoints, changes, seed})]});
	const figures = await answered;
	subject.removeAllListeners();
	subject.kill('SIGKILL');
	return figures;
}

function hand(subject: ChildProcess, message: ToSubject): Promise<void> {
	return new Promise((resolve, reject) => {
		subject.send(message, (error) => (error === null ? resolve() : reject(error)));
	});
}

async function runPeer(services: number, endpoints: number): Promise<number> {
	const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-'));
	try {
		const file = join(folder, 'ruleset.nft');
		const out = openSync(file, 'w');
		for (const text of kubeProxyRuleset(pairsOf(services, endpoints))) {
			writeSync(out, text);
		}

		closeSync(out);
		tell(`${services} services × ${endpoints} endpoints: kube-proxy's shape, nft -f`);
		const began = performance.now();
		const nft = inNamespace(['/usr/sbin/nft', '-f', file], {stdio: 'inherit'});
		const [code] = await once(nft, 'exit');
		if (code !== 0) {
			throw new Error(`nft -f ended with ${code}`);
		}

		return performance.now() - began;
	} finally {
		rmSync(folder, {recursive: true});
	}
}
