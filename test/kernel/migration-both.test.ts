import anyTest, {type ExecutionContext} from 'ava';
import {addresses, type HostName} from '../lab/addresses.ts';
import {askLab} from '../lab/ask.ts';
import {type MatrixService, matrixDestinations, matrixTable} from '../lab/matrix.ts';
import {busy, empty, frontendsOf, MigratingNode, serviceObjects, sticky} from '../lab/migrating-node.ts';
import type {Probe, ProbeResult} from '../lab/requests.ts';

// What happens while the tables of both proxies are in the kernel.

const test = anyTest.serial; // one node, one set of rules

let node: MigratingNode;
test.before(async () => {
	node = await MigratingNode.build();
});
test.after.always(async () => {
	await node.end();
});
test.afterEach.always(async () => {
	await node.reset();
});

const starts = {
	Fairlead: [() => node.startKubeProxy(), () => node.startFairlead()],
	'kube-proxy': [() => node.startFairlead(), () => node.startKubeProxy()],
} as const;

/** An IPv6 client learns that it is refused by a port-unreachable when it sends its second packet, after a second. */
const patientMs = 2500;

async function ask(from: HostName, probes: readonly Probe[], deadlineMs = patientMs): Promise<readonly ProbeResult[]> {
	return await node.lab.hosts[from].ask('probe', {probes, deadlineMs});
}

function print(result: ProbeResult): string {
	return result.kind === 'answered' ? result.by : result.kind;
}

/** Who answers, or what comes instead, over all frontends of the Service. */
async function answers(service: MatrixService, from: HostName = 'out'): Promise<readonly string[]> {
	const results = await ask(from, frontendsOf(service));
	return [...new Set(results.map(print))].toSorted();
}

/** A Service with its endpoints in one place as kube-proxy knows it, in another as Fairlead does. */
const [here, elsewhere, none] = (['here', 'elsewhere', 'none'] as const).map((location): MatrixService => {
	return {name: 'moved', index: 9, internal: 'Cluster', external: 'Cluster', location};
}) as [MatrixService, MatrixService, MatrixService];

test('kube-proxy’s table alone gives each client of each frontend what kube-proxy does', async (t) => {
	t.timeout(60_000);
	await node.startKubeProxy();
	t.deepEqual(await askLab(node.lab, [...busy, empty].map(matrixTable)), []);
	await hairpin(t);
});

for (const [last, [first, second]] of Object.entries(starts)) {
	test(`with ${last} as the last to come each client of each frontend gets the same, and no packet leaves with kube-proxy’s mark`, async (t) => {
		t.timeout(60_000);
		await first();
		await second();
		await node.nft(countMarked);
		t.deepEqual(await askLab(node.lab, [...busy, empty].map(matrixTable)), []);
		await hairpin(t);
		const pings = frontendsOf(empty)
			.slice(0, 4)
			.map(({address}) => ({protocol: 'ping', address, port: 0}) as const);
		t.deepEqual(new Set((await ask('out', pings)).map(print)), new Set(['echoed']));
		const {stdout} = await node.lab.hosts.n1.exec('nft', ['list', 'table', 'inet', 'marked']);
		t.regex(stdout, /counter packets 0 bytes 0/);
	});
}

/** Behind both proxies. */
const countMarked = `
add table inet marked
add chain inet marked last { type filter hook postrouting priority 300; }
add rule inet marked last mark and 0x4000 != 0 counter
`;

/** A pod that reaches itself by its Service is masqueraded, once. */
async function hairpin(t: ExecutionContext): Promise<void> {
	const ending = busy.filter(({location}) => location === 'ending-here').flatMap(frontendsOf);
	for (const [index, result] of (await ask('a', ending)).entries()) {
		const family = ending[index]?.address.includes(':') ? 1 : 0;
		t.deepEqual(result, {kind: 'answered', by: 'a', seen: addresses.n1[family]}, JSON.stringify(ending[index]));
	}
}

test('of two tables the one that came last translates new connections', async (t) => {
	await node.startKubeProxy(serviceObjects(elsewhere));
	t.deepEqual(await answers(elsewhere), ['c']);
	await node.startFairlead(serviceObjects(here));
	t.deepEqual(await answers(here), ['a']);
	await node.nft('delete table ip kube-proxy\ndelete table ip6 kube-proxy');
	await node.startKubeProxy(serviceObjects(elsewhere));
	t.deepEqual(await answers(here), ['c']);
});

