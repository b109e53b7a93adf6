import anyTest from 'ava';
import {encodeDump} from '../../src/conntrack/filter.ts';
import {decodeFlow} from '../../src/conntrack/flow.ts';
import {printSocketAddress} from '../../src/net/port.ts';
import {decodeBody} from '../../src/wire/body.ts';
import {conntrack as wire} from '../../src/wire/conntrack.ts';
import {nfFamilies} from '../../src/wire/nftables.ts';
import {addresses} from '../lab/addresses.ts';
import type {Followed} from '../lab/reconciled-node.ts';
import {ReconciledNode} from '../lab/reconciled-node.ts';
import type {Probe, StreamReport} from '../lab/requests.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {
	bothFamilies,
	frontend,
	frontendKinds,
	gone,
	nodeChanges,
	put,
	ready,
	udp,
	udpService,
	udpSlices,
} from '../lab/udp-services.ts';
import {terminating} from '../support/builders.ts';

const test = anyTest.serial; // one node, one table of flows
let lab: Lab;
let node: ReconciledNode;
const streams: (readonly [host: Client, target: Probe])[] = [];
type Client = 'b' | 'out';

test.before(async () => {
	lab = await buildLab();
});
test.after.always(async () => await lab.end());
test.beforeEach(async () => {
	node = new ReconciledNode(lab.hosts.n1);
	await node.forgetFlows();
	await node.apply(nodeChanges());
});
test.afterEach.always(async () => {
	await Promise.all(streams.splice(0).map(async ([host, target]) => await lab.hosts[host].ask('unstream', target)));
	await node.end();
});

/** A client sends a datagram every 10 ms from now on, through one socket. */
async function stream(host: Client, target: Probe): Promise<void> {
	streams.push([host, target]);
	await lab.hosts[host].ask('stream', {target, periodMs: 10});
}

/** What that client got so far, as soon as the last was from `by`. */
async function heard(host: Client, target: Probe, by: string): Promise<StreamReport> {
	return await lab.hosts[host].ask('streamed', {target, by});
}

const names = ({runs}: StreamReport) => runs.map(({by}) => by);
const deleted = ({passes}: Followed) => passes.reduce((sum, pass) => sum + pass.deleted, 0);

/** Of each flow to `target` the source port, who answers, and the number that no later flow has. */
async function flowsTo({address, port}: Probe): Promise<readonly string[]> {
	const found: string[] = [];
	for await (const messages of node.conntrack.dump(encodeDump(address.includes(':') ? 'IPv6' : 'IPv4'))) {
		for (const flow of messages.flatMap(({payload}) => decodeFlow(payload) ?? [])) {
			if (flow.original.destination === address && flow.original.destinationPort === port) {
				const {reply, identity} = flow;
				found.push(`${printSocketAddress(reply.source, reply.sourcePort)} ${identity.id}`);
			}
		}
	}

	return found;
}

/** A busy machine may keep everyone from running for so many periods of the client. */
const mostLate = 50;

for (const kind of frontendKinds) {
	test(`${kind}: when its backend goes, a client with one socket is answered by another at once`, async (t) => {
		await node.apply([put(udpService('dns')), ...udpSlices('dns', {a: ready}).map(put)]);
		const targets = bothFamilies.map((family) => frontend(kind, family));
		for (const target of targets) {
			await stream('out', target);
			await heard('out', target, 'a');
		}

		t.is(deleted(await node.apply(udpSlices('dns', {c: ready}).map(put))), 2);
		for (const target of targets) {
			const report = await heard('out', target, 'c');
			t.deepEqual(names(report), ['a', 'c'], target.address);
			t.true((report.runs[1]?.from ?? 0) - (report.runs[0]?.to ?? 0) < mostLate, JSON.stringify(report));
		}
	});

	test(`${kind}: when the last endpoint goes, a client that goes on sending is refused`, async (t) => {
		await node.apply([put(udpService('dns')), ...udpSlices('dns', {a: ready}).map(put)]);
		const targets = bothFamilies.map((family) => frontend(kind, family));
		for (const target of targets) {
			await stream('out', target);
			await heard('out', target, 'a');
		}

		await node.apply(udpSlices('dns', {}).map(put));
		for (const target of targets) {
			t.deepEqual(names(await heard('out', target, 'refused')), ['a', 'refused'], target.address);
			t.deepEqual(await flowsTo(target), []);
		}

		await node.apply(udpSlices('dns', {c: ready}).map(put));
		for (const target of targets) {
			t.is(names(await heard('out', target, 'c')).at(-1), 'c');
		}
	});
}

