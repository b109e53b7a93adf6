import {mkdir, rename, rm, rmdir} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {CniNode} from '../lab/cni-node.ts';
import type {Called} from '../lab/cni-plugin.ts';

let node: CniNode;

test.beforeEach(async () => {
	node = await CniNode.start();
});

test.afterEach.always(async () => await node.end());

function ipOf({output}: Pick<Called, 'output'>): string {
	return output.ips[0].address.replace(/\/.*/, '');
}

async function askHostPort(): Promise<string | undefined> {
	const probes = [{protocol: 'TCP', address: '172.31.1.1', port: 8888} as const];
	const [result] = await node.lab.hosts.out.ask('probe', {probes, deadlineMs: 1500});
	return result?.kind;
}

test.serial(
	'while the daemon is down a DEL succeeds, an ADD is to be tried again, STATUS is 50; the next daemon deletes',
	async (t) => {
		const [one, two] = [await node.newPod(), await node.newPod()];
		const [goes, stays] = [await node.call('ADD', one), await node.call('ADD', two)];
		await node.daemon.kill('SIGKILL');
		t.like(await node.call('DEL', one), {exitCode: 0});
		t.like(await node.call('ADD', await node.newPod()), {exitCode: 1, output: {code: 11}});
		t.like(await node.call('STATUS', one), {exitCode: 1, output: {code: 50}});
		t.like(await node.call('CHECK', two, {prevResult: stays.output}), {exitCode: 1, output: {code: 11}});
		node.restart();
		await node.daemon.ready();
		t.like(await node.call('CHECK', two, {prevResult: stays.output}), {exitCode: 0});
		const states = await node.addresses();
		t.deepEqual([states[ipOf(goes)], states[ipOf(stays)]], ['resting', 'attached']);
		await node.call('DEL', two);
		await node.untilNoTrace();
	},
);

test.serial('host ports outlive a kill of the daemon, and go with their pod', async (t) => {
	const pod = await node.newPod();
	const runtimeConfig = {portMappings: [{hostPort: 8888, containerPort: 8080, protocol: 'tcp'}]};
	await node.attach(pod, {runtimeConfig});
	t.is(await askHostPort(), 'answered');
	await node.daemon.kill('SIGKILL');
	t.is(await askHostPort(), 'answered');
	node.restart();
	await node.daemon.ready();
	t.is(await askHostPort(), 'answered');
	await node.call('DEL', pod);
	t.is(await askHostPort(), 'refused');
});

test.serial(
	'a journal that cannot be read stops no Service and removes no host port; once it can be, all goes on',
	async (t) => {
		const pod = await node.newPod();
		const runtimeConfig = {portMappings: [{hostPort: 8888, containerPort: 8080, protocol: 'tcp'}]};
		await node.attach(pod, {runtimeConfig});
		await node.daemon.kill('SIGKILL');
		const journal = join(node.stateDir, 'cni.db');
		for (const suffix of ['', '-wal', '-shm']) {
			await rename(journal + suffix, `${journal}.away${suffix}`);
		}

		await mkdir(journal);
		node.restart();
		await node.daemon.ready();
		t.like(await node.call('ADD', await node.newPod()), {exitCode: 1, output: {code: 5}});
		t.is(await askHostPort(), 'answered');
		await rmdir(journal);
		for (const suffix of ['', '-wal', '-shm']) {
			await rename(`${journal}.away${suffix}`, journal + suffix);
		}

		t.like(await node.call('ADD', await node.newPod()), {exitCode: 0});
		await node.call('DEL', pod);
		t.is(await askHostPort(), 'refused');
	},
);

test.serial(
	'a journal that is lost takes no pod its network, gives nobody its address, and removes no rule',
	async (t) => {
		const pod = await node.newPod();
		const runtimeConfig = {portMappings: [{hostPort: 8888, containerPort: 8080, protocol: 'tcp'}]};
		const result = await node.attach(pod, {runtimeConfig});
		await node.daemon.kill('SIGKILL');
		for (const suffix of ['', '-wal', '-shm']) {
			await rm(join(node.stateDir, `cni.db${suffix}`), {force: true});
		}

		node.restart();
		await node.daemon.ready();
		const [mine = ''] = result.ips.map(({address}: {address: string}) => address.replace(/\/.*/, ''));
		const taken = {runtimeConfig: {ips: [mine]}};
		t.like(await node.call('ADD', await node.newPod(), taken), {exitCode: 1, output: {code: 101}});
		const probes = [{protocol: 'TCP', address: mine, port: 8080} as const];
		t.like(await node.lab.hosts.n1.ask('probe', {probes, deadlineMs: 1500}), [{kind: 'answered'}]);
		t.is(await askHostPort(), 'answered');
		t.regex(node.daemon.log, /pods run that the journal does not name/);
		t.like(await node.call('DEL', pod), {exitCode: 0});
		await node.untilNoTrace();
	},
);

test.serial(
	'killed at any moment of ADDs and DELs, the next daemon has no address twice, none that nobody holds, no stray link',
	async (t) => {
		t.timeout(180_000);
		const pods = await Promise.all(Array.from({length: 8}, async () => await node.newPod()));
		for (let round = 0; round < 12; round++) {
			const calls = pods.map(async (pod, index) => await node.call((round + index) % 2 === 0 ? 'ADD' : 'DEL', pod));
			await Promise.race(round % 3 === 0 ? calls : [...calls.slice(0, (round % 7) + 1)]);
			await node.daemon.kill('SIGKILL');
			const before = await Promise.all(calls);
			node.restart();
			await node.daemon.ready();
			const states = await node.addresses();
			const held = Object.entries(states).filter(([, state]) => state === 'attached');
			const answered = before.flatMap(({exitCode, output}, index) =>
				(round + index) % 2 === 0 && exitCode === 0 ? [ipOf({output})] : [],
			);
			t.deepEqual(
				answered.filter((ip) => states[ip] !== 'attached'),
				[],
				`round ${round}: an ADD that was answered is kept`,
			);
			t.deepEqual(
				Object.values(states).filter((state) => state === 'adding' || state === 'deleting'),
				[],
			);
			const links = (await node.traces()).filter((line) => /^\d+: fair/.test(line));
			t.is(new Set(held.map(([address]) => address)).size, held.length);
			t.true(links.length >= held.length / 2, `round ${round}: ${links.length} links of ${held.length} addresses`);
		}

		await Promise.all(pods.map(async (pod) => await node.call('DEL', pod)));
		await node.untilNoTrace();
		t.deepEqual(
			Object.values(await node.addresses()).filter((state) => state !== 'resting'),
			[],
		);
	},
);
