import anyTest from 'ava';
import {Daemon} from '../lab/daemon.ts';
import type {Host} from '../lab/host.ts';
import {clusterObjects, type MatrixService, matrixDestinations, matrixObjects} from '../lab/matrix.ts';
import {ObjectFolder, printList} from '../lab/object-folder.ts';
import type {Probe} from '../lab/requests.ts';
import {buildLab, type Lab} from '../lab/topology.ts';

const test = anyTest.serial; // one node, one daemon
const connections = 1000;
const newPerSecond = 200;
/** Services that are talked to. */
const busy = 8;
/** Services that only make the table larger. */
const idle = 200;

const services = Array.from(
	{length: busy + idle},
	(_, index): MatrixService => ({
		name: `web-${index}`,
		index: index + 1,
		internal: 'Cluster',
		external: 'Cluster',
		location: 'both',
	}),
);
const targets = services.slice(0, busy).flatMap((service): Probe[] => {
	const {clusterIP, nodePort, loadBalancerIP} = matrixDestinations(service);
	return [clusterIP, nodePort, loadBalancerIP].flatMap(({addresses, port}) =>
		addresses.flatMap((address) => (address === undefined ? [] : [{protocol: 'TCP', address, port}])),
	);
});

let lab: Lab;
let folder: ObjectFolder;
let daemon: Daemon;
let clients: readonly Host[];

test.before(async () => {
	lab = await buildLab();
	clients = [lab.hosts.out, lab.hosts.b];
	folder = await ObjectFolder.create();
	await folder.write('all.json', printList([...clusterObjects(), ...services.flatMap(matrixObjects)]));
	// a table that is there is taken in the form it has, so these are not owned
	await lab.hosts.n1.exec('nft', ['add table ip fairlead; add table ip6 fairlead']);
	const node = ['--hostname-override', 'n1', '--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];
	daemon = new Daemon(lab.hosts.n1, [...folder.flags, ...node, '-v', '4']);
	await daemon.ready();
});
test.after.always(async () => {
	await daemon.kill('SIGTERM');
	await lab.end();
	await folder.end();
});

/** So many times has the daemon said that it mended. */
const mendings = () => daemon.log.split('another process changed our rules; mended').length - 1;

/** So many times did it say so to an operator who did not ask for more. */
const warnings = () => daemon.log.split('\n').filter((line) => /"level":"warn".*mended/.test(line)).length;

async function nft(...commands: readonly string[]): Promise<void> {
	await lab.hosts.n1.exec('nft', ['-f', '-'], commands.join('\n'));
}

/** Does something to the table, and waits until the daemon says that it was mended. */
async function editAndMend(...commands: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
	const before = mendings();
	await nft(...commands);
	await daemon.printed(() => mendings() > before && daemon.log.endsWith('\n'));
	const line = daemon.log.split('\n').findLast((text) => text.includes('another process changed our rules'));
	return JSON.parse(line ?? '') as Readonly<Record<string, unknown>>;
}

async function hold(): Promise<void> {
	await Promise.all(
		clients.map(async (host) => await host.ask('hold', {targets, count: connections / clients.length, periodMs: 100})),
	);
}

test('whatever others do to the tables, 1,000 open connections go on, and new ones are answered right behind it', async (t) => {
	await hold();
	const [{address = '', port = 0} = {}] = targets;
	for (const [commands, what] of [
		[
			[`delete element ip fairlead services { ${address} . tcp . ${port} }`],
			'ip fairlead: 1 element of services deleted',
		],
		[['insert rule ip fairlead incoming drop'], 'ip fairlead: 1 rule of incoming added'],
		[['flush map ip6 fairlead endpoints'], /^ip6 fairlead: \d+ elements of endpoints deleted$/],
		[['flush table ip fairlead'], /^ip fairlead: /],
		[['delete table ip6 fairlead'], 'ip6 fairlead: the table deleted'],
		[['flush ruleset'], 'ip fairlead: the table deleted; ip6 fairlead: the table deleted'],
	] as const) {
		const line = await editAndMend(...commands);
		t.log(commands.join(), `${String(line['operations'])} operations in ${String(line['ms'])} ms`);
		t.is(line['process'], 'nft');
		if (typeof what === 'string') {
			t.is(line['what'], what);
		} else {
			t.regex(String(line['what']), what);
		}

		for (const host of clients) {
			const results = await host.ask('probe', {probes: targets, deadlineMs: 900});
			t.deepEqual(new Set(results.map(({kind}) => kind)), new Set(['answered']), commands.join());
		}
	}

	const held = await Promise.all(clients.map(async (host) => await host.ask('release', null)));
	t.deepEqual(held.flatMap(({lost}) => lost).slice(0, 5), []);
	t.is(
		held.reduce((sum, {open}) => sum + open, 0),
		connections,
	);
});

test('who flushes everything a hundred times is met with growing waits: no open connection is cut, and it ends right', async (t) => {
	t.timeout(120_000);
	await hold();
	await Promise.all(
		clients.map(async (host) => await host.ask('rate', {targets, perSecond: newPerSecond / clients.length})),
	);
	const [before, linesBefore] = [mendings(), warnings()];
	for (let round = 0; round < 100; round++) {
		await nft('flush ruleset');
	}

	const last = await editAndMend('flush ruleset');
	t.log(`mended ${mendings() - before} times, told ${warnings() - linesBefore} times; the last:`, last);
	t.true(mendings() - before < 40);
	t.true(warnings() - linesBefore < 12);
	const windows = await Promise.all(clients.map(async (host) => await host.ask('stop', null)));
	t.log(
		`${windows.reduce((sum, {begun}) => sum + begun, 0)} new connections, ${windows.reduce((sum, {failures}) => sum + failures.length, 0)} failed`,
	);
	for (const host of clients) {
		const results = await host.ask('probe', {probes: targets, deadlineMs: 900});
		t.deepEqual(new Set(results.map(({kind}) => kind)), new Set(['answered']));
		t.deepEqual((await host.ask('release', null)).lost.slice(0, 5), []);
	}
});
