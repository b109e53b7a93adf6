import {readFileSync} from 'node:fs';
import test from 'ava';
import {kubeProxyFields} from '../../src/config/kube-proxy-fields.ts';
import {printPrefix} from '../../src/net/prefix.ts';
import {configFrom, fairleadFile, kubeProxyFile, problemsOf} from './said.ts';

function fixture(name: string): string {
	return readFileSync(new URL(`files/${name}`, import.meta.url), 'utf8');
}

/** What no file of this test is about. */
const detector = 'clusterCIDR: 10.0.0.0/8';

test('the file that kubeadm writes is taken as it is, nulls and zeros included', (t) => {
	const {warnings, mode, ...rest} = configFrom({file: fixture('kubeadm.yaml')});
	const {warnings: _, mode: none, ...alone} = configFrom({flags: {'cluster-cidr': '10.244.0.0/16'}});
	t.deepEqual(rest, {
		...alone,
		verbosity: 0,
		kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf',
	});
	t.deepEqual(mode, none);
	t.deepEqual(warnings, [
		'KubeProxyConfiguration.clientConnection.kubeconfig is not used: objects come from --objects',
	]);
});

test('the file that kube-proxy writes of its defaults is taken without a warning', (t) => {
	const config = configFrom({file: fixture('kube-proxy-written.yaml')});
	t.deepEqual(config.warnings, []);
	t.deepEqual(config.clusterCidrs.map(printPrefix), ['10.244.0.0/16', 'fd00:10:244::/56']);
	t.is(config.mode.asked, 'nftables');
	t.is(config.minSyncPeriodMs, 1000);
	t.is(config.conntrack.tcpEstablishedTimeoutMs, 86_400_000);
});

test('both fixtures hold every field that they can', (t) => {
	const absent = (text: string) =>
		[...kubeProxyFields.keys()].filter((path) => !text.includes(`${path.split('.').at(-1)}:`));
	t.deepEqual(absent(fixture('kube-proxy-written.yaml')), [
		'logging.vmodule',
		'logging.options.text.splitStream',
		'logging.options.json.splitStream',
		'windowsRunAsService',
	]);
	t.deepEqual(absent(fixture('kubeadm.yaml')).slice(0, 2), ['featureGates', 'logging.format']);
});

test('everything that is wrong is named at once: flags, variables, both documents', (t) => {
	const file = `${kubeProxyFile('mode: magic', 'conntrack: {min: x}')}---\n${fairleadFile('stateDir: relative')}`;
	const found = problemsOf({file, flags: {v: 'x'}, environment: {FAIRLEAD_MASQUERADE_ALL: 'maybe'}});
	t.deepEqual(found.map((line) => line.split(' ')[0]).toSorted(), [
		'--v',
		'FAIRLEAD_MASQUERADE_ALL',
		'FairleadConfiguration.stateDir',
		'KubeProxyConfiguration.conntrack.min',
		'KubeProxyConfiguration.mode',
	]);
});

test('a section that is null says nothing', (t) => {
	const file = kubeProxyFile(
		detector,
		'mode: auto',
		'iptables: null',
		'winkernel:',
		'logging: {options: {text: null}}',
	);
	t.deepEqual(configFrom({file}).warnings, []);
});

test('a field that no kube-proxy here knows is left out with a warning, and with the one that is spelled like it', (t) => {
	const {warnings, clusterCidrs} = configFrom({
		file: kubeProxyFile(
			'clusterCidr: 10.0.0.0/8',
			detector,
			'iptables: {maskeradeAll: true}',
			'conntrack: {ofTheFuture: {a: 1}}',
		),
	});
	t.is(clusterCidrs.length, 1);
	t.deepEqual(warnings, [
		'KubeProxyConfiguration.clusterCidr is not known and left out; did you mean clusterCIDR?',
		'KubeProxyConfiguration.iptables.maskeradeAll is not known and left out; did you mean iptables.masqueradeAll?',
		'KubeProxyConfiguration.conntrack.ofTheFuture is not known and left out',
	]);
});

test('a field of ours that does not exist is refused: no other program reads that document', (t) => {
	t.deepEqual(problemsOf({file: fairleadFile('statedir: /run/x', 'mode: auto')}), [
		'FairleadConfiguration.statedir "/run/x" (wanted: no such field; did you mean stateDir?)',
		'FairleadConfiguration.mode "auto" (wanted: no such field; did you mean cni.mode?)',
	]);
});

test('names that every JavaScript object has are no fields', (t) => {
	const {warnings} = configFrom({file: kubeProxyFile(detector, 'constructor: 1', '__proto__: {mode: magic}')});
	t.deepEqual(
		warnings.map((warning) => warning.split(' ')[0]),
		['KubeProxyConfiguration.constructor', 'KubeProxyConfiguration.__proto__'],
	);
});

test('either document may stand alone, in any order, as YAML or JSON', (t) => {
	const ours = fairleadFile('objects: /ours', 'stateDir: /state', 'master: https://192.0.2.1');
	const theirs = kubeProxyFile(detector);
	const flags = {objects: ''};
	t.like(configFrom({file: ours, flags}), {objects: '/ours', stateDir: '/state', master: 'https://192.0.2.1'});
	t.is(configFrom({file: theirs}).clusterCidrs.length, 1);
	for (const file of [`${ours}---\n${theirs}`, `---\n${theirs}---\n${ours}---\n# nothing\n`]) {
		const config = configFrom({file, flags});
		t.is(config.objects, '/ours');
		t.is(config.clusterCidrs.length, 1);
	}

	const json = {apiVersion: 'fairlead.io/v1alpha1', kind: 'FairleadConfiguration', objects: '/json'};
	t.is(configFrom({file: `\uFEFF${JSON.stringify(json)}`, flags}).objects, '/json');
});