test('when the Service is deleted, its clients are dropped at the cluster IP and refused at the node port', async (t) => {
	const service = udpService('dns');
	await node.apply([put(service), ...udpSlices('dns', {a: ready}).map(put)]);
	const [clusterIp, nodePort] = [frontend('clusterIP', 0), frontend('nodePort', 1)];
	for (const target of [clusterIp, nodePort]) {
		await stream('out', target);
		await heard('out', target, 'a');
	}

	await node.apply([gone(service), ...udpSlices('dns', {a: ready}).map(gone)]);
	t.deepEqual(names(await heard('out', clusterIp, 'dropped')), ['a', 'dropped']);
	t.deepEqual(names(await heard('out', nodePort, 'refused')), ['a', 'refused']);
});

test('when only an address or the node port is taken away, flows to it go and those to the others stay', async (t) => {
	const service = udpService('dns');
	await node.apply([put(service), ...udpSlices('dns', {a: ready}).map(put)]);
	const targets = frontendKinds.map((kind) => frontend(kind, 0));
	for (const target of targets) {
		await stream('out', target);
		await heard('out', target, 'a');
	}

	const [clusterIp, nodePort, externalIp, loadBalancerIp] = await Promise.all(targets.map(flowsTo));
	const ports = service.ports.map((port) => ({...port, nodePort: 0}));
	t.is(deleted(await node.apply([put({...service, externalIps: [], ports})])), 2);
	const after = await Promise.all(targets.map(flowsTo));
	t.deepEqual([after[0], after[3]], [clusterIp, loadBalancerIp]);
	t.notDeepEqual(after[1], nodePort);
	t.notDeepEqual(after[2], externalIp);
	t.deepEqual(names(await heard('out', frontend('nodePort', 0), 'refused')), ['a', 'refused']);
});

test('when the target port changes, flows to the old one go though the pod is the same', async (t) => {
	await node.apply([put(udpService('dns')), ...udpSlices('dns', {a: ready}).map(put)]);
	const target = frontend('clusterIP', 0);
	await stream('b', target);
	await heard('b', target, 'a');
	t.regex((await flowsTo(target)).join(), /^10\.128\.0\.11:8080 \d+$/);
	t.is(deleted(await node.apply(udpSlices('dns', {a: ready}, 8081).map(put))), 1);
	const {sent} = await heard('b', target, 'a');
	t.true((await lab.hosts.b.ask('streamed', {target, by: 'a', after: sent})).sent > sent);
	t.regex((await flowsTo(target)).join(), /^10\.128\.0\.11:8081 \d+$/);
});

test('a client that sent before there was a Service is answered as soon as there is one', async (t) => {
	await node.apply([put(udpService('other', 100)), ...udpSlices('other', {a: ready}).map(put)]);
	const targets = [frontend('loadBalancerIP', 0), frontend('nodePort', 0), frontend('nodePort', 1)];
	for (const target of targets) {
		await stream('out', target);
	}

	t.deepEqual(names(await heard('out', frontend('nodePort', 0), 'refused')), ['refused']);
	t.deepEqual(names(await heard('out', frontend('nodePort', 1), 'refused')), ['refused']);
	t.deepEqual(names(await heard('out', frontend('loadBalancerIP', 0), 'dropped')), ['dropped']);
	await node.apply([put(udpService('dns')), ...udpSlices('dns', {c: ready}).map(put)]);
	for (const target of targets) {
		t.is(names(await heard('out', target, 'c')).at(-1), 'c');
	}
});