test('a kube-proxy that makes its chains anew, as at its start, is asked first again', async (t) => {
	await node.startKubeProxy(serviceObjects(elsewhere));
	await node.startFairlead(serviceObjects(here));
	t.deepEqual(await answers(here), ['a']);
	for (const chain of ['ip kube-proxy nat-prerouting', 'ip6 kube-proxy nat-prerouting']) {
		const anew = ['flush chain', 'delete chain', 'add chain'].map((verb) => `${verb} ${chain}`).join('\n');
		await node.nft(`${anew} { type nat hook prerouting priority -100; }\nadd rule ${chain} jump services`);
	}

	t.deepEqual(await answers(here), ['c']);
});

test('kube-proxy’s refusals of Services without endpoints see what Fairlead translated: they refuse nothing of it', async (t) => {
	await node.startKubeProxy(serviceObjects(none));
	t.deepEqual(await answers(none), ['refused']);
	await node.startFairlead(serviceObjects(here));
	t.deepEqual(await answers(here), ['a']);
	t.deepEqual(await answers(here, 'n1'), ['a']);
});

test('source ranges that kube-proxy knew are filtered by before Fairlead is asked, until its table is gone', async (t) => {
	const closed = {loadBalancerSourceRanges: ['198.18.0.0/15', '2001:db8:f::/48']};
	const {loadBalancerIP} = matrixDestinations(here);
	const probes = loadBalancerIP.addresses.map((address = '') => ({protocol: 'TCP', address, port: 80}) as const);
	const seen = async () => (await ask('out', probes, 500)).map(({kind}) => kind);
	await node.startKubeProxy(serviceObjects(here, closed));
	await node.startFairlead(serviceObjects(here));
	t.deepEqual(await seen(), ['dropped', 'dropped']);
	await node.cleanup('--kube-proxy');
	t.deepEqual(await seen(), ['answered', 'answered']);
});

test('addresses of a Service that Fairlead knows as deleted are served by kube-proxy’s table until it is gone, its cluster IP is not', async (t) => {
	const {clusterIP, ...outer} = matrixDestinations(here);
	const ask4 = async ({addresses: [address = ''], port}: typeof clusterIP) =>
		(await ask('out', [{protocol: 'TCP', address, port}], 500)).map(({kind}) => kind);
	await node.startKubeProxy(serviceObjects(here));
	await node.startFairlead([]);
	t.deepEqual(await ask4(clusterIP), ['dropped']);
	t.deepEqual(await ask4(outer.nodePort), ['answered']);
	await node.cleanup('--kube-proxy');
	t.deepEqual(await ask4(outer.nodePort), ['refused']);
});

test('on the way back kube-proxy’s table serves new Services that ours does not know', async (t) => {
	await node.startFairlead([]);
	await node.stopFairlead();
	await node.startKubeProxy(serviceObjects(here));
	t.deepEqual(await answers(here), ['a']);
});

test('on the way back our table still answers for what kube-proxy would refuse, until it is gone', async (t) => {
	await node.startFairlead(serviceObjects(here));
	await node.stopFairlead();
	await node.startKubeProxy(serviceObjects(none));
	t.deepEqual(await answers(here), ['a']);
	await node.cleanup();
	t.deepEqual(await answers(here), ['refused']);
});

test('a client that keeps its backend chooses anew once, when Fairlead comes, and keeps it when kube-proxy’s table goes', async (t) => {
	const all = async () => {
		const hosts = ['out', 'b', 'n1'] as const;
		return await Promise.all(hosts.map(async (host) => (await ask(host, frontendsOf(sticky))).map(print)));
	};
	const kept = async () => {
		await all(); // asked at one moment by several addresses a new client may be given several
		return await all();
	};
	await node.startKubeProxy();
	const before = await kept();
	t.deepEqual(await kept(), before);
	await node.startFairlead();
	const after = await kept();
	t.deepEqual(await kept(), after);
	await node.cleanup('--kube-proxy');
	t.deepEqual(await kept(), after);
});
