import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import anyTest, {type ExecutionContext} from 'ava';
import {Collector} from '../../src/cni/collector.ts';
import {Ipam} from '../../src/cni/ipam.ts';
import {openJournal} from '../../src/cni/journal.ts';
import {Plugin, type PluginParts} from '../../src/cni/plugin.ts';
import {NetError} from '../../src/errors.ts';
import type {PodAttachment} from '../../src/model/objects.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import {Host} from '../lab/host.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeLinks} from '../support/fake-links.ts';
import {memoryLog} from '../support/memory-log.ts';

const test = anyTest.serial;
const config = {cniVersion: '1.1.0', name: 'pods', type: 'fairlead-cni'};
const hostPorts = {portMappings: [{hostPort: 8080, containerPort: 80, protocol: 'tcp'}]};
let pods: readonly Host[];

test.before(async () => {
	pods = await Promise.all(['a', 'b'].map(async (name) => await new Host(name).ready()));
});

test.after.always(async () => void (await Promise.all(pods.map(async (pod) => await pod.end()))));

/** A plugin whose links are in memory, and who follows its pods does as a test says. */
async function build(t: ExecutionContext, more: Partial<PluginParts> = {}) {
	const folder = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
	const {journal} = await openJournal(join(folder, 'cni.db'), 'now');
	t.teardown(() => {
		journal.close();
		rmSync(folder, {recursive: true});
	});
	const [clock, links, {log}] = [new FakeClock(), new FakeLinks(), memoryLog()];
	const ipam = new Ipam({journal, now: () => clock.now(), wall: () => clock.wall(), restMs: 60_000});
	ipam.setPodCidrs([parsePrefix('10.244.1.0/24')]);
	const told: string[] = [];
	const watcher = {
		attached: async ({name}: PodAttachment) => void told.push(`attached ${name}`),
		detached: async (key: string) => void told.push(`detached ${key}`),
	};
	const after = clock.after.bind(clock);
	const rest = {hindrance: () => undefined, nodeAddresses: () => [], families: ['IPv4'] as const, log, after};
	const plugin = new Plugin({ipam, links, watcher, ...rest, ...more});
	return {plugin, ipam, links, clock, told, log};
}

