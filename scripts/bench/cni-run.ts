import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {exec} from '../../src/kernel/exec.ts';
import {callPlugin} from '../../test/lab/cni-plugin.ts';
import {tell} from './namespace.ts';
import {median, percentile, table} from './numbers.ts';

/** What {@link benchCni} starts in a namespace of its own: its options as JSON, its results on stdout. */
export type CniRun = {
	/** Attached one after the other, and at once. */
	readonly pods: number;
	readonly burst: number;
	readonly runs: number;
	/** The folder of the reference plugins; they are left out where it has none. */
	readonly peers: string;
	readonly json?: true;
};

/** A plugin and the configuration that it is called with. */
type Subject = {readonly name: string; readonly plugin: string; readonly config: string};

/** Milliseconds. */
type Figures = {
	readonly addP50Ms: number;
	readonly addP99Ms: number;
	readonly delP50Ms: number;
	readonly delP99Ms: number;
	/** Of the links, behind the DEL. */
	readonly goneP99Ms: number;
	readonly burstAddMs: number;
	readonly burstDelMs: number;
	/** How many times as long an ADD takes beside the last fifth of the pods as beside the first. */
	readonly growth: number;
};

const root = join(import.meta.dirname, '../..');
const caller = join(root, 'build/cni-caller');
const warmUps = 30;
const measured = new Map<string, Figures[]>();

const options = JSON.parse(process.argv[2] ?? '') as CniRun; // the parent wrote it
async function prepare(): Promise<void> {
	await exec('ip', ['link', 'set', 'lo', 'up']);
	await exec('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
	await exec('mount', ['-t', 'tmpfs', 'tmpfs', '/var/lib']); // not its cni, which a machine need not have
	mkdirSync('/run/objects');
	const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE'];
	await exec('cc', [...flags, join(import.meta.dirname, 'cni.c'), '-o', caller]);
	await exec(caller, ['make', String(Math.max(options.pods, options.burst) + warmUps)]);
	writeFileSync('/run/objects/node.json', JSON.stringify(node));
}

const node = {
	apiVersion: 'v1',
	kind: 'Node',
	metadata: {name: 'n1'},
	spec: {podCIDRs: ['10.244.0.0/20', 'fd00:244::/64']},
};

/** The daemon as its DaemonSet runs it, with a cluster of this Node alone. Resolves when it serves ADD. */
async function startDaemon(): Promise<ChildProcess> {
	const flags = ['--objects', '/run/objects', '--hostname-override', 'n1', '--metrics-bind-address', 'none'];
	const child = spawn(process.execPath, [join(root, 'src/cli/fairlead.js'), 'run', ...flags], {
		stdio: ['ignore', 'ignore', 'pipe'],
	});
	let log = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		log += text;
	});
	for (let tries = 0; tries < 200; tries++) {
		const status = {verb: 'STATUS', config: {cniVersion: '1.1.0', name: 'bench', type: 'fairlead-cni'}};
		const {exitCode} = await callPlugin(status);
		if (exitCode === 0) {
			return child;
		}

		await setTimeout(50);
	}

	throw new Error(`the daemon does not serve:\n${log}`);
}

function subjects(): readonly Subject[] {
	const v4 = [[{subnet: '10.245.0.0/16'}]];
	const dual = [[{subnet: '10.246.0.0/16'}], [{subnet: 'fd00:246::/64'}]];
	const ours = (name: string, config: object): Subject => {
		const plugin = join(root, 'build/fairlead-cni');
		return {name, plugin, config: write(name, {cniVersion: '1.0.0', name, type: 'fairlead-cni', ...config})};
	};
	const peer = (name: string, type: string, ranges: object): Subject => {
		const ipam = {type: 'host-local', ranges, routes: [{dst: '0.0.0.0/0'}]};
		const plugin = join(options.peers, type);
		return {name, plugin, config: write(name, {cniVersion: '1.0.0', name, type, bridge: name, isGateway: true, ipam})};
	};
	const peers = [
		peer('bridge', 'bridge', [[{subnet: '10.247.0.0/16'}]]),
		peer('ptp', 'ptp', [[{subnet: '10.248.0.0/16'}]]),
	];
	return [
		ours('routed', {ipam: {ranges: v4}}),
		ours('dual', {ipam: {ranges: dual}}),
		ours('bridged', {mode: 'bridge', bridge: 'bench0', ipam: {ranges: [[{subnet: '10.249.0.0/16'}]]}}),
		...(existsSync(join(options.peers, 'bridge')) ? peers : []),
	];
}

function write(name: string, config: object): string {
	const path = `/run/${name}.json`;
	writeFileSync(path, JSON.stringify(config));
	return path;
}

async function measure(subject: Subject): Promise<Figures> {
	const {pods, burst} = options;
	await call(subject, 'one', 'ADD', pods, pods + warmUps);
	await call(subject, 'one', 'DEL', pods, pods + warmUps);
	const adds = (await call(subject, 'one', 'ADD', 0, pods)).map(([took = 0]) => took);
	const deletes = await call(subject, 'one', 'DEL', 0, pods);
	const burstAdd = (await call(subject, 'all', 'ADD', 0, burst)).at(-1)?.[0] ?? Number.NaN;
	const burstDelete = (await call(subject, 'all', 'DEL', 0, burst)).at(-1)?.[0] ?? Number.NaN;
	const fifth = Math.ceil(pods / 5);
	return {
		addP50Ms: median(adds),
		addP99Ms: percentile(adds, 0.99),
		delP50Ms: median(deletes.map(([took = 0]) => took)),
		delP99Ms: percentile(
			deletes.map(([took = 0]) => took),
			0.99,
		),
		goneP99Ms: percentile(
			deletes.map(([, gone = 0]) => gone),
			0.99,
		),
		burstAddMs: burstAdd,
		burstDelMs: burstDelete,
		growth: median(adds.slice(-fifth)) / median(adds.slice(0, fifth)),
	};
}

/** Milliseconds, a row for each line of the caller. */
async function call(subject: Subject, how: 'one' | 'all', verb: string, from: number, to: number) {
	const {stdout} = await exec(caller, [how, verb, subject.plugin, subject.config, String(from), String(to)]);
	return stdout
		.trim()
		.split('\n')
		.map((line) => line.split(' ').map((nanoseconds) => Number(nanoseconds) / 1e6));
}

function report(): void {
	const rows = [...measured].map(([name, runs]) => ({name, ...medians(runs)}));
	const {name: _, ...own} = rows[0] ?? {name: ''};
	const others = Object.fromEntries(rows.slice(1).map(({name, ...figures}) => [name, figures]));
	const lines = options.json ? [JSON.stringify({...own, ...others})] : table(rows);
	process.stdout.write(`${lines.join('\n')}\n`);
}

function medians(runs: readonly Figures[]): Record<string, number> {
	const names = Object.keys(runs[0] ?? {}) as readonly (keyof Figures)[];
	return Object.fromEntries(names.map((name) => [name, Number(median(runs.map((run) => run[name])).toPrecision(3))]));
}

await prepare();
const daemon = await startDaemon();
for (let run = 0; run < options.runs; run++) {
	for (const subject of subjects()) {
		tell(`${subject.name}: run ${run + 1} of ${options.runs}`);
		const runs = measured.get(subject.name) ?? [];
		measured.set(subject.name, [...runs, await measure(subject)]);
	}
}

daemon.kill('SIGKILL');
tell('');
report();
