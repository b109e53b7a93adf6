import {cp} from 'node:fs/promises';
import {join} from 'node:path';
import type {HostName} from '../test/lab/addresses.ts';
import {Daemon} from '../test/lab/daemon.ts';
import type {Lab} from '../test/lab/topology.ts';
import type {Story} from './demo-story.ts';
import {type EntranceName, probesOf} from './demo-traffic.ts';

const objectsFolder = join(import.meta.dirname, 'demo-objects');

/** What the demo plays in: the cluster, the folder that the daemon watches, and the daemon of the moment. */
export type Scene = {readonly story: Story; readonly lab: Lab; readonly folder: string; daemon: Daemon};

/** Where the daemon keeps what it needs again when it is started again. */
export function stateDir(folder: string): string {
	return join(folder, 'state');
}

/** A real `fairlead run` on n1. */
export function startDaemon(lab: Lab, folder: string): Daemon {
	const cluster = ['--hostname-override', 'n1', '--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];
	const flags = ['--objects', join(folder, 'objects'), '--state-dir', stateDir(folder)];
	return new Daemon(lab.hosts.n1, [...flags, ...cluster]);
}

/** Copies a version of the objects into the folder that the daemon watches. */
export async function putObjects(folder: string, version: 'start' | 'added' | 'removed' | 'moved'): Promise<void> {
	await cp(join(objectsFolder, version), join(folder, 'objects'), {recursive: true});
}

const perHost = 100;
const perSecond = 150;
const loads: readonly (readonly [HostName, readonly EntranceName[]])[] = [
	['out', ['web load-balancer IP', 'web node port', 'dns node port']],
	['b', ['web cluster IP', 'dns cluster IP']],
	['n1', ['web cluster IP', 'web external IP']],
];

/** Connections that stay open and talk, and new ones at a steady rate, from three hosts; begun, they go on until {@link endLoad}. */
export async function beginLoad({story, lab}: Scene): Promise<void> {
	await Promise.all(
		loads.map(async ([host, names]) => {
			const targets = names.flatMap(probesOf);
			const tcp = targets.filter(({protocol}) => protocol === 'TCP');
			await lab.hosts[host].ask('hold', {targets: tcp, count: perHost, periodMs: 100});
			await lab.hosts[host].ask('rate', {targets, perSecond});
		}),
	);
	const [open, rate] = [perHost * loads.length, perSecond * loads.length];
	story.say(`   ${open} connections are open and talking; ${rate} new ones a second, TCP and UDP, IPv4 and IPv6`);
}

/** Lets the load run: a probe to where nobody is takes exactly this long. */
export async function loadFor({lab}: Scene, ms: number): Promise<void> {
	await lab.hosts.a.ask('probe', {probes: [{protocol: 'UDP', address: '198.51.100.250', port: 1}], deadlineMs: ms});
}

/** Ends the load, and tells what became of the new connections and of the open ones. */
export async function endLoad({story, lab}: Scene): Promise<void> {
	const windows = await Promise.all(loads.map(async ([host]) => await lab.hosts[host].ask('stop', null)));
	const begun = windows.reduce((total, window) => total + window.begun, 0);
	const failures = windows.flatMap(({failures}) => failures.map(({target, result}) => `${target} ${result}`));
	story.fact(
		`${begun} connections were begun meanwhile: none lost, none refused`,
		failures.length === 0,
		`${failures.length} failed, such as ${failures[0]}`,
	);
	story.say(`     (the slowest waited ${Math.max(...windows.map(({slowestMs}) => slowestMs))} ms for its answer)`);
	const held = await Promise.all(loads.map(async ([host]) => await lab.hosts[host].ask('release', null)));
	const open = held.reduce((sum, report) => sum + report.open, 0);
	const echoes = held.reduce((sum, report) => sum + report.echoes, 0);
	const all = perHost * loads.length;
	story.fact(`${open} of ${all} open connections lived through it (${echoes} echoes)`, open === all);
}
