import anyTest from 'ava';
import {FlowSweeper} from '../../src/conntrack/sweep.ts';
import {parseAddress} from '../../src/net/address.ts';
import {protocolNumbers} from '../../src/net/port.ts';
import {addOtherFlows} from '../lab/other-flows.ts';
import {ReconciledNode} from '../lab/reconciled-node.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {bothFamilies, frontend, nodeChanges, put, ready, udpService, udpSlices} from '../lab/udp-services.ts';

const test = anyTest.serial;
const others = 100_000;
let lab: Lab;
let node: ReconciledNode;

test.before(async () => {
	lab = await buildLab();
	node = new ReconciledNode(lab.hosts.n1);
	await node.apply([put(udpService('dns')), ...udpSlices('dns', {a: ready}).map(put), ...nodeChanges()]);
	await addOtherFlows(node.conntrack, others, protocolNumbers.UDP, 53);
});
test.after.always(async () => {
	await node.forgetFlows();
	await node.end();
	await lab.end();
});

test('of 100,000 flows of others and two of ours, a change has two told and deletes two', async (t) => {
	for (const family of bothFamilies) {
		const target = frontend('clusterIP', family);
		await lab.hosts.b.ask('stream', {target, periodMs: 10});
		await lab.hosts.b.ask('streamed', {target, by: 'a'});
	}

	const {passes} = await node.apply(udpSlices('dns', {c: ready}).map(put));
	t.deepEqual(
		passes.map(({family, walked, deleted}) => ({family, walked, deleted})),
		[
			{family: 'IPv4', walked: 1, deleted: 1},
			{family: 'IPv6', walked: 1, deleted: 1},
		],
	);
	for (const family of bothFamilies) {
		await lab.hosts.b.ask('unstream', frontend('clusterIP', family));
	}
});

test('a Service that only gains backends has nothing told at all', async (t) => {
	t.deepEqual((await node.apply(udpSlices('dns', {a: ready, c: ready}).map(put))).passes, []);
});

test('where all flows are told, because too many frontends changed at once, no turn of the loop takes long', async (t) => {
	let [most, before] = [0, 0];
	const sweeper = new FlowSweeper(
		{
			async *dump(request) {
				for await (const messages of node.conntrack.dump(request)) {
					before = cpuMs();
					yield messages;
					most = Math.max(most, cpuMs() - before);
				}
			},
			request: async (batch) => await node.conntrack.request(batch),
		},
		() => [],
	);
	const frontends = Array.from({length: 9}, (_, index) => ({
		...({address: parseAddress(`10.96.9.${index}`), protocol: 'UDP', port: 100 + index, serving: []} as const),
	}));
	const {walked, deleted} = await sweeper.sweep('IPv4', frontends);
	t.true(walked >= others, `${walked}`);
	t.is(deleted.size, 0);
	t.true(most < 10, `one turn used ${most} ms of CPU`);
});

/** What this thread used: on a busy machine a turn may last longer. */
function cpuMs(): number {
	const {user, system} = process.threadCpuUsage();
	return (user + system) / 1000;
}
