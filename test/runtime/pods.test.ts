import {readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import process from 'node:process';
import test from 'ava';
import {exec} from '../../src/kernel/exec.ts';
import {addresses} from '../lab/addresses.ts';
import {Daemon, runFairlead} from '../lab/daemon.ts';
import {Host} from '../lab/host.ts';
import {clusterObjects, matrixObjects} from '../lab/matrix.ts';
import {ObjectFolder, printList} from '../lab/object-folder.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {addressesIn, binDir, type Container, Containerd, confDir} from './containerd.ts';

const {FAIRLEAD_NO_RUNTIME: reason} = process.env;
const title = (text: string) => (reason === undefined ? text : `${text} (${reason})`);
const runtimeTest = reason === undefined ? test.serial : test.serial.skip;

const podCidrs = ['10.128.2.0/24', 'fd00:128:0:2::/64'];
const web = {name: 'web', index: 1, internal: 'Cluster', external: 'Cluster', location: 'elsewhere'} as const;

let containerd: Containerd;
let lab: Lab;
let folder: ObjectFolder;
let daemon: Daemon;

function startDaemon(): Daemon {
	const cluster = ['--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];
	return new Daemon(lab.hosts.n1, [
		...folder.flags,
		'--hostname-override',
		'n1',
		...cluster,
		'--cni-conf-dir',
		confDir,
	]);
}

if (reason === undefined) {
	test.before(async () => {
		[lab, folder] = [await buildLab(), await ObjectFolder.create()];
		containerd = await Containerd.start(lab.hosts.n1);
		const nodes = clusterObjects().map((object) =>
			Object(object['metadata']).name === 'n1' ? {...object, spec: {podCIDRs: podCidrs}} : object,
		);
		await folder.write('cluster.json', printList([...nodes, ...matrixObjects(web)]));
		daemon = startDaemon();
		await daemon.ready();
		await runFairlead(lab.hosts.n1, [
			'cni',
			'install',
			'--bin-dir',
			binDir,
			'--conf-dir',
			confDir,
			...folder.stateFlags,
		]);
	});

	test.after.always(async () => {
		await containerd.end();
		await daemon.kill('SIGKILL');
		await lab.end();
		await folder.end();
	});
}

async function traces(): Promise<readonly string[]> {
	const lines = await Promise.all(
		[['-o', 'link'], ['route'], ['-6', 'route'], ['neigh']].map(async (args) => {
			const {stdout} = await lab.hosts.n1.exec('ip', args);
			return stdout.split('\n').filter((line) => line.includes('fair'));
		}),
	);
	return lines.flat();
}

/** Links go a moment after their DEL. */
async function untilNoTrace(): Promise<readonly string[]> {
	let left = await traces();
	for (const end = performance.now() + 5000; left.length > 0 && performance.now() < end; ) {
		left = await traces();
	}

	return left;
}

async function withContainers(names: readonly string[], use: (...containers: readonly Container[]) => Promise<void>) {
	const containers = await Promise.all(names.map(async (name) => await containerd.run(name)));
	try {
		await use(...containers);
	} finally {
		await Promise.all(containers.map(async (container) => await containerd.remove(container)));
	}
}

runtimeTest(
	title('containers have an address of each podCIDR, and reach each other, a Service and the outside'),
	async (t) => {
		await withContainers(['one', 'two'], async (...containers) => {
			const [first = [], second = []] = await Promise.all(containers.map(addressesIn));
			t.regex(first.join(), /^10\.128\.2\.\d+,fd00:128:0:2::[0-9a-f]+$/);
			const [one, two] = await Promise.all(containers.map(async ({id, netns}) => await new Host(id, netns).ready()));
			await two?.ask('serve', {name: 'two', ports: [8080]});
			const probe = async (targets: readonly string[], port: number) =>
				await one?.ask('probe', {
					probes: targets.map((address) => ({protocol: 'TCP', address, port}) as const),
					deadlineMs: 2500,
				});
			const seenAs = (by: string, pair: readonly string[]) => pair.map((seen) => ({kind: 'answered', by, seen}));
			t.deepEqual(await probe(second, 8080), seenAs('two', first));
			t.deepEqual(await probe(['10.96.1.1', 'fd00:96::101'], 80), seenAs('c', first));
			const outside = (await probe(addresses.lb, 80)) ?? [];
			const ofNode: readonly string[] = [...addresses.n1, ...addresses.alt]; // the kernel chooses one for a destination
			t.true(
				outside.every((result) => result.kind === 'answered' && ofNode.includes(result.seen)),
				JSON.stringify(outside),
			);
			await Promise.all([one?.end(), two?.end()]);
		});
	},
);

runtimeTest(title('containers that end leave no link, route or neighbour, and no address that is held'), async (t) => {
	const container = await containerd.run('brief');
	t.not((await traces()).length, 0);
	t.is(await containerd.remove(container), '');
	t.deepEqual(await untilNoTrace(), []);
	const rows = JSON.parse(await runFairlead(lab.hosts.n1, ['ipam', 'list', '-o', 'json', ...folder.stateFlags]));
	t.deepEqual(
		rows.filter(({state}: {state: string}) => state !== 'resting'),
		[],
	);
	t.deepEqual(readdirSync('/var/lib/cni/results'), []);
});

runtimeTest(title('20 containers at once are all started, with an address each'), async (t) => {
	const names = Array.from({length: 20}, (_, index) => `many-${index}`);
	await withContainers(names, async (...containers) => {
		const held = (await Promise.all(containers.map(addressesIn))).flat();
		t.is(new Set(held).size, 40);
	});
	t.deepEqual(await untilNoTrace(), []);
});

runtimeTest(
	title('a container that ends while the daemon is away is gone once the next one runs; one that stays goes on'),
	async (t) => {
		const [goes, stays] = [await containerd.run('goes'), await containerd.run('stays')];
		const [[gone = ''], kept] = [await addressesIn(goes), await addressesIn(stays)];
		await daemon.kill('SIGKILL');
		t.is(await containerd.remove(goes), '');
		daemon = startDaemon();
		await daemon.ready();
		const rows = JSON.parse(await runFairlead(lab.hosts.n1, ['ipam', 'list', '-o', 'json', ...folder.stateFlags]));
		const states = new Map(rows.map(({address, state}: {address: string; state: string}) => [address, state]));
		t.is(states.get(gone), 'resting');
		t.deepEqual(
			kept.map((address) => states.get(address)),
			['attached', 'attached'],
		);
		t.is(await containerd.remove(stays), '');
		t.deepEqual(await untilNoTrace(), []);
	},
);

runtimeTest(
	title('with portmap, bandwidth and tuning of the reference plugins behind it a container starts and ends'),
	async (t) => {
		const reference = '/usr/lib/cni';
		await exec('cp', ['-a', `${reference}/.`, binDir]);
		const stateDir = folder.stateFlags[1];
		const plugins = [
			{type: 'fairlead-cni', stateDir},
			{type: 'tuning', mtu: 1400},
			{type: 'bandwidth', ingressRate: 8_000_000, ingressBurst: 80_000},
			{type: 'portmap', capabilities: {portMappings: true}},
		];
		writeFileSync(join(confDir, '05-chain.conflist'), JSON.stringify({cniVersion: '1.0.0', name: 'chain', plugins}));
		try {
			await withContainers(['chained'], async (container) => {
				const {stdout} = await exec('nsenter', [`--net=${container.netns}`, '--', 'ip', 'link', 'show', 'eth0']);
				t.regex(stdout, /mtu 1400/);
				const [address = ''] = await addressesIn(container);
				const inside = await new Host('chained', container.netns).ready();
				await inside.ask('serve', {name: 'chained', ports: [8080]});
				const probes = [{protocol: 'TCP', address, port: 8080} as const];
				t.like(await lab.hosts.n1.ask('probe', {probes, deadlineMs: 2500}), [{kind: 'answered', by: 'chained'}]);
				await inside.end();
				const qdiscs = (await lab.hosts.n1.exec('tc', ['qdisc'])).stdout;
				t.regex(qdiscs, /tbf .*dev fair/);
			});
		} finally {
			await exec('rm', [join(confDir, '05-chain.conflist')]);
		}

		t.deepEqual(await untilNoTrace(), []);
	},
);