test('a document of another kind or version, or twice, is refused by its number', (t) => {
	const other = 'apiVersion: kubeproxy.config.k8s.io/v1beta1\nkind: KubeProxyConfiguration\n';
	t.regex(
		problemsOf({file: other}).join(),
		/^document 1 \{"apiVersion":"kubeproxy.config.k8s.io\/v1beta1",.*wanted: a document of kind KubeProxyConfiguration and apiVersion kubeproxy.config.k8s.io\/v1alpha1, or of kind FairleadConfiguration/,
	);
	t.regex(
		problemsOf({file: `${kubeProxyFile()}---\n${kubeProxyFile()}`}).join(),
		/^document 2 "KubeProxyConfiguration" \(wanted: one document of each kind\)$/,
	);
	t.regex(
		problemsOf({file: 'apiVersion: v1\nkind: ConfigMap\n'}).join('; '),
		/of a ConfigMap only what stands under its key/,
	);
	t.regex(problemsOf({file: '- a\n'}).join(), /^document 1 /);
	for (const empty of ['', '# nothing\n', '---\n---\n']) {
		t.regex(problemsOf({file: empty}).join(), /^\/etc\/config.yaml \(wanted: a document of .*, and it holds none\)$/);
	}
});

test('a file that is no YAML, or says a field twice, is refused with its line', (t) => {
	t.regex(
		problemsOf({file: kubeProxyFile('a: [')}).join(),
		/^cannot parse "\/etc\/config.yaml" \(line 4, column 1\): /,
	);
	t.regex(
		problemsOf({file: kubeProxyFile('mode: auto', 'mode: nftables')}).join(),
		/\(line 4, column \d+\): duplicated mapping key/,
	);
});

test('flags win over the environment, the environment over the file, the file over defaults', (t) => {
	const file = `${kubeProxyFile('hostnameOverride: file', 'nodePortAddresses: [all]')}---\n${fairleadFile('stateDir: /file')}`;
	const environment = {FAIRLEAD_HOSTNAME_OVERRIDE: 'environment', FAIRLEAD_STATE_DIR: '/environment'};
	const config = configFrom({file, environment, flags: {'hostname-override': 'flag'}});
	t.is(config.nodeName, 'flag');
	t.is(config.stateDir, '/environment');
	t.deepEqual(config.nodePortAddresses, ['all']);
	t.is(configFrom({file, flags: {'hostname-override': ''}}).nodeName, 'file', 'an empty flag is not set');
});

test('the sync periods and masqueradeAll are those of the section of the mode, as in kube-proxy', (t) => {
	const sections = [
		'iptables: {masqueradeAll: true, syncPeriod: 11s, minSyncPeriod: 2s}',
		'nftables: {masqueradeAll: false, syncPeriod: 22s, minSyncPeriod: 3s}',
		'ipvs: {syncPeriod: 33s}',
	];
	const inMode = (...lines: readonly string[]) => configFrom({file: kubeProxyFile(detector, ...sections, ...lines)});
	for (const mode of ['nftables', 'auto']) {
		t.like(inMode(`mode: ${mode}`), {masqueradeAll: false, syncPeriodMs: 22_000, minSyncPeriodMs: 3000});
	}

	for (const mode of ['""', 'null', 'ipvs']) {
		t.like(inMode(`mode: ${mode}`), {masqueradeAll: true, syncPeriodMs: 11_000, minSyncPeriodMs: 2000});
	}

	const {warnings} = inMode('mode: nftables');
	t.true(
		warnings.includes(
			'KubeProxyConfiguration.iptables.syncPeriod is not used: with mode "nftables" it is KubeProxyConfiguration.nftables.syncPeriod that counts',
		),
		warnings.join('\n'),
	);
	const alike = ['iptables: {syncPeriod: 22s}', 'nftables: {syncPeriod: 22s}'];
	t.deepEqual(configFrom({file: kubeProxyFile(detector, 'mode: nftables', ...alike)}).warnings, []);
	const flag = configFrom({file: kubeProxyFile(...sections), flags: {'proxy-mode': 'nftables'}});
	t.is(flag.syncPeriodMs, 22_000, 'the mode that is in force decides, whoever asked for it');
});

test('an absent, empty or ipvs mode in the file is auto with a warning', (t) => {
	for (const lines of [[], ['mode: ""'], ['mode: null'], ['mode: ipvs']]) {
		const {mode} = configFrom({file: kubeProxyFile(...lines)});
		t.true(mode.warn);
		t.is(mode.mode, 'nftables');
	}

	t.false(configFrom({file: kubeProxyFile('mode: auto')}).mode.warn);
});

test('a health address without a port gets the default one, none is nowhere, empty the default', (t) => {
	const at = (text: string) => configFrom({file: kubeProxyFile(`healthzBindAddress: ${text}`)}).healthzBindAddress;
	t.like(at('192.0.2.1'), {port: 10_256});
	t.like(at('"::1"'), {port: 10_256});
	t.is(at('none'), undefined);
	t.like(at('""'), {port: 10_256});
});

test('a detector that needs a name asks for it by the flag, or by the field that holds a wrong one', (t) => {
	t.regex(
		problemsOf({file: kubeProxyFile('detectLocalMode: BridgeInterface')}).join(),
		/^--pod-bridge-interface \(wanted: /,
	);
	t.regex(
		problemsOf({file: kubeProxyFile('detectLocal: {bridgeInterface: a-name-of-16-byte}')}).join(),
		/^KubeProxyConfiguration.detectLocal.bridgeInterface "a-name-of-16-byte" /,
	);
});
