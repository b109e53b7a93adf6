import {once} from 'node:events';
import {writeFileSync} from 'node:fs';
import {type AddressInfo, connect, createServer, type Socket} from 'node:net';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {systemClock} from '../../src/apiserver/clock.ts';
import type {ApiServerOptions} from '../../src/apiserver/watch.ts';
import {exec} from '../../src/kernel/exec.ts';
import {serviceJson} from '../support/manifests.ts';
import {WatchedApi} from '../support/watched-api.ts';
import type {Cluster, KubeManifest} from './cluster.ts';
import {withCluster} from './with-cluster.ts';

const testCluster = withCluster(test);
/** How often a connection is cut until the API server refuses the next. */
const retryMs = 2000;

const services = '/api/v1/namespaces/shop/services';

/** What lies between: connections to it are forwarded to the API server, and cut when a test wants. */
async function startForwarder(t: ExecutionContext): Promise<{readonly url: string; readonly cut: () => void}> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		const onward = connect(6443, '127.0.0.1');
		socket.pipe(onward).pipe(socket);
		socket.on('error', () => undefined).on('close', () => onward.destroy());
		onward.on('error', () => undefined).on('close', () => socket.destroy());
	});
	const cut = () => {
		for (const socket of sockets) {
			socket.destroy();
		}
	};
	t.teardown(() => {
		server.close();
		cut();
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, cut};
}

/** Follows the API server with Service `shop/kept` in force. */
async function follow(
	t: ExecutionContext,
	cluster: Cluster,
	options: Partial<ApiServerOptions> = {},
): Promise<WatchedApi> {
	await cluster.request('POST', services, service('kept'));
	const api = new WatchedApi(t, {kubeconfig: cluster.writeKubeconfig(), clock: systemClock, ...options});
	await api.untilSynced();
	await api.untilInForce('Service shop/kept');
	return api;
}

function service(name: string): KubeManifest {
	return serviceJson({clusterIP: undefined}, {name}) as unknown as KubeManifest;
}

const deletions = ({told}: WatchedApi) => told.filter((word) => word.startsWith('delete'));

testCluster('an API server that is killed and started again: nothing is deleted, changes go on', async (t, cluster) => {
	const api = await follow(t, cluster);
	await cluster.killApiServer();
	await api.until(() => api.problems.size > 0);
	await cluster.startApiServer();
	await cluster.create(services, service('after-restart'));
	await api.untilInForce('Service shop/after-restart');
	t.deepEqual(deletions(api), []);
	await cluster.delete(service('after-restart'));
	await api.untilInForce('Service shop/after-restart', false);
});

testCluster(
	'a version that etcd has compacted: all is listed anew, only what is gone is deleted',
	async (t, cluster) => {
		const api = await follow(t, cluster);
		await cluster.create(services, service('gone'));
		await api.untilInForce('Service shop/gone');
		await cluster.create('/api/v1/namespaces/shop/configmaps', {metadata: {name: 'newer'}});
		await cluster.compact();
		await cluster.killApiServer();
		await cluster.startApiServer();
		await cluster.delete(service('gone'));
		await api.untilInForce('Service shop/gone', false);
		await api.until(() => api.warnings.some((warning) => /listed anew: 410 Expired/.test(warning)));
		t.deepEqual(deletions(api), ['delete Service shop/gone']);
	},
);

testCluster('etcd restored to an older state: what came after that goes, all else stays', async (t, cluster) => {
	const api = await follow(t, cluster);
	await cluster.killApiServer();
	await cluster.killEtcd();
	const restore = cluster.backup();
	await cluster.startEtcd();
	await cluster.startApiServer();
	await cluster.create(services, service('later'));
	await api.untilInForce('Service shop/later');
	await cluster.killApiServer();
	await cluster.killEtcd();
	restore();
	await cluster.startEtcd();
	await cluster.startApiServer();
	await api.untilInForce('Service shop/later', false);
	t.true(api.inForce.has('Service shop/kept'));
	t.deepEqual(deletions(api), ['delete Service shop/later']);
	t.true(api.warnings.some((warning) => warning.includes('etcd was restored')));
});

testCluster(
	'a token that is taken back: its file is read again, and all goes on with the new one',
	async (t, cluster) => {
		const token = join(cluster.directory, 'token');
		const accounts = '/api/v1/namespaces/shop/serviceaccounts';
		const renew = async () => {
			await cluster.create(accounts, {metadata: {name: 'fairlead'}});
			const {body} = await cluster.request('POST', `${accounts}/fairlead/token`, {spec: {expirationSeconds: 600}});
			return JSON.parse(body).status.token as string;
		};
		writeFileSync(token, await renew());
		const forwarder = await startForwarder(t);
		const kubeconfig = cluster.writeKubeconfig({tokenFile: token});
		const api = await follow(t, cluster, {kubeconfig, server: forwarder.url});
		await cluster.request('DELETE', `${accounts}/fairlead`);
		const isRefused = () => [...api.problems].some(({message}) => message.includes('401 Unauthorized'));
		while (!isRefused()) {
			forwarder.cut(); // the API server takes an old token for some seconds more
			await setTimeout(retryMs);
		}

		writeFileSync(token, `${await renew()}\n`);
		await cluster.create(services, service('after-token'));
		await api.untilInForce('Service shop/after-token');
		await api.until(() => api.problems.size === 0);
		t.deepEqual(deletions(api), []);
	},
);

testCluster(
	'a network that swallows every packet: noticed within a minute, and mended by itself',
	async (t, cluster) => {
		const address = '127.0.0.2'; // its own connections go by another one
		const api = await follow(t, cluster, {server: `https://${address}:6443`});
		await exec('nft', ['add table inet cut']);
		await exec('nft', ['add chain inet cut in {type filter hook input priority 0;}']);
		await exec('nft', [`add rule inet cut in ip daddr ${address} drop`]);
		const began = Date.now();
		await api.until(() => api.problems.size > 0);
		t.true(Date.now() - began < 60_000);
		await exec('nft', ['delete table inet cut']);
		await cluster.create(services, service('after-cut'));
		await api.untilInForce('Service shop/after-cut');
		await api.until(() => api.problems.size === 0);
		t.deepEqual(deletions(api), []);
	},
);

testCluster('1,000 Services come whole, as a stream and in pages', async (t, cluster) => {
	const names = Array.from({length: 1000}, (_, index) => `many-${index}`);
	await Promise.all(names.map(async (name) => await cluster.create(services, service(name))));
	const streamed = await follow(t, cluster);
	t.true(names.every((name) => streamed.inForce.has(`Service shop/${name}`)));
	await cluster.killApiServer();
	await cluster.startApiServer('--feature-gates=WatchList=false');
	const paged = await follow(t, cluster);
	t.deepEqual([...paged.inForce.keys()].toSorted(), [...streamed.inForce.keys()].toSorted());
	await cluster.delete(service('many-7'));
	await paged.untilInForce('Service shop/many-7', false);
	await streamed.untilInForce('Service shop/many-7', false);
	t.deepEqual(deletions(streamed), ['delete Service shop/many-7']);
});
