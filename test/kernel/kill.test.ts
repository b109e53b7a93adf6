import test from 'ava';
import {Daemon} from '../lab/daemon.ts';
import type {Host} from '../lab/host.ts';
import {clusterObjects, type MatrixService, matrixDestinations, matrixObjects} from '../lab/matrix.ts';
import {ObjectFolder, printList} from '../lab/object-folder.ts';
import {type Location, locations} from '../lab/oracle.ts';
import type {Probe, RateWindow} from '../lab/requests.ts';
import {buildLab, type Lab} from '../lab/topology.ts';

/** So many rounds at most, and none begins after `budgetMs`; each of the three kinds comes first. */
const rounds = 8;
const budgetMs = 25_000;
const connections = 1000;
const newPerSecond = 500;
/** Services that are talked to; each always has somebody to answer. */
const busy = 16;
/** Services that only make each sync longer, so that the kill falls into one. */
const idle = 200;
const places: readonly Location[] = ['here', 'elsewhere', 'both'];

let lab: Lab;
let folder: ObjectFolder;
let daemon: Daemon;
let services: readonly MatrixService[];

test.before(async () => {
	lab = await buildLab();
	folder = await ObjectFolder.create();
	await folder.write('cluster.json', printList(clusterObjects()));
	await rearrange();
	daemon = startDaemon();
	await daemon.ready();
});
test.after.always(async () => {
	await daemon.kill('SIGKILL');
	await lab.end();
	await folder.end();
});

test('killed at any moment of a sync under load, the daemon loses no connection and comes back right', async (t) => {
	t.timeout(120_000);
	const clients = [lab.hosts.out, lab.hosts.b, lab.hosts.n1];
	await Promise.all(clients.map(async (host) => await loadFrom(host, clients.length)));
	const began = performance.now();
	let round = 0;
	while (round < rounds && (round < 3 || performance.now() - began < budgetMs)) {
		round++;
		await rearrange();
		await pause(Math.random() * 150);
		await daemon.kill('SIGKILL');
		if (round % 2 === 0) {
			await rearrange(); // what happened while nobody looked
		}

		daemon = startDaemon();
		await pause(Math.random() * 400);
		if (round % 3 === 0) {
			await daemon.kill('SIGKILL'); // in its first sync, or before
			daemon = startDaemon();
		}

		await daemon.ready();
		t.deepEqual((await windows(clients, 'window')).flatMap(({failures}) => failures).slice(0, 5), [], `round ${round}`);
		await pause(300);
		t.deepEqual(
			(await windows(clients, 'window')).flatMap(wrongAnswers),
			[],
			`round ${round}: answers since it is ready`,
		);
	}

	t.log(`${round} rounds`);
	const last = await windows(clients, 'stop');
	t.deepEqual(last.flatMap(({failures}) => failures).slice(0, 5), []);
	const held = await Promise.all(clients.map(async (host) => await host.ask('release', null)));
	t.deepEqual(held.flatMap(({lost}) => lost).slice(0, 5), []);
	t.is(
		held.reduce((sum, {open}) => sum + open, 0),
		Math.ceil(connections / clients.length) * clients.length,
	);
});

function startDaemon(): Daemon {
	const node = ['--hostname-override', 'n1', '--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];
	return new Daemon(lab.hosts.n1, [...folder.flags, ...node]);
}

/** Writes every Service anew, with its endpoints somewhere else than before. */
async function rearrange(): Promise<void> {
	const anywhere = (index: number): MatrixService => ({
		name: `web-${index}`,
		index,
		internal: 'Cluster',
		external: 'Cluster',
		location: places[Math.floor(Math.random() * places.length)] ?? 'both',
	});
	services = Array.from({length: busy}, (_, index) => anywhere(index + 1));
	const others = Array.from({length: idle}, (_, index) => anywhere(busy + index + 1));
	await folder.write('idle.json', printList(others.flatMap(matrixObjects)));
	await Promise.all(
		services.map(async (service) => {
			await folder.write(`${service.name}.json`, printList(matrixObjects(service)));
		}),
	);
}

/** Load from one of `share` clients: to cluster IPs, node ports and load-balancer IPs, both families. */
async function loadFrom(host: Host, share: number): Promise<void> {
	const targets = services.flatMap((service): Probe[] => {
		const {clusterIP, nodePort, loadBalancerIP} = matrixDestinations(service);
		return [clusterIP, nodePort, loadBalancerIP].flatMap(({addresses, port}) =>
			addresses.flatMap((address) => (address === undefined ? [] : [{protocol: 'TCP', address, port}])),
		);
	});
	await host.ask('hold', {targets, count: Math.ceil(connections / share), periodMs: 500});
	await host.ask('rate', {targets, perSecond: newPerSecond / share});
}

async function windows(clients: readonly Host[], verb: 'window' | 'stop'): Promise<readonly RateWindow[]> {
	return await Promise.all(clients.map(async (host) => await host.ask(verb, null)));
}

/** What failed, and what a backend answered that its Service no longer has. */
function wrongAnswers({by, failures}: RateWindow): string[] {
	const allowed = new Set(
		services.flatMap((service) => {
			const backends: readonly string[] = locations[service.location].ready;
			return Object.values(matrixDestinations(service)).flatMap(({addresses, port}) =>
				addresses.flatMap((address = '') => {
					const target = address.includes(':') ? `[${address}]:${port}/TCP` : `${address}:${port}/TCP`;
					return backends.map((name) => `${target} ${name}`);
				}),
			);
		}),
	);
	const removed = Object.keys(by).filter((answer) => !allowed.has(answer));
	return [...removed, ...failures.map(({target, result}) => `${target} ${result}`)].slice(0, 5);
}

/** A probe to where nobody is takes exactly this long. */
async function pause(ms: number): Promise<void> {
	await lab.hosts.a.ask('probe', {probes: [{protocol: 'UDP', address: '198.51.100.250', port: 1}], deadlineMs: ms});
}
