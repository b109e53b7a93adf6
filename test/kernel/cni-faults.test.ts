import {execFileSync} from 'node:child_process';
import {readdirSync, rmSync, writeFileSync} from 'node:fs';
import {connect} from 'node:net';
import {join} from 'node:path';
import anyTest from 'ava';
import {CniNode, type CniPod} from '../lab/cni-node.ts';
import type {Called} from '../lab/cni-plugin.ts';

const test = anyTest.serial; // one node
let node: CniNode;

test.beforeEach(async () => {
	node = await CniNode.start();
});

test.afterEach.always(async () => await node.end());

async function newPods(count: number): Promise<readonly CniPod[]> {
	return await Promise.all(Array.from({length: count}, async () => await node.newPod()));
}

/** Addresses in this state. */
async function held(state: string): Promise<readonly string[]> {
	const states = Object.entries(await node.addresses());
	return states.filter(([, each]) => each === state).map(([address]) => address);
}

const failed = ({exitCode}: Called) => exitCode !== 0;

test('a namespace that vanishes while its ADD runs leaves nothing behind its DEL', async (t) => {
	const pods = await newPods(24);
	await Promise.all(
		pods.map(async (pod, index) => {
			const adding = node.call('ADD', pod);
			await (index % 3 === 0 ? node.endPod(pod) : Promise.all([node.endPod(pod), adding]));
			await adding;
			t.like(await node.call('DEL', pod), {exitCode: 0});
		}),
	);
	t.deepEqual([...(await held('adding')), ...(await held('attached')), ...(await held('deleting'))], []);
	await node.untilNoTrace();
});

test('a DEL that comes while the ADD of its container runs is done behind it', async (t) => {
	const pods = await newPods(12);
	await Promise.all(pods.map(async (pod) => await Promise.all([node.call('ADD', pod), node.call('DEL', pod)])));
	await Promise.all(pods.map(async (pod) => t.like(await node.call('DEL', pod), {exitCode: 0})));
	t.deepEqual(await held('attached'), []);
	await node.untilNoTrace();
});

test('a range without a free address says which, and gives one out again once a pod went', async (t) => {
	const config = {name: 'small', ipam: {ranges: [[{subnet: '10.128.9.0/29'}]]}};
	const [late, ...pods] = await newPods(6);
	for (const pod of pods) {
		await node.attach(pod, config);
	}

	const refused = await node.call('ADD', late ?? (pods[0] as CniPod), config);
	t.like(refused, {exitCode: 1, output: {code: 100}});
	t.regex(refused.output.msg, /all 5 of 10\.128\.9\.2 to 10\.128\.9\.6 are held/);
	t.like(await node.call('DEL', pods[2] as CniPod, config), {exitCode: 0});
	t.like(await node.call('ADD', late as CniPod, config), {exitCode: 0, output: {ips: [{address: '10.128.9.4/32'}]}});
});

test('with a full disk an ADD is refused and leaves nothing, a DEL cuts its pod off; with room again all goes on', async (t) => {
	const [first, second] = await newPods(2);
	const {stateDir} = node;
	await node.daemon.kill('SIGTERM');
	execFileSync('/usr/bin/mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', stateDir]);
	t.teardown(() => execFileSync('/usr/bin/umount', ['-l', stateDir]));
	node.restart();
	await node.daemon.ready();
	const result = await node.attach(first as CniPod);
	const [{address}] = result.ips;
	const filler = join(stateDir, 'filler');
	try {
		writeFileSync(filler, Buffer.alloc(1024 * 1024));
	} catch {
		// as full as it gets
	}

	const refused = await node.call('ADD', second as CniPod);
	t.like(refused, {exitCode: 1, output: {code: 5}});
	t.is((await held('adding')).length, 0);
	await node.call('DEL', first as CniPod);
	const probes = [{protocol: 'TCP', address: address.replace(/\/.*/, ''), port: 8080} as const];
	t.notDeepEqual((await node.lab.hosts.n1.ask('probe', {probes, deadlineMs: 350}))[0]?.kind, 'answered');
	rmSync(filler);
	t.like(await node.call('DEL', first as CniPod), {exitCode: 0});
	t.like(await node.call('ADD', second as CniPod), {exitCode: 0});
	t.like(await node.call('DEL', second as CniPod), {exitCode: 0});
	await node.untilNoTrace();
});

