import test from 'ava';
import {configFrom, kubeProxyFile, problemsOf} from './said.ts';

const noObjects = {objects: '', 'cluster-cidr': '10.0.0.0/8'};
const pod = {KUBERNETES_SERVICE_HOST: '10.96.0.1'};

test('without objects the API server is asked: as a kubeconfig, a URL or the Pod says', (t) => {
	t.like(configFrom({flags: {...noObjects, kubeconfig: '/k'}}), {objects: undefined, kubeconfig: '/k', warnings: []});
	const url = 'https://192.0.2.10:6443';
	t.like(configFrom({flags: {...noObjects, master: url}}), {master: url, warnings: []});
	const file = kubeProxyFile('clientConnection: {kubeconfig: /var/lib/kube-proxy/kubeconfig.conf}');
	t.is(configFrom({flags: noObjects, file}).kubeconfig, '/var/lib/kube-proxy/kubeconfig.conf');
	t.like(configFrom({flags: noObjects, environment: pod}), {objects: undefined, kubeconfig: undefined});
});

test('a process in no Pod that is told of no source is refused', (t) => {
	const wanted = 'a path, or --objects, or --master, because this process runs in no Pod';
	t.deepEqual(problemsOf({flags: noObjects}), [`--kubeconfig (wanted: ${wanted})`]);
	t.deepEqual(problemsOf({flags: noObjects, environment: {KUBERNETES_SERVICE_HOST: ''}}).length, 1);
});

test('a Pod that only knows the API server by its service IP is warned: who serves that cannot depend on it', (t) => {
	t.regex(configFrom({flags: noObjects, environment: pod}).warnings.join(), /KUBERNETES_SERVICE_HOST.*--master/);
	t.deepEqual(configFrom({flags: {...noObjects, kubeconfig: '/k'}, environment: pod}).warnings, []);
});

test('where objects are named, what names an API server is passed by with a warning', (t) => {
	const flags = {'cluster-cidr': '10.0.0.0/8', kubeconfig: '/k'};
	t.deepEqual(configFrom({flags, environment: {FAIRLEAD_MASTER: 'http://192.0.2.1'}}).warnings, [
		'--kubeconfig is not used: objects come from --objects',
		'FAIRLEAD_MASTER is not used: objects come from --objects',
	]);
	t.deepEqual(configFrom({flags: {'cluster-cidr': '10.0.0.0/8'}, environment: pod}).warnings, []);
});

test('--master is a URL', (t) => {
	for (const master of ['192.0.2.10', '192.0.2.10:6443', 'tcp://192.0.2.10', 'nonsense']) {
		t.regex(problemsOf({flags: {master}}).join(), /^--master ".*" \(wanted: a URL such as https:/, master);
	}
});
