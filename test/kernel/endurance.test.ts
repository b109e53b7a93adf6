import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import type {Endured, Trial} from '../lab/endurance.ts';

const program = join(import.meta.dirname, '../lab/endurance.ts');
/** What the heap may differ by between two looks at the same cluster: caches of compiled code, and chance. */
const noiseBytes = 3_000_000;

async function endure(trial: Omit<Trial, 'stateDir'>): Promise<Endured> {
	const stateDir = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
	const options = ['--expose-gc', '--max-semi-space-size=16', program];
	const child: ChildProcess = spawn(
		'/usr/bin/unshare',
		['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, ...options],
		{
			stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
		},
	);
	child.send({...trial, stateDir});
	const [endured] = await Promise.race([
		once(child, 'message'),
		once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with ${code}`))),
	]);
	await once(child, 'exit');
	rmSync(stateDir, {recursive: true});
	return endured;
}

test.serial(
	'after a day of changes, one every four seconds, memory, file descriptors and kernel objects are what they were',
	async (t) => {
		t.timeout(300_000);
		const {before, after, commits, changes, differences} = await endure({services: 300, warmUp: 3000, changes: 21_600});
		t.true(commits > changes / 2, `nearly each is a commit of its own: ${commits}`);
		t.is(after.kernel, before.kernel);
		t.is(after.files, before.files);
		t.true(after.heapBytes - before.heapBytes < noiseBytes, `${before.heapBytes} → ${after.heapBytes} bytes`);
		t.is(differences, 0, 'nothing is left to send');
	},
);

test.serial(
	'of 100,000 changes in ten seconds the freshest state is in force within a second of the last, and nothing has grown',
	async (t) => {
		t.timeout(120_000);
		const trial = {services: 1000, warmUp: 2000, changes: 100_000, perSecond: 10_000};
		const {before, after, commits, settledMs, differences} = await endure(trial);
		t.log(`${commits} commits, settled after ${Math.round(settledMs)} ms`);
		t.true(settledMs < 1000, `${settledMs} ms`);
		t.true(commits < trial.changes / 4, `${commits} commits`);
		t.is(after.kernel, before.kernel);
		t.is(after.files, before.files);
		t.true(after.heapBytes - before.heapBytes < noiseBytes, `${before.heapBytes} → ${after.heapBytes} bytes`);
		t.is(differences, 0, 'nothing is left to send');
	},
);
