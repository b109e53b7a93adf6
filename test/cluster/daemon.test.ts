import {setTimeout} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import type {NotWhole} from '../../src/control/status.ts';
import {askLab} from '../lab/ask.ts';
import {clusterObjects, type MatrixService, matrixDestinations, matrixObjects} from '../lab/matrix.ts';
import {readScenarios, type Scenario} from '../lab/scenario.ts';
import {apiServerAddress, ServedNode} from '../lab/served-node.ts';
import type {Cluster, KubeManifest} from './cluster.ts';
import {creatable, objectsOf, withObjects} from './objects.ts';
import {withCluster} from './with-cluster.ts';

/** After so long the difference is shown. */
const limitMs = 60_000;
/** A look at the node that failed is repeated after so long. */
const againMs = 100;

/** The load goes on for so long after a fault. */
const settledMs = 1000;

const testCluster = withCluster(test);
let built: ServedNode | undefined;
test.after.always(async () => {
	await built?.end();
});

async function nodeOf(cluster: Cluster): Promise<ServedNode> {
	built ??= await ServedNode.build(() => ({
		kubeconfig: cluster.writeKubeconfig(),
		master: `https://${apiServerAddress}:6443`,
	}));
	return built;
}

/** What `look` last returned, asked until it is nothing or the time is over. */
async function untilNothing(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
	const began = performance.now();
	for (;;) {
		const found = await look();
		if (found.length === 0 || performance.now() - began > limitMs) {
			return found;
		}

		await setTimeout(againMs);
	}
}

async function untilTrue(t: ExecutionContext, what: string, look: () => Promise<boolean>): Promise<void> {
	t.deepEqual(await untilNothing(async () => ((await look()) ? [] : [what])), []);
}

const scenarios = readScenarios();
const usual = scenarios.find(({name}) => name === 'internal-cluster-external-cluster')?.flags ?? new Map();
const isUsual = ({flags}: Scenario) => JSON.stringify([...flags]) === JSON.stringify([...usual]);

testCluster(
	`${scenarios.filter(isUsual).length} scenarios come and go under one daemon that follows an API server: packets go where their tables say`,
	async (t, cluster) => {
		t.timeout(300_000);
		const node = await nodeOf(cluster);
		await node.start(usual).ready();
		for (const scenario of scenarios.filter(isUsual)) {
			await withObjects(cluster, objectsOf(scenario), async () => {
				t.deepEqual(await untilNothing(async () => await askLab(node.lab, scenario.tables)), [], scenario.name);
			});
		}

		t.notRegex(node.daemon.log, /"level":"error"/);
		await node.clear();
	},
);

testCluster(
	`${scenarios.filter((each) => !isUsual(each)).length} scenarios with flags of their own, each by a daemon that finds its objects there`,
	async (t, cluster) => {
		t.timeout(300_000);
		const node = await nodeOf(cluster);
		for (const scenario of scenarios.filter((each) => !isUsual(each))) {
			await withObjects(cluster, objectsOf(scenario), async () => {
				await node.start(scenario.flags).ready();
				t.deepEqual(await askLab(node.lab, scenario.tables), [], scenario.name);
				await node.clear();
			});
		}
	},
);

function busyService(index: number): MatrixService {
	return {name: `busy-${index}`, index, internal: 'Cluster', external: 'Cluster', location: 'both'};
}

const busyOne = busyService(1);
const busy = [busyOne, ...[2, 3, 4, 5, 6, 7, 8].map(busyService)];

/** A Service that nobody talks to: what becomes of it shows whether changes arrive. */
const sign = (name: string) =>
	({name, index: 100, internal: 'Cluster', external: 'Cluster', location: 'here'}) as const;

async function put(cluster: Cluster, service: MatrixService): Promise<void> {
	for (const object of matrixObjects(service)) {
		await cluster.createWithStatus(object as unknown as KubeManifest);
	}
}

async function remove(cluster: Cluster, service: MatrixService): Promise<void> {
	for (const object of matrixObjects(service)) {
		await cluster.delete(object as unknown as KubeManifest);
	}
}

/** A daemon under load, with all faults behind it when `during` returns: nothing may have been lost. */
async function underLoad(
	t: ExecutionContext,
	cluster: Cluster,
	during: (node: ServedNode) => Promise<void>,
): Promise<void> {
	t.timeout(300_000);
	const node = await nodeOf(cluster);
	const objects = [...clusterObjects(), ...busy.flatMap(matrixObjects)] as unknown as readonly KubeManifest[];
	await withObjects(cluster, creatable(objects), async () => {
		await node.start(usual).ready();
		await node.load(busy);
		await during(node);
		await setTimeout(settledMs); // what a fault did may show late
		const {lost, opened} = await node.unload();
		t.deepEqual(lost, []);
		t.true(opened > 100, `${opened} new connections`);
		await untilTrue(t, 'nothing is wrong any more', async () => !/API_\w+/.test(await node.status()));
		await node.clear();
	});
}

