import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {Kubectl, manifests} from './kubectl.ts';
import {withCluster} from './with-cluster.ts';

const testCluster = withCluster(test);
const overlays = readdirSync(join(manifests, 'overlays')).map((name) => `overlays/${name}`);

/** Lines such as `daemonset.apps/fairlead created`, without what is done to whom. */
const lines = (stdout: string) => stdout.trim().split('\n').toSorted();

for (const folder of ['.', 'base', ...overlays]) {
	testCluster(
		`manifests/${folder}: the API server takes it in strict validation, without a warning`,
		async (t, cluster) => {
			await cluster.untilNamespace('kube-system');
			const options = ['--server-side', '--dry-run=server', '--validate=strict'];
			const {stdout, stderr} = await new Kubectl(cluster).run('apply', '-k', join(manifests, folder), ...options);
			t.is(stderr, '');
			const own = lines(stdout).filter((line) => !line.startsWith('configmap/fairlead-'));
			t.deepEqual(own, [
				'clusterrole.rbac.authorization.k8s.io/fairlead serverside-applied (server dry run)',
				'clusterrolebinding.rbac.authorization.k8s.io/fairlead serverside-applied (server dry run)',
				'daemonset.apps/fairlead serverside-applied (server dry run)',
				'serviceaccount/fairlead serverside-applied (server dry run)',
			]);
		},
	);
}

testCluster('applied, applied again and deleted: what an operator types leaves nothing behind', async (t, cluster) => {
	const kubectl = new Kubectl(cluster);
	const objects = [
		'clusterrole.rbac.authorization.k8s.io/fairlead',
		'clusterrolebinding.rbac.authorization.k8s.io/fairlead',
		'daemonset.apps/fairlead',
		'serviceaccount/fairlead',
	];
	const did = (what: string) => objects.map((object) => `${object} ${what}`);
	t.deepEqual(lines((await kubectl.run('apply', '-k', manifests)).stdout), did('created'));
	t.deepEqual(lines((await kubectl.run('apply', '-k', manifests)).stdout), did('unchanged'));
	await kubectl.run('delete', '-k', manifests);
	const label = 'app.kubernetes.io/name=fairlead';
	const kinds = 'clusterroles,clusterrolebindings,daemonsets,serviceaccounts,configmaps';
	t.is((await kubectl.run('get', kinds, '-A', '-l', label, '-o', 'name')).stdout, '');
});

testCluster('from one overlay to another one: only the DaemonSet changes', async (t, cluster) => {
	const kubectl = new Kubectl(cluster);
	await kubectl.run('apply', '-k', manifests);
	for (const overlay of ['overlays/dual-stack', 'overlays/nftables']) {
		const {stdout} = await kubectl.run('apply', '-k', join(manifests, overlay));
		t.deepEqual(
			lines(stdout).filter((line) => !line.endsWith(' unchanged')),
			['daemonset.apps/fairlead configured'],
		);
	}

	await kubectl.run('delete', '-k', manifests);
});