/** A call for container `id` in the namespace of a pod of the test. */
function callOf(verb: string, id = 'c1', at = 0, runtimeConfig: object = {}, pod = `web-${id}`) {
	return {
		env: {
			CNI_COMMAND: verb,
			CNI_CONTAINERID: id,
			CNI_IFNAME: 'eth0',
			CNI_NETNS: pods[at]?.netns ?? '',
			CNI_ARGS: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod};K8S_POD_UID=${id}`,
		},
		config: JSON.stringify({...config, runtimeConfig}),
	};
}

const codeOf = ({output}: {readonly output: object | null}) => Object(output).code;

test('an attach that the kernel refuses leaves no address, no host port, no row and no link', async (t) => {
	const {plugin, ipam, links, told} = await build(t);
	links.attachFault = new NetError('CNI_KERNEL', 'make a link');
	t.is(codeOf(await plugin.answer(callOf('ADD', 'c1', 0, hostPorts))), 106);
	t.deepEqual([ipam.attachments.length, links.made.size], [0, 0]);
	t.deepEqual(told, ['detached c1/eth0']);
	t.is((await plugin.answer(callOf('ADD', 'c2', 0, hostPorts))).exitCode, 0);
});

test('host ports that are not in force within ten seconds undo the ADD, which is to be tried again', async (t) => {
	const {promise} = Promise.withResolvers<void>();
	const watcher = {attached: async () => await promise, detached: async () => undefined};
	const {plugin, ipam, links, clock} = await build(t, {watcher});
	const answer = plugin.answer(callOf('ADD', 'c1', 0, hostPorts));
	await clock.settle();
	await clock.advance(10_000);
	t.is(codeOf(await answer), 11);
	t.deepEqual([ipam.attachments.length, links.made.size], [0, 0]);
});

test('host ports that the kernel refuses undo the ADD', async (t) => {
	const refused = new NetError('NFT_REFUSED', 'add an element');
	const watcher = {attached: async () => await Promise.reject(refused), detached: async () => undefined};
	const {plugin, ipam, links} = await build(t, {watcher});
	const answer = await plugin.answer(callOf('ADD', 'c1', 0, hostPorts));
	t.is(answer.exitCode, 1);
	t.deepEqual([ipam.attachments.length, links.made.size], [0, 0]);
});

test('a pod without host ports waits for nobody', async (t) => {
	const {promise} = Promise.withResolvers<void>();
	const watcher = {attached: async () => await promise, detached: async () => await promise};
	const {plugin, ipam} = await build(t, {watcher});
	t.is((await plugin.answer(callOf('ADD'))).exitCode, 0);
	t.is((await plugin.answer(callOf('DEL'))).exitCode, 0);
	t.is(ipam.attachments.length, 0);
});

test('a DEL waits two seconds for host ports to go, and then goes on', async (t) => {
	const {promise} = Promise.withResolvers<void>();
	const watcher = {attached: async () => undefined, detached: async () => await promise};
	const {plugin, ipam, links, clock} = await build(t, {watcher});
	await plugin.answer(callOf('ADD', 'c1', 0, hostPorts));
	const answer = plugin.answer(callOf('DEL'));
	await clock.settle();
	t.is(links.made.size, 1);
	await clock.advance(2000);
	t.is((await answer).exitCode, 0);
	t.deepEqual([ipam.attachments.length, links.made.size], [0, 0]);
});

test('a detach that fails keeps the row, so that a second DEL or the next look finishes it', async (t) => {
	const {plugin, ipam, links, clock, log} = await build(t);
	await plugin.answer(callOf('ADD'));
	links.detachFault = new NetError('CNI_KERNEL', 'remove a link');
	t.is(codeOf(await plugin.answer(callOf('DEL'))), 106);
	t.is(ipam.attachments[0]?.state, 'deleting');
	const collector = new Collector({ipam, links, plugin, log, now: () => clock.now(), cacheDir: '/nowhere'});
	await collector.collect();
	t.deepEqual([ipam.attachments.length, links.made.size], [0, 0]);
});

test('what an earlier daemon left half done is finished before a call is answered', async (t) => {
	const {plugin, ipam, links, ...rest} = await build(t);
	links.detachFault = new NetError('CNI_KERNEL', 'remove a link');
	await plugin.answer(callOf('ADD'));
	await plugin.answer(callOf('DEL'));
	const next = new Plugin({
		...rest,
		ipam,
		links,
		watcher: {attached: async () => undefined, detached: async () => undefined},
		...{
			hindrance: () => undefined,
			nodeAddresses: () => [],
			families: ['IPv4'] as const,
			after: rest.clock.after.bind(rest.clock),
		},
	});
	void next.recover();
	t.is((await next.answer(callOf('ADD'))).exitCode, 0);
	t.deepEqual(
		ipam.attachments.map(({state}) => state),
		['attached'],
	);
});

test('calls for one container wait for each other, those for another do not', async (t) => {
	const {plugin, links, clock} = await build(t);
	const {promise, resolve} = Promise.withResolvers<void>();
	links.gate = promise;
	const first = plugin.answer(callOf('ADD'));
	await clock.settle();
	const second = plugin.answer(callOf('DEL'));
	links.gate = Promise.resolve();
	t.is((await plugin.answer(callOf('ADD', 'c2', 1))).exitCode, 0);
	t.is(links.told.filter((each) => each.startsWith('detach')).length, 0);
	resolve();
	t.deepEqual([(await first).exitCode, (await second).exitCode], [0, 0]);
	t.is(links.made.size, 1);
});

test('a new sandbox of a pod has its host ports once the namespace of the old one is gone; before it is refused', async (t) => {
	const {plugin, ipam} = await build(t);
	const gone = await new Host('gone').ready();
	const old = callOf('ADD', 'old', 0, hostPorts, 'web');
	t.is((await plugin.answer({...old, env: {...old.env, CNI_NETNS: gone.netns}})).exitCode, 0);
	t.is(codeOf(await plugin.answer(callOf('ADD', 'new', 0, hostPorts, 'web'))), 102);
	await gone.end();
	t.is((await plugin.answer(callOf('ADD', 'new', 0, hostPorts, 'web'))).exitCode, 0);
	t.deepEqual(
		ipam.attachments.map(({containerId}) => containerId),
		['new'],
	);
});

test('a GC goes on past what fails, and tells it', async (t) => {
	const {plugin, ipam, links} = await build(t);
	await plugin.answer(callOf('ADD', 'c1'));
	await plugin.answer(callOf('ADD', 'c2', 1));
	links.detachFault = new NetError('CNI_KERNEL', 'remove a link');
	const gc = {env: {CNI_COMMAND: 'GC'}, config: JSON.stringify({...config, 'cni.dev/valid-attachments': []})};
	t.is((await plugin.answer(gc)).exitCode, 1);
	t.is(ipam.attachments.length, 1);
	t.is((await plugin.answer(gc)).exitCode, 0);
	t.is(ipam.attachments.length, 0);
});

test('STATUS is 50 without podCIDRs, and whatever the daemon says of itself', async (t) => {
	const {plugin, ipam} = await build(t);
	const status = {env: {CNI_COMMAND: 'STATUS'}, config: JSON.stringify(config)};
	t.is((await plugin.answer(status)).exitCode, 0);
	ipam.setPodCidrs([]);
	t.is(codeOf(await plugin.answer(status)), 50);
	const limited = await build(t, {hindrance: () => new NetError('CNI_LIMITED', 'keep the rules')});
	t.is(codeOf(await limited.plugin.answer(status)), 51);
});

test('a container whose namespace and link are gone without a DEL is freed after two looks', async (t) => {
	const {plugin, ipam, links, clock, log} = await build(t);
	const gone = await new Host('gone').ready();
	const call = callOf('ADD', 'lost');
	await plugin.answer({...call, env: {...call.env, CNI_NETNS: gone.netns}});
	await plugin.answer(callOf('ADD', 'c2', 1));
	await gone.end();
	const [lost] = ipam.attachments;
	links.made.delete(lost?.link ?? '');
	const collector = new Collector({ipam, links, plugin, log, now: () => clock.now(), cacheDir: '/nowhere'});
	await collector.collect();
	t.is(ipam.attachments.length, 2);
	await clock.advance(60_000);
	await collector.collect();
	t.deepEqual(
		ipam.attachments.map(({containerId}) => containerId),
		['c2'],
	);
});