testCluster(
	'an API server that goes and comes back: traffic goes on, status names it meanwhile, changes from then are followed',
	async (t, cluster) => {
		await underLoad(t, cluster, async (node) => {
			const {pid} = node.daemon;
			await cluster.killApiServer();
			await untilTrue(t, 'it is named', async () => (await node.status()).includes('API_UNREACHABLE'));
			await cluster.startApiServer();
			await put(cluster, sign('back'));
			await untilTrue(t, 'changes arrive', async () => await node.isInForce('back'));
			await remove(cluster, sign('back'));
			await untilTrue(t, 'and go', async () => !(await node.isInForce('back')));
			t.is(node.daemon.pid, pid);
		});
	},
);

testCluster(
	'a link that is cut while objects change: all stays in force, and what changed is there once it is mended',
	async (t, cluster) => {
		await underLoad(t, cluster, async (node) => {
			await node.cut();
			await put(cluster, sign('meanwhile'));
			await setTimeout(3000); // the fault itself: long enough for several resent segments
			t.false(await node.isInForce('meanwhile'));
			await node.mend();
			await untilTrue(t, 'what changed is there', async () => await node.isInForce('meanwhile'));
			await remove(cluster, sign('meanwhile'));
		});
	},
);

testCluster(
	'etcd restored to an older state: what it does not know any more goes, nothing else does',
	async (t, cluster) => {
		await underLoad(t, cluster, async (node) => {
			await cluster.killApiServer();
			await cluster.killEtcd();
			const restore = cluster.backup();
			await cluster.startEtcd();
			await cluster.startApiServer();
			await put(cluster, sign('later'));
			await untilTrue(t, 'it is in force', async () => await node.isInForce('later'));
			await cluster.killApiServer();
			await cluster.killEtcd();
			restore();
			await cluster.startEtcd();
			await cluster.startApiServer();
			await untilTrue(t, 'it goes', async () => !(await node.isInForce('later')));
		});
	},
);

testCluster(
	'a daemon that starts while the API server is away removes nothing: it is ready once it has read all',
	async (t, cluster) => {
		await underLoad(t, cluster, async (node) => {
			await cluster.killApiServer();
			await node.daemon.kill('SIGKILL');
			const daemon = node.start(usual);
			await daemon.printed(() => daemon.log.includes('API_UNREACHABLE'));
			await node.lab.hosts.n1.ask('await', {url: 'http://127.0.0.1:10256/readyz', status: 503, deadlineMs: limitMs});
			t.true(await node.isInForce('busy-1'));
			await cluster.startApiServer();
			await daemon.ready(limitMs * 2);
			t.true(await node.isInForce('busy-1'));
		});
	},
);

/** Addresses that belong to somebody else, and what no proxy can reach: the API server takes them all. */
function unservable(): readonly KubeManifest[] {
	const {clusterIP, externalIP} = matrixDestinations(busyOne);
	const claim = (name: string, address = '', protocol = 'TCP') => ({
		...{apiVersion: 'v1', kind: 'Service', metadata: {namespace: 'shop', name}},
		spec: {type: 'ClusterIP', ports: [{port: 80, protocol}], externalIPs: [address]},
	});
	const slice = (name: string, addressType: string, address: string) => ({
		...{apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType},
		metadata: {namespace: 'shop', name, labels: {'kubernetes.io/service-name': busyOne.name}},
		...{endpoints: [{addresses: [address], conditions: {ready: false}}], ports: [{name: 'http', port: 80}]},
	});
	return [
		claim('claims-external', externalIP.addresses[0]),
		claim('claims-cluster', clusterIP.addresses[0]),
		claim('claims-sctp', '239.1.1.1', 'SCTP'),
		claim('claims-broadcast', '255.255.255.255'),
		slice('names', 'FQDN', 'example.com'),
		slice('multicast', 'IPv4', '239.1.1.1'),
	];
}

testCluster(
	'objects that the API server takes and no proxy can serve are lines in status, and cost no other Service anything',
	async (t, cluster) => {
		await underLoad(t, cluster, async (node) => {
			const {pid} = node.daemon;
			const notWhole = async () =>
				(JSON.parse(await node.status()) as {readonly notWhole: readonly NotWhole[]}).notWhole
					.map(({service, what}) => `${service}: ${what}`)
					.toSorted();
			await withObjects(cluster, unservable(), async () => {
				await put(cluster, sign('behind'));
				await untilTrue(t, 'what came behind them is in force', async () => await node.isInForce('behind'));
				const {clusterIP, externalIP} = matrixDestinations(busyOne);
				const rows = [
					`shop/claims-cluster: ${clusterIP.addresses[0]} TCP 80`,
					`shop/claims-external: ${externalIP.addresses[0]} TCP 80`,
				];
				t.deepEqual(await notWhole(), rows);
				const table = [...(await node.table())].join('\n');
				for (const name of ['claims-cluster', 'claims-external', 'claims-sctp', 'claims-broadcast']) {
					t.true(table.includes(`shop/${name}`), `what can be served of ${name}`);
				}

				t.is(node.daemon.log.match(/a Service is not served as written/g)?.length, rows.length);
			});
			await untilTrue(t, 'all is as written', async () => (await notWhole()).length === 0);
			await remove(cluster, sign('behind'));
			t.notRegex(node.daemon.log, /"level":"error"/);
			t.is(node.daemon.pid, pid);
		});
	},
);
