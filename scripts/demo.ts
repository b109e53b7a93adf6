/** The main job, shown: real objects, the real daemon, the real kernel, in namespaces of their own. See scripts/demo. */
import {cp, mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {addresses, type HostName} from '../test/lab/addresses.ts';
import {Daemon, runFairlead} from '../test/lab/daemon.ts';
import {buildLab, type Lab} from '../test/lab/topology.ts';
import {Story} from './demo-story.ts';
import {count, type EntranceName, printCounts, probesOf} from './demo-traffic.ts';

const objectsFolder = join(import.meta.dirname, 'demo-objects');
const story = new Story();

/** What happens while it runs: the folder that the daemon watches, and the daemon of the moment. */
type Scene = {readonly lab: Lab; readonly folder: string; daemon: Daemon};

function printCluster(): void {
	const line = (name: keyof typeof addresses, what: string) => [name, ...addresses[name], what];
	story.table([
		['host', 'IPv4', 'IPv6', ''],
		line('n1', 'the node; fairlead runs here'),
		line('a', 'pod of n1'),
		line('b', 'pod of n1'),
		line('n2', 'another node'),
		line('c', 'pod of n2'),
		line('out', 'outside the cluster'),
	]);
}

function daemonFlags(folder: string): string[] {
	const cluster = ['--hostname-override', 'n1', '--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];
	return ['--objects', join(folder, 'objects'), '--state-dir', join(folder, 'state'), ...cluster];
}

async function start(lab: Lab, folder: string): Promise<Scene> {
	story.step('fairlead run --objects DIR');
	await cp(join(objectsFolder, 'start'), join(folder, 'objects'), {recursive: true});
	const began = performance.now();
	const daemon = new Daemon(lab.hosts.n1, daemonFlags(folder));
	await daemon.ready();
	story.table([
		['in DIR', ''],
		['cluster.yaml', 'Nodes n1 and n2, a ServiceCIDR'],
		['services.yaml', 'Service shop/web (LoadBalancer), Service shop/dns (NodePort, externalTrafficPolicy Local)'],
		['web-endpoints.yaml', 'EndpointSlices of web: a, c'],
		['dns-endpoints.yaml', 'EndpointSlices of dns: a, c'],
	]);
	story.fact(
		`everything is in the kernel ${Math.round(performance.now() - began)} ms after the process was started`,
		true,
	);
	return {lab, folder, daemon};
}

/** Who is asked, who answers, and as whom the servers see the client. */
const rounds: readonly (readonly [from: HostName, to: EntranceName, by: string, seen: string])[] = [
	['b', 'web cluster IP', 'a c', 'b'],
	['b', 'dns cluster IP', 'a c', 'b'],
	['b', 'web external IP', 'a c', 'n1'],
	['b', 'web cluster IP, unused port', 'refused', ''],
	['n1', 'web cluster IP', 'a c', 'n1'],
	['n1', 'dns node port', 'a c', 'n1'],
	['n2', 'web node port', 'a c', 'n1'],
	['out', 'web node port', 'a c', 'n1'],
	['out', 'web external IP', 'a c', 'n1'],
	['out', 'web load-balancer IP', 'a c', 'n1'],
	['out', 'dns node port', 'a', 'out'],
];

async function askAround({lab}: Scene): Promise<void> {
	story.step('Who answers: 100 connections each, half of them IPv6');
	const counted = await Promise.all(
		rounds.map(async ([from, to, by, seen]) => ({from, to, by, seen, counts: await count(lab, from, to, 50)})),
	);
	const line = ({from, to, counts}: (typeof counted)[number]) => {
		const {protocol, port} = {...probesOf(to)[0]};
		return [from, to, `${port}/${protocol}`, printCounts(counts), [...counts.seen].join(', ')];
	};
	story.table([['from', 'to', 'port', 'answered by', 'which see'], ...counted.map(line)]);
	const wrong = counted.filter(
		({by, seen, counts}) => [...counts.by.keys()].join(' ') !== by || [...counts.seen].join(' ') !== seen,
	);
	story.fact(
		'each was answered by the endpoints it should reach, under the source address it should have',
		wrong.length === 0,
		wrong.map(({from, to}) => `${from} to ${to}`).join(', '),
	);
	story.say('     (dns keeps the true source outside: policy Local sends it to the pod on this node only)');
}

/** Replaces the file of web's endpoints, and waits until connections show it. */
async function change(
	{lab, folder}: Scene,
	version: 'added' | 'removed',
	shows: (names: Set<string>) => boolean,
): Promise<number> {
	await cp(join(objectsFolder, version), join(folder, 'objects'), {recursive: true});
	const began = performance.now();
	while (performance.now() - began < 5000) {
		const {by} = await count(lab, 'out', 'web cluster IP', 40); // one of three is not among 80 by chance once in 10^14
		if (shows(new Set(by.keys()))) {
			return Math.round(performance.now() - began);
		}
	}

	return Number.NaN;
}

async function addEndpoint(scene: Scene): Promise<void> {
	story.step('An endpoint is added: web-endpoints.yaml now lists a, b, c');
	const ms = await change(scene, 'added', (names) => names.has('b'));
	story.fact(`b answers within ${ms} ms of the file's change`, Number.isFinite(ms));
	const counts = await count(scene.lab, 'out', 'web load-balancer IP', 150);
	story.fact(`300 connections from outside: ${printCounts(counts)}`, [...counts.by.keys()].join(' ') === 'a b c');
}

async function removeEndpoint(scene: Scene): Promise<void> {
	story.step('An endpoint is removed: web-endpoints.yaml now lists a, b');
	const ms = await change(scene, 'removed', (names) => !names.has('c'));
	story.fact(`c gets no new connection any more within ${ms} ms of the file's change`, Number.isFinite(ms));
	const counts = await count(scene.lab, 'out', 'web load-balancer IP', 150);
	story.fact(`300 connections from outside: ${printCounts(counts)}`, [...counts.by.keys()].join(' ') === 'a b');
}

const loads: readonly (readonly [HostName, readonly EntranceName[]])[] = [
	['out', ['web load-balancer IP', 'web node port', 'dns node port']],
	['b', ['web cluster IP', 'dns cluster IP']],
	['n1', ['web cluster IP', 'web external IP']],
];

async function killUnderLoad(scene: Scene): Promise<void> {
	story.step('kill -9 under load');
	const {lab, folder} = scene;
	const perHost = 100;
	await Promise.all(
		loads.map(async ([host, names]) => {
			const targets = names.flatMap(probesOf);
			const tcp = targets.filter(({protocol}) => protocol === 'TCP');
			await lab.hosts[host].ask('hold', {targets: tcp, count: perHost, periodMs: 100});
			await lab.hosts[host].ask('rate', {targets, perSecond: 150});
		}),
	);
	story.say(
		`   ${perHost * loads.length} connections are open and talking; 450 new ones a second, TCP and UDP, IPv4 and IPv6`,
	);
	await loadFor(lab, 1000);
	await scene.daemon.kill('SIGKILL');
	story.say(`   the daemon (process ${scene.daemon.pid}) was killed; while it is gone, web-endpoints.yaml gets c back`);
	await cp(join(objectsFolder, 'added'), join(folder, 'objects'), {recursive: true});
	await loadFor(lab, 2000);
	const began = performance.now();
	scene.daemon = new Daemon(lab.hosts.n1, daemonFlags(folder));
	await scene.daemon.ready();
	story.fact(`a new daemon took over in ${Math.round(performance.now() - began)} ms`, true);
	const before = await windows(lab, 'window');
	await loadFor(lab, 2000);
	const after = await windows(lab, 'stop');
	reportLoad(before, after);
	const counts = await count(lab, 'out', 'web load-balancer IP', 150);
	story.fact(`300 connections from outside: ${printCounts(counts)}`, [...counts.by.keys()].join(' ') === 'a b c');
	const held = await Promise.all(loads.map(async ([host]) => await lab.hosts[host].ask('release', null)));
	const open = held.reduce((sum, report) => sum + report.open, 0);
	const echoes = held.reduce((sum, report) => sum + report.echoes, 0);
	story.fact(
		`${open} of ${perHost * loads.length} open connections lived through it (${echoes} echoes)`,
		open === perHost * loads.length,
	);
}

/** Lets the load run: a probe to where nobody is takes exactly this long. */
async function loadFor(lab: Lab, ms: number): Promise<void> {
	await lab.hosts.a.ask('probe', {probes: [{protocol: 'UDP', address: '198.51.100.250', port: 1}], deadlineMs: ms});
}

type Windows = {
	readonly begun: number;
	readonly failures: readonly string[];
	readonly slowestMs: number;
};

async function windows(lab: Lab, verb: 'window' | 'stop'): Promise<Windows> {
	const all = await Promise.all(loads.map(async ([host]) => await lab.hosts[host].ask(verb, null)));
	return {
		begun: all.reduce((total, {begun}) => total + begun, 0),
		failures: all.flatMap(({failures}) => failures.map(({target, result}) => `${target} ${result}`)),
		slowestMs: Math.max(...all.map(({slowestMs}) => slowestMs)),
	};
}

function reportLoad(before: Windows, after: Windows): void {
	const {length} = [...before.failures, ...after.failures];
	const begun = before.begun + after.begun;
	const example = before.failures[0] ?? after.failures[0] ?? '';
	story.fact(
		`${begun} connections were begun meanwhile: none lost, none refused`,
		length === 0,
		`${length} failed, such as ${example}`,
	);
	story.say(`     (the slowest waited ${Math.max(before.slowestMs, after.slowestMs)} ms for its answer)`);
}

async function cleanUp({lab, daemon}: Scene): Promise<void> {
	story.step('fairlead cleanup');
	await daemon.kill('SIGTERM');
	await runFairlead(lab.hosts.n1, ['cleanup']);
	const counts = await count(lab, 'out', 'web node port', 5);
	const {stdout} = await lab.hosts.n1.exec('nft', ['list', 'tables']);
	story.fact('its tables are gone from the kernel', stdout.trim() === '', stdout);
	story.fact('the node port is closed', [...counts.by.keys()].join() === 'refused', printCounts(counts));
}

async function tell(): Promise<void> {
	story.say('Fairlead: Services on one node. Everything below happens in network namespaces of its own.');
	story.step('A small cluster');
	const lab = await buildLab();
	const folder = await mkdtemp(join(tmpdir(), 'fairlead-demo-'));
	try {
		printCluster();
		const scene = await start(lab, folder);
		await askAround(scene);
		await addEndpoint(scene);
		await removeEndpoint(scene);
		await killUnderLoad(scene);
		await cleanUp(scene);
	} finally {
		await lab.end();
		await rm(folder, {recursive: true, force: true});
	}
}

await tell();
process.exitCode = story.end() ? 0 : 1;
