import test from 'ava';
import {addresses} from '../lab/addresses.ts';
import {clusterObjects} from '../lab/matrix.ts';
import {serviceJson} from '../support/manifests.ts';
import {type AuditedRequest, readAudit} from './audit.ts';
import {type KubeManifest, until} from './cluster.ts';
import type {Container} from './container.ts';
import {creatable, withObjects} from './objects.ts';
import type {PodNode} from './pod-node.ts';
import {printRights} from './rights.ts';
import {withNode} from './with-node.ts';

const testNode = withNode(test);

/** CAP_NET_ADMIN alone. Source: include/uapi/linux/capability.h */
const netAdmin = (1n << 12n).toString(16).padStart(16, '0');

/** What a shell in the container prints. */
const sh = async (container: Container, script: string) => (await container.exec('sh', '-c', script)).stdout.trim();

testNode(
	'the daemon has one capability, can get no other one, and gets everything into the kernel by it',
	async (t, node) => {
		const daemon = await node.startPod();
		for (const field of ['CapEff', 'CapPrm', 'CapBnd']) {
			t.is(daemon.statusOf(field), netAdmin, field);
		}

		t.is(daemon.statusOf('CapInh'), '0'.repeat(16));
		t.is(daemon.statusOf('CapAmb'), '0'.repeat(16));
		t.is(daemon.statusOf('NoNewPrivs'), '1');
		t.notRegex(daemon.log, /KERNEL_DENIED|EPERM|EACCES|EROFS/);
	},
);

testNode('without its capability the daemon says that it may not, and which right it takes', async (t, node) => {
	await node.kubelet.createPod();
	await node.kubelet.writeVolumes();
	const daemon = await node.kubelet.start('fairlead', {capabilities: []});
	await daemon.printed(() => daemon.log.includes('KERNEL_DENIED'));
	t.regex(daemon.log, /CAP_NET_ADMIN/);
	await daemon.kill('SIGKILL');
});

testNode('the daemon can write into /run/fairlead, and nowhere else', async (t, node) => {
	const daemon = await node.startPod();
	const folders = ['/', '/opt/fairlead', '/tmp', '/var/lib/kube-proxy', '/run/secrets/kubernetes.io/serviceaccount'];
	const tries = [...folders, '/run/fairlead'].map(
		(folder) => `touch() { : >"$1/$$"; }; (touch ${folder}) 2>/dev/null && echo ${folder}`,
	);
	t.is(await sh(daemon, `${tries.join('\n')}\n:`), '/run/fairlead');
	t.is(
		await sh(daemon, 'echo 1 2>/dev/null >/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal || echo refused'),
		'refused',
	);
	t.is(await sh(daemon, 'echo /run/fairlead/*.sock'), '/run/fairlead/control.sock');
});

testNode(
	'kubectl exec: fairlead status, check and cleanup --kube-proxy work with the rights of the Pod',
	async (t, node) => {
		const daemon = await node.startPod();
		t.regex((await daemon.exec('fairlead', 'status')).stdout, /^In force +everything known/m);
		const {stdout: check} = await daemon.exec('sh', '-c', 'fairlead check; :');
		t.regex(check, /^ok +rights/m);
		const {stdout: cleanup} = await daemon.exec('fairlead', 'cleanup', '--kube-proxy');
		t.regex(cleanup, /nothing of kube-proxy's nftables mode is left/);
	},
);

testNode(
	'the init container sets what the daemon may not, and the daemon finds nothing left to set',
	async (t, node) => {
		await node.lab.hosts.n1.ask('sysctl', {'net.netfilter.nf_conntrack_tcp_timeout_established': '1000'});
		await node.kubelet.createPod();
		await node.kubelet.writeVolumes();
		const init = await node.kubelet.start('init');
		t.is(await init.ended(), 0, init.log);
		t.regex(init.log, /^set +net\.netfilter\.nf_conntrack_tcp_timeout_established +1000 +86400 /m);
		const daemon = await node.startContainer();
		t.notRegex(daemon.log, /SYSCTL_/);
	},
);

/** A Service whose health-check port another program on the node has: an event, and the same again when it is made anew. */
const unlucky = serviceJson(
	{type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31_234, clusterIP: undefined},
	{name: 'unlucky'},
) as unknown as KubeManifest;

/** What the Pod's account asked the API server for, in order. */
function asked({cluster}: PodNode): readonly AuditedRequest[] {
	return readAudit(cluster.directory, 'system:serviceaccount:kube-system:fairlead');
}

/** Has the daemon ask for all that it ever asks for: it reads everything, finds its watches broken, tells of events. */
async function provokeRequests(node: PodNode, daemon: Container): Promise<void> {
	const {cluster} = node;
	await cluster.killApiServer();
	await daemon.printed(() => daemon.log.includes('API_UNREACHABLE'));
	await cluster.startApiServer();
	await daemon.printed(() => /a problem is mended/.test(daemon.log));
	await node.lab.hosts.n1.ask('serve', {name: 'other', ports: [31_234]});
	for (const verb of ['create', 'patch']) {
		const isTold = () =>
			asked(node).some(({right, namespace}) => right === `${verb} events.events.k8s.io` && namespace === 'shop');
		await withObjects(cluster, [unlucky], async () => await until(isTold)); // events wait for up to 20 s, by chance
	}
}

testNode('the ClusterRole allows what the daemon asks for, and nothing that it does not', async (t, node) => {
	await withObjects(node.cluster, creatable(clusterObjects() as unknown as readonly KubeManifest[]), async () => {
		await provokeRequests(node, await node.startPod());
	});
	// the last word on each: an API server that starts forbids everything until it has read its roles
	const decisions = () => new Map(asked(node).map(({right, allowed}): [string, boolean] => [right, allowed]));
	const refused = [...decisions()].filter(([, allowed]) => !allowed);
	t.deepEqual(refused, []);
	t.deepEqual([...decisions().keys()].toSorted(), printRights().toSorted());
});

testNode('health is answered on the node, metrics to the node alone', async (t, node) => {
	await node.startPod();
	await node.kubelet.untilProbed('startupProbe');
	await node.kubelet.untilProbed('livenessProbe');
	await node.kubelet.untilProbed('readinessProbe');
	const {n2} = node.lab.hosts;
	await n2.ask('await', {url: `http://${addresses.n1[0]}:10256/healthz`, status: 200, deadlineMs: 5000});
	await t.throwsAsync(n2.ask('await', {url: `http://${addresses.n1[0]}:10249/metrics`, status: 200, deadlineMs: 500}));
});
