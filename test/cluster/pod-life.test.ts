import {cpSync, mkdtempSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {addresses} from '../lab/addresses.ts';
import {askLab} from '../lab/ask.ts';
import {readScenarios, type Scenario} from '../lab/scenario.ts';
import {apiServerAddress} from '../lab/served-node.ts';
import {type Cluster, type KubeManifest, until} from './cluster.ts';
import type {Container} from './container.ts';
import {configureKubeProxy} from './kubeadm.ts';
import {manifests} from './kubectl.ts';
import {objectsOf, withObjects} from './objects.ts';
import {labFlags, type PodNode} from './pod-node.ts';
import {withNode} from './with-node.ts';

const testNode = withNode(test);

function scenario(name: string): Scenario {
	const found = readScenarios().find((each) => each.name === name);
	if (found === undefined) {
		throw new Error(`there is no scenario ${name}`);
	}

	return found;
}

const plain = scenario('internal-cluster-external-cluster');

testNode(
	'the ConfigMap kube-proxy changes: the daemon ends with 3, and serves by it when kubelet starts it again',
	async (t, node) => {
		t.teardown(async () => await configureKubeProxy(node.cluster, labFlags));
		const other = scenario('masquerade-all');
		const daemon = await node.startPod();
		await configureKubeProxy(node.cluster, other.flags);
		await node.kubelet.writeVolumes();
		t.is(await daemon.ended(), 3);
		t.regex(daemon.log, /masqueradeAll|masquerade-all/);
		await withObjects(node.cluster, objectsOf(other), async () => {
			await node.startContainer();
			t.deepEqual(await askLab(node.lab, other.tables), []);
		});
	},
);

/** Whether the API server still takes a token. */
async function isTaken(cluster: Cluster, token: string): Promise<boolean> {
	const review = {apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: {token}};
	const {body} = await cluster.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review);
	return JSON.parse(body).status.authenticated === true;
}

testNode(
	'kubelet writes a new token and the old one counts no more: the daemon goes on with the new one',
	async (t, node) => {
		const daemon = await node.startPod();
		const old = node.kubelet.readToken();
		await node.kubelet.createPod(); // tokens are bound to their Pod
		await node.kubelet.writeVolumes();
		await node.cluster.killApiServer(); // what it remembers of tokens goes with it
		await node.cluster.startApiServer();
		t.false(await isTaken(node.cluster, old));
		t.true(await isTaken(node.cluster, node.kubelet.readToken()));
		await withObjects(node.cluster, objectsOf(plain), async () => {
			await until(async () => await knows(daemon, objectsOf(plain)));
			t.deepEqual(await askLab(node.lab, plain.tables), []);
		});
	},
);

/** Whether the daemon has all these in force, by its own word. */
async function knows(daemon: Container, objects: readonly KubeManifest[]): Promise<boolean> {
	const {stdout} = await daemon.exec('sh', '-c', 'fairlead status -o json; :');
	const {sources, inForce} = JSON.parse(stdout);
	const {objects: known} = sources.find(({name}: {readonly name: string}) => name === 'apiserver');
	const slices = objects.filter(({kind}) => kind === 'EndpointSlice').length;
	const services = objects.filter(({kind}) => kind === 'Service').length;
	return inForce !== undefined && known.EndpointSlice === slices && known.Service >= services;
}

testNode('overlays/dual-stack: health is answered on the IPv6 and the IPv4 address of the node', async (t, node) => {
	await applied(t, node, 'overlays/dual-stack');
	await node.startPod();
	for (const host of [addresses.n1[0], `[${addresses.n1[1]}]`]) {
		const url = `http://${host}:10256/healthz`;
		await t.notThrowsAsync(node.lab.hosts.n2.ask('await', {url, status: 200, deadlineMs: 5000}), url);
	}
});

testNode(
	'overlays/without-kubeadm: settings.env is all that the Pod needs in the place of the ConfigMap',
	async (t, node) => {
		const copy = mkdtempSync(join(node.cluster.directory, 'manifests-'));
		cpSync(manifests, copy, {recursive: true});
		writeFileSync(
			join(copy, 'overlays/without-kubeadm/settings.env'),
			[`FAIRLEAD_MASTER=https://${apiServerAddress}:6443`, 'FAIRLEAD_CONNTRACK_MAX_PER_CORE=0', clusterCidr()].join(
				'\n',
			),
		);
		await applied(t, node, 'overlays/without-kubeadm', copy);
		t.teardown(async () => await configureKubeProxy(node.cluster, labFlags));
		await node.cluster.request('DELETE', '/api/v1/namespaces/kube-system/configmaps/kube-proxy');
		await withObjects(node.cluster, objectsOf(plain), async () => {
			await node.startPod();
			t.deepEqual(await askLab(node.lab, plain.tables), []);
		});
	},
);

testNode(
	'overlays/with-cni: the init container puts the plugin on the node, and the next one leaves it alone',
	async (t, node) => {
		await applied(t, node, 'overlays/with-cni');
		for (const change of ['written', 'unchanged']) {
			await node.kubelet.createPod();
			await node.kubelet.writeVolumes();
			const init = await node.kubelet.start('cni');
			t.is(await init.ended(), 0, init.log);
			t.is(init.log, `/opt/cni/bin/fairlead-cni ${change}\n`);
		}
	},
);

/** CAP_NET_ADMIN and CAP_SYS_ADMIN. Source: include/uapi/linux/capability.h */
const netAndSysAdmin = ((1n << 12n) | (1n << 21n)).toString(16).padStart(16, '0');

testNode(
	'overlays/with-cni: the daemon may enter namespaces besides, and says what keeps pods from being attached',
	async (t, node) => {
		await applied(t, node, 'overlays/with-cni');
		const daemon = await node.startPod();
		t.is(daemon.statusOf('CapEff'), netAndSysAdmin);
		const install = 'fairlead cni install --bin-dir /run/fairlead --timeout 0 2>&1; :';
		t.regex((await daemon.exec('sh', '-c', install)).stdout, /because: .* this Node has no podCIDRs yet\n/);
		t.regex((await daemon.exec('fairlead', 'cni', 'uninstall', '--bin-dir', '/run/fairlead')).stdout, /removed\n$/);
	},
);

function clusterCidr(): string {
	return `FAIRLEAD_CLUSTER_CIDR=${labFlags.get('cluster-cidr')}`;
}

/** An overlay in force until the end of the test. */
async function applied(t: ExecutionContext, {kubectl}: PodNode, folder: string, root = manifests): Promise<void> {
	t.teardown(async () => void (await kubectl.run('apply', '-k', manifests)));
	await kubectl.run('apply', '-k', join(root, folder));
}

testNode(
	'kubectl delete -k: the Pod ends with 0, packets go on, and `fairlead cleanup` in a debug Pod leaves nothing',
	async (t, node) => {
		await withObjects(node.cluster, objectsOf(plain), async () => {
			const daemon = await node.startPod();
			await node.kubectl.run('delete', '-k', manifests);
			t.is(await daemon.kill('SIGTERM'), 0);
			t.deepEqual(await askLab(node.lab, plain.tables), []);
		});
		const debug = node.kubelet.debug('cleanup');
		t.is(await debug.ended(), 0, debug.log);
		t.is((await node.lab.hosts.n1.exec('nft', ['list', 'tables'])).stdout, '');
	},
);
