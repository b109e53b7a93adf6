import {chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import type {ApiServerDouble} from '../support/api-server/double.ts';
import {Authority} from '../support/certificates.ts';
import {directoryOf} from '../support/directory.ts';
import {serviceJson} from '../support/manifests.ts';
import {kubeconfigText, startDouble, startTlsDouble, WatchedApi, writeKubeconfig} from '../support/watched-api.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const plain = ({url}: ApiServerDouble) => ({server: url, 'insecure-skip-tls-verify': true});

test('the token in `tokenFile`, as kubeadm writes it for kube-proxy, is that of each request, without its line break', async (t) => {
	const double = await startDouble(t);
	double.faults.tokens = new Set(['secret']);
	const kubeconfig = writeKubeconfig(t, plain(double), {tokenFile: 'token'});
	writeFileSync(join(kubeconfig, '../token'), 'secret\n');
	const api = new WatchedApi(t, {kubeconfig});
	await api.untilSynced();
	t.deepEqual(api.reports, []);
});

test('a token that is not accepted any more is read again at once', async (t) => {
	const double = await startDouble(t);
	double.faults.tokens = new Set(['old']);
	const kubeconfig = writeKubeconfig(t, plain(double), {tokenFile: 'token'});
	const token = join(kubeconfig, '../token');
	writeFileSync(token, 'old');
	const api = new WatchedApi(t, {kubeconfig});
	await api.untilSynced();
	await double.untilWatched('services', 'endpointslices', 'nodes', 'servicecidrs');
	double.faults.tokens = new Set(['new']);
	double.watchOf('services').cut();
	await api.clock.expire(500);
	await api.until(() => [...api.problems].some(({message}) => message.includes('401 Unauthorized')));
	writeFileSync(token, 'new');
	double.store.put(serviceJson());
	await api.clock.expire(1000);
	await api.untilInForce('Service shop/web');
	t.is(api.problems.size, 0);
});

test('in no Pod, and without a kubeconfig, an API server by its address is asked as nobody', async (t) => {
	const double = await startDouble(t);
	const api = new WatchedApi(t, {root: directoryOf(t), server: double.url});
	await api.untilSynced();
	t.deepEqual(api.reports, []);
	double.faults.tokens = new Set(['somebody']);
	double.watchOf('services').cut();
	await api.untilRetried(() => [...api.problems].some(({message}) => message.includes('401 Unauthorized')));
	t.true(api.complete, 'what was told stays in force');
});

test('in a Pod the service account says who we are, and KUBERNETES_SERVICE_HOST where to go unless there is another address', async (t) => {
	const authority = new Authority();
	const double = await startTlsDouble(t, authority);
	double.faults.tokens = new Set(['account']);
	const root = directoryOf(t);
	const account = join(root, 'var/run/secrets/kubernetes.io/serviceaccount');
	mkdirSync(account, {recursive: true});
	writeFileSync(join(account, 'token'), 'account');
	writeFileSync(join(account, 'ca.crt'), authority.identity.cert);

	const told = new WatchedApi(t, {root, server: `${double.url}/`});
	await told.untilSynced();

	const lost = new WatchedApi(t, {root});
	await lost.until(() => lost.problems.size > 0);
	t.regex([...lost.problems][0]?.message ?? '', /there is no kubeconfig, and this process runs in no Pod/);

	const {hostname, port} = new URL(double.url);
	process.env['KUBERNETES_SERVICE_HOST'] = hostname;
	process.env['KUBERNETES_SERVICE_PORT'] = port;
	t.teardown(() => {
		delete process.env['KUBERNETES_SERVICE_HOST'];
		delete process.env['KUBERNETES_SERVICE_PORT'];
	});
	await lost.untilRetried(() => lost.complete === true);
});

test('an API server with a certificate of another CA is not talked to, until its CA is in the file', async (t) => {
	const [authority, other] = [new Authority('new-ca'), new Authority('old-ca')];
	const double = await startTlsDouble(t, authority);
	const directory = directoryOf(t);
	const ca = join(directory, 'ca.crt');
	writeFileSync(ca, other.identity.cert);
	const kubeconfig = writeKubeconfig(t, {server: double.url, 'certificate-authority': ca}, {});
	const api = new WatchedApi(t, {kubeconfig});
	await api.until(() => api.problems.size > 0);
	t.regex([...api.problems][0]?.message ?? '', /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER/);
	t.is(double.requests.length, 0);
	writeFileSync(ca, authority.identity.cert);
	await api.untilRetried(() => api.complete === true && api.problems.size === 0);
});

test('a client certificate is shown, and one that was renewed in its file is shown from the next connection on', async (t) => {
	const [authority, clients] = [new Authority('servers'), new Authority('clients')];
	const double = await startTlsDouble(t, authority, clients);
	const directory = directoryOf(t);
	const files = {'client-certificate': join(directory, 'cert'), 'client-key': join(directory, 'key')};
	const write = ({cert, key}: {readonly cert: string; readonly key: string}) => {
		writeFileSync(files['client-certificate'], cert);
		writeFileSync(files['client-key'], key);
	};
	write(new Authority('strangers').issueClient('fairlead'));
	const cluster = {server: double.url, 'certificate-authority-data': base64(authority.identity.cert)};
	const api = new WatchedApi(t, {kubeconfig: writeKubeconfig(t, cluster, files)});
	await api.until(() => api.problems.size > 0);
	t.is(double.requests.length, 0);
	write(clients.issueClient('fairlead'));
	await api.untilRetried(() => api.complete === true && api.problems.size === 0);
});

test('a kubeconfig that cannot be used is named with what is wrong, and used once it can be', async (t) => {
	const double = await startDouble(t);
	const kubeconfig = writeKubeconfig(t, plain(double), {});
	rmSync(kubeconfig);
	const api = new WatchedApi(t, {kubeconfig});
	await api.until(() => api.problems.size > 0);
	const [problem] = api.problems;
	t.is(problem?.code, 'API_CONFIG');
	t.regex(problem?.message ?? '', /^cannot use kubeconfig ".*": ENOENT/);
	writeFileSync(kubeconfig, '{"clusters": []}');
	await api.untilRetried(() => [...api.problems].some(({message}) => message.includes('names no cluster and user')));
	writeFileSync(kubeconfig, kubeconfigText(plain(double), {}));
	await api.untilRetried(() => api.complete === true && api.problems.size === 0);
});

test('an exec plugin is run for credentials, and again when they are not accepted', async (t) => {
	const double = await startDouble(t);
	double.faults.tokens = new Set(['run-2']);
	const plugin = join(directoryOf(t), 'plugin');
	const credential =
		'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"run-%s"}}';
	writeFileSync(plugin, `#!/bin/sh\necho run >>"$0.runs"\nprintf '${credential}' "$(grep -c . "$0.runs")"\n`);
	chmodSync(plugin, 0o755);
	const exec = {apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never'};
	const api = new WatchedApi(t, {kubeconfig: writeKubeconfig(t, plain(double), {exec})});
	await api.untilRetried(() => api.complete === true);
	t.is(readFileSync(`${plugin}.runs`, 'utf8'), 'run\nrun\n');
});

test('requests use connections again, and those under way keep theirs when the CA changes', async (t) => {
	const authority = new Authority();
	const double = await startTlsDouble(t, authority);
	double.faults.streamsNoLists = true;
	double.store.put(...Array.from({length: 1001}, (_, index) => serviceJson({}, {name: `s${index}`})));
	const ca = join(directoryOf(t), 'ca.crt');
	writeFileSync(ca, authority.identity.cert);
	const api = new WatchedApi(t, {
		kubeconfig: writeKubeconfig(t, {server: double.url, 'certificate-authority': ca}, {}),
	});
	await api.untilSynced();
	await double.untilWatched('services', 'endpointslices', 'nodes', 'servicecidrs');
	t.is(double.connections, 4);
	writeFileSync(ca, `${authority.identity.cert}${new Authority().identity.cert}`);
	double.watchOf('services').cut();
	await api.clock.expire(500);
	await double.untilWatched('services');
	t.is(double.connections, 4);
	double.store.put(serviceJson());
	await api.untilInForce('Service shop/web');
});
