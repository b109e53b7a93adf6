import {readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';
import test from 'ava';
import {CniNode, type CniPod} from '../lab/cni-node.ts';
import type {Called} from '../lab/cni-plugin.ts';

let node: CniNode;

test.beforeEach(async () => {
	node = await CniNode.start();
});

test.afterEach.always(async () => await node.end());

function ipOf({output}: Pick<Called, 'output'>): string {
	return output.ips[0].address.replace(/\/.*/, '');
}

/** One of many containers in the namespace of one pod: a process for each would take longer than the calls. */
type Container = {readonly pod: CniPod; readonly env: Readonly<Record<string, string>>};

function containerIn({host}: CniPod, index: number): Container {
	const pod = {host, containerId: `${host.name}-${index}`};
	return {pod, env: {CNI_IFNAME: `net${index}`, CNI_ARGS: ''}};
}

function containersIn(pod: CniPod, count: number): readonly Container[] {
	return Array.from({length: count}, (_, index) => containerIn(pod, index));
}

async function call(verb: string, {pod, env}: Container, config: object = {}): Promise<Called> {
	return await node.call(verb, pod, config, env);
}

async function callAll(verb: string, containers: readonly Container[]): Promise<readonly Called[]> {
	return await Promise.all(containers.map(async (container) => await call(verb, container)));
}

/** 0, or the code of the refusal. */
const codeOf = ({exitCode, output}: Called) => (exitCode === 0 ? 0 : output.code);

/** Addresses that are neither free nor resting. */
async function held(): Promise<readonly string[]> {
	return Object.entries(await node.addresses()).flatMap(([address, state]) => (state === 'resting' ? [] : [address]));
}

const broken = {
	corrupt: (path: string) => writeFileSync(path, 'this is no database, whatever its name says'.repeat(200)),
	newer: (path: string) => {
		using database = new DatabaseSync(path);
		database.exec('PRAGMA user_version = 99');
	},
};

for (const [what, spoil] of Object.entries(broken)) {
	test.serial(
		`a journal that is ${what} is moved aside at the start, is told, and pods are attached again`,
		async (t) => {
			const [before, after] = [await node.newPod(), await node.newPod()];
			await node.call('ADD', before);
			await node.daemon.kill('SIGKILL');
			const path = join(node.stateDir, 'cni.db');
			rmSync(`${path}-wal`, {force: true});
			spoil(path);
			node.restart();
			await node.daemon.ready();
			t.true(readdirSync(node.stateDir).some((name) => name.startsWith(`cni.db.${what}.`)));
			t.regex(node.daemon.log, /which pods are attached is not known any more/);
			t.is((await node.call('ADD', after)).exitCode, 0);
			t.is((await node.call('DEL', before)).exitCode, 0);
			t.is((await node.call('DEL', after)).exitCode, 0);
			await node.untilNoTrace();
		},
	);
}

test.serial('a journal that is deleted under the daemon does not keep ADDs and DELs from going on', async (t) => {
	const pod = await node.newPod();
	t.is(codeOf(await call('ADD', containerIn(pod, 0))), 0);
	for (const suffix of ['', '-wal', '-shm']) {
		rmSync(join(node.stateDir, `cni.db${suffix}`), {force: true});
	}

	t.is(codeOf(await call('ADD', containerIn(pod, 1))), 0);
	t.deepEqual((await callAll('DEL', containersIn(pod, 2))).map(codeOf), [0, 0]);
	t.deepEqual(await held(), []);
	await node.untilNoTrace();
});

test.serial('of 100 ADDs at once half are refused, and only the other half hold addresses', async (t) => {
	const containers = containersIn(await node.newPod(), 100);
	const isRefused = (index: number) => index % 2 === 1;
	const asked = containers.map(({pod, env}, index) => ({
		pod,
		env: isRefused(index) ? {...env, CNI_IFNAME: 'lo'} : env,
	}));
	t.deepEqual(
		(await callAll('ADD', asked)).map(codeOf),
		asked.map((_, index) => (isRefused(index) ? 103 : 0)),
	);
	t.is((await held()).length, 100, 'two each');
	await callAll('DEL', containers);
	t.deepEqual(await held(), []);
	await node.untilNoTrace();
});

test.serial('an address that another pod has is refused with 101, and stays with that one', async (t) => {
	const pod = await node.newPod();
	const asked = {runtimeConfig: {ips: ['10.128.2.77/24']}};
	t.is(ipOf(await call('ADD', containerIn(pod, 0), asked)), '10.128.2.77');
	t.is(codeOf(await call('ADD', containerIn(pod, 1), asked)), 101);
	t.is((await node.addresses())['10.128.2.77'], 'attached');
});

test.serial('forwarding that is off is switched on at the start', async (t) => {
	const names = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'];
	await node.daemon.kill('SIGTERM');
	await node.lab.hosts.n1.exec('sysctl', ['-w', ...names.map((name) => `${name}=0`)]);
	node.restart();
	await node.daemon.ready();
	const {stdout} = await node.lab.hosts.n1.exec('sysctl', ['-n', ...names]);
	t.is(stdout, '1\n1\n');
});

test.serial(
	'nothing grows over 500 ADDs and DELs: descriptors, addresses held, links, queueing disciplines',
	async (t) => {
		t.timeout(120_000);
		const containers = containersIn(await node.newPod(), 50);
		const measure = async () => ({
			descriptors: readdirSync(`/proc/${node.daemon.pid}/fd`).length,
			qdiscs: (await node.lab.hosts.n1.exec('tc', ['qdisc', 'show'])).stdout.split('\n').length,
			routes: (await node.lab.hosts.n1.exec('ip', ['route', 'show', 'table', 'all'])).stdout.split('\n').length,
		});
		const residentKiB = () =>
			Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.daemon.pid}/status`, 'utf8'))?.[1]);
		const round = async () => {
			await callAll('ADD', containers);
			await callAll('DEL', containers);
			await node.untilNoTrace();
		};
		await round();
		const [before, memory] = [await measure(), residentKiB()];
		for (let count = 0; count < 10; count++) {
			await round();
		}

		const after = await measure();
		t.true(after.descriptors <= before.descriptors + 4, `${after.descriptors} descriptors after ${before.descriptors}`); // connections that are closing
		t.deepEqual({...after, descriptors: 0}, {...before, descriptors: 0});
		t.deepEqual(await held(), []);
		t.true(residentKiB() - memory < 32 * 1024, `${residentKiB() - memory} KiB more`);
	},
);