test('a kernel that tells all flows whatever it is asked for, as those before 5.8, leads to the same', async (t) => {
	await node.end();
	const asked: boolean[] = [];
	node = new ReconciledNode(lab.hosts.n1, (conntrack) => ({
		dump(request, signal) {
			const {family, filter} = decodeBody(wire.flow.layout, request.subarray(16));
			asked.push(filter !== undefined);
			return conntrack.dump(encodeDump(family === nfFamilies.ipv4 ? 'IPv4' : 'IPv6'), signal);
		},
		request: async (batch) => await conntrack.request(batch),
	}));
	await node.apply([
		put(udpService('dns', 1, {tcp: true})),
		...udpSlices('dns', {a: ready}).map(put),
		...nodeChanges(),
	]);
	const targets = bothFamilies.flatMap((family) => [frontend('clusterIP', family), frontend('nodePort', family)]);
	for (const target of targets) {
		await stream('b', target);
		await heard('b', target, 'a');
	}

	await lab.hosts.b.ask('hold', {targets: [{...frontend('clusterIP', 0), protocol: 'TCP'}], count: 1, periodMs: 10});
	const tries = asked.length;
	t.is(deleted(await node.apply(udpSlices('dns', {c: ready}).map(put))), 4);
	for (const target of targets) {
		t.deepEqual(names(await heard('b', target, 'c')), ['a', 'c']);
	}

	t.deepEqual((await lab.hosts.b.ask('release', null)).lost, []);
	t.deepEqual(
		asked.slice(tries),
		[true, false],
		'once it is noticed, the whole table of each family is asked for once',
	);
});

test('what went stale while no daemon ran is deleted by the first commit of the next', async (t) => {
	await node.apply([put(udpService('dns')), ...udpSlices('dns', {a: ready}).map(put)]);
	const target = frontend('clusterIP', 1);
	await stream('b', target);
	await heard('b', target, 'a');
	await node.leave();
	node = new ReconciledNode(lab.hosts.n1);
	const first = await node.apply([put(udpService('dns')), ...udpSlices('dns', {c: ready}).map(put), ...nodeChanges()]);
	t.is(deleted(first), 1);
	t.deepEqual(names(await heard('b', target, 'c')), ['a', 'c']);
});

test('an endpoint that is terminating and still serves keeps its flows; new clients go elsewhere', async (t) => {
	await node.apply([put(udpService('dns')), ...udpSlices('dns', {a: ready}).map(put)]);
	const target = frontend('clusterIP', 0);
	await stream('b', target);
	await heard('b', target, 'a');
	const before = await flowsTo(target);
	t.deepEqual(
		(await node.apply(udpSlices('dns', {a: terminating, c: ready}).map(put))).passes,
		[],
		'nothing to look for',
	);
	await stream('out', target);
	await heard('out', target, 'c');
	t.true((await flowsTo(target)).includes(before[0] ?? ''));
	t.is(deleted(await node.apply(udpSlices('dns', {c: ready}).map(put))), 1);
	t.deepEqual(names(await heard('b', target, 'c')), ['a', 'c']);
});

test('TCP connections to a removed backend, flows to other Services and flows of others are left alone', async (t) => {
	const both = ['dns', 'other'].flatMap((name, index) => [
		put(udpService(name, index + 1, {tcp: true})),
		...udpSlices(name, {a: ready}).map(put),
	]);
	await node.apply(both);
	const others = [frontend('clusterIP', 0, 2), udp(addresses.c[0], 9090)];
	for (const target of others) {
		await stream('b', target);
	}

	await heard('b', frontend('clusterIP', 0, 2), 'a');
	await heard('b', udp(addresses.c[0], 9090), 'c');
	const tcp: Probe = {...frontend('clusterIP', 0), protocol: 'TCP'};
	await lab.hosts.b.ask('hold', {targets: [tcp], count: 3, periodMs: 10});
	const before = await Promise.all([...others, tcp].map(flowsTo));
	t.deepEqual(
		before.map((flows) => flows.length),
		[1, 1, 3],
	);
	t.is(deleted(await node.apply(udpSlices('dns', {c: ready}).map(put))), 0);
	t.deepEqual(await Promise.all([...others, tcp].map(flowsTo)), before);
	const {open, lost} = await lab.hosts.b.ask('release', null);
	t.deepEqual([open, lost], [3, []]);
});
