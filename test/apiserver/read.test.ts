import test from 'ava';
import {readApiServer} from '../../src/apiserver/read.ts';
import {thisNode} from '../support/builders.ts';
import {serviceJson} from '../support/manifests.ts';
import {startDouble, writeKubeconfig} from '../support/watched-api.ts';

test('everything is read once, and the watches end', async (t) => {
	const double = await startDouble(t);
	double.store.put(serviceJson());
	const {changes, problems} = await readApiServer({nodeName: thisNode, root: '/nowhere', server: double.url});
	t.deepEqual(
		changes.map((change) => (change.verb === 'put' ? change.object.kind : change.verb)),
		['Service', 'synced'],
	);
	t.deepEqual(problems, []);
	await double.untilWatched();
});

test('an API server that cannot be reached is an error at once, and nothing is waited for', async (t) => {
	const double = await startDouble(t);
	const {url} = double;
	await double.kill();
	await t.throwsAsync(readApiServer({nodeName: thisNode, root: '/nowhere', server: url}), {code: 'API_UNREACHABLE'});
});

test('a kind that is needed and forbidden is an error; the Node may be', async (t) => {
	const double = await startDouble(t);
	const kubeconfig = writeKubeconfig(t, {server: double.url, 'insecure-skip-tls-verify': true}, {});
	double.faults.forbidden = new Set(['nodes']);
	const {changes, problems} = await readApiServer({nodeName: thisNode, kubeconfig});
	t.deepEqual(changes.at(-1), {verb: 'synced', source: 'apiserver', complete: false});
	t.deepEqual(
		problems.map(({code}) => code),
		['API_REFUSED'],
	);
	double.faults.forbidden = new Set(['nodes', 'services']);
	await t.throwsAsync(readApiServer({nodeName: thisNode, kubeconfig}), {code: 'API_REFUSED'});
});