test('garbage, half messages and a gigabyte at the socket keep no pod from its network', async (t) => {
	const path = join(node.stateDir, 'control.sock');
	const say = (...bytes: readonly Uint8Array[]) => {
		const socket = connect({path});
		socket.on('error', () => undefined);
		socket.write(Buffer.concat(bytes));
		return socket;
	};
	const announced = Buffer.alloc(4);
	announced.writeUInt32BE(2 ** 30);
	const peers = Array.from({length: 40}, (_, index) =>
		[
			() => say(Buffer.from('GET / HTTP/1.1\r\n\r\n')),
			() => say(Buffer.from([0, 0, 1, 0, 123])),
			() => say(announced, Buffer.alloc(2 ** 20, 120)),
			() => say(),
		][index % 4]?.(),
	);
	const pods = await newPods(20);
	const added = await Promise.all(pods.map(async (pod) => await node.call('ADD', pod)));
	t.deepEqual(added.filter(failed), []);
	for (const peer of peers) {
		peer?.destroy();
	}

	t.deepEqual((await Promise.all(pods.map(async (pod) => await node.call('DEL', pod)))).filter(failed), []);
	await node.untilNoTrace();
});

test('ended in the middle of many ADDs, the next daemon has what was answered, and nothing else', async (t) => {
	const pods = await newPods(30);
	const adding = pods.map(async (pod) => await node.call('ADD', pod));
	await Promise.race(adding);
	await node.daemon.kill('SIGTERM');
	const added = await Promise.all(adding);
	node.restart();
	await node.daemon.ready();
	const answered = added.flatMap(({exitCode, output}) =>
		exitCode === 0 ? [output.ips[0].address.replace(/\/.*/, '')] : [],
	);
	const attached = await held('attached');
	t.deepEqual(
		answered.filter((address) => !attached.includes(address)),
		[],
	);
	t.deepEqual([...(await held('adding')), ...(await held('deleting'))], []);
	await Promise.all(pods.map(async (pod) => t.like(await node.call('DEL', pod), {exitCode: 0})));
	await node.untilNoTrace();
});

test('a pair that has the name of ours is taken away for the pod; what is none is an error, and stays', async (t) => {
	const [pod] = await newPods(1);
	const {interfaces} = await node.attach(pod as CniPod);
	await node.call('DEL', pod as CniPod);
	await node.untilNoTrace();
	await node.lab.hosts.n1.ask('ip', [`link add ${interfaces[0].name} type bridge`]);
	t.like(await node.call('ADD', pod as CniPod), {exitCode: 1, output: {code: 106}});
	await node.lab.hosts.n1.ask('ip', [`link del ${interfaces[0].name}`, `link add ${interfaces[0].name} type veth`]);
	t.like(await node.call('ADD', pod as CniPod), {exitCode: 0});
	await node.call('DEL', pod as CniPod);
});

test('300 pods later the daemon holds no more files than before, and the node no links', async (t) => {
	const [pod] = await newPods(1);
	const files = () => readdirSync(`/proc/${node.daemon.pid}/fd`).length;
	const round = async () => {
		t.like(await node.call('ADD', pod as CniPod), {exitCode: 0});
		t.like(await node.call('DEL', pod as CniPod), {exitCode: 0});
	};
	await round();
	await node.untilNoTrace();
	const before = files();
	for (let index = 0; index < 300; index++) {
		await round();
	}

	await node.untilNoTrace();
	t.true(files() <= before + 2, `${files()} files, ${before} before`);
});
