import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import type {Config} from '../../src/config/config.ts';
import {resolveConfig} from '../../src/config/config.ts';
import {foreignFlags} from '../../src/config/kube-proxy-flags.ts';
import {environmentName, settings} from '../../src/config/settings.ts';
import {printPrefix} from '../../src/net/prefix.ts';
import {configFrom, problemsOf, type Said} from './said.ts';

function config(flags: Said = {}, environment: Said = {}): Config {
	return configFrom({flags, environment});
}

/** What is wrong, one line a setting. */
function problems(flags: Said, environment: Said = {}): string[] {
	return problemsOf({flags, environment});
}

test('with objects alone, everything else is as kube-proxy has it in nftables mode', (t) => {
	const {warnings, mode, ...rest} = config();
	t.deepEqual(rest, {
		objects: '/objects',
		kubeconfig: undefined,
		master: undefined,
		nodeName: 'worker-1',
		bindAddress: undefined,
		nodePortAddresses: ['primary'],
		clusterCidrs: [],
		detectLocalMode: 'ClusterCIDR',
		podBridgeInterface: undefined,
		podInterfaceNamePrefix: undefined,
		masqueradeAll: false,
		syncPeriodMs: 30_000,
		minSyncPeriodMs: 0,
		healthzBindAddress: {address: '0.0.0.0', port: 10_256},
		metricsBindAddress: {address: '127.0.0.1', port: 10_249},
		bindAddressHardFail: false,
		stateDir: '/run/fairlead',
		verbosity: 2,
		cni: {
			confDir: undefined,
			mode: 'routed',
			mtuBytes: 0,
			masquerade: true,
			nonMasqueradeCidrs: [],
			addressRestMs: 60_000,
		},
		conntrack: {
			maxPerCore: 32_768,
			min: 131_072,
			tcpEstablishedTimeoutMs: 86_400_000,
			tcpCloseWaitTimeoutMs: 3_600_000,
			tcpBeLiberal: false,
			udpTimeoutMs: 0,
			udpStreamTimeoutMs: 0,
		},
	} as unknown as typeof rest);
	t.is(mode.mode, 'nftables');
	t.true(Object.isFrozen(config()));
});

test('a flag wins over the environment, the environment over the default', (t) => {
	t.is(config({}, {FAIRLEAD_STATE_DIR: '/a'}).stateDir, '/a');
	t.is(config({'state-dir': '/b'}, {FAIRLEAD_STATE_DIR: '/a'}).stateDir, '/b');
});

test('an empty text means "not set", as a DaemonSet with an empty variable gives it', (t) => {
	const empty = config({'hostname-override': '', 'cluster-cidr': '', 'nodeport-addresses': '', 'state-dir': ''});
	t.is(empty.nodeName, 'worker-1');
	t.deepEqual(empty.clusterCidrs, []);
	t.deepEqual(empty.nodePortAddresses, ['primary']);
	t.is(empty.stateDir, '/run/fairlead');
});

test('an empty text leaves the word to the next source', (t) => {
	t.is(config({'state-dir': ''}, {FAIRLEAD_STATE_DIR: '/a'}).stateDir, '/a');
});

test('at an empty health or metrics address, or none, it is served nowhere', (t) => {
	t.is(config({'healthz-bind-address': ''}).healthzBindAddress, undefined);
	t.is(config({'healthz-bind-address': 'none'}).healthzBindAddress, undefined);
	t.is(config({'metrics-bind-address': ''}).metricsBindAddress, undefined);
	t.is(config({'metrics-bind-address': 'none'}).metricsBindAddress, undefined);
});

test('the health address may be IPv6 in brackets', (t) => {
	t.deepEqual({...config({'healthz-bind-address': '[::1]:80'}).healthzBindAddress}, {address: '::1', port: 80});
});

test('the node name is trimmed and lower-cased, as kube-proxy does', (t) => {
	t.is(config({'hostname-override': ' Node-A '}).nodeName, 'node-a');
});

test('the cluster CIDR may name one prefix of each IP family', (t) => {
	t.deepEqual(config({'cluster-cidr': '10.0.0.0/8,fd00::/48'}).clusterCidrs.map(printPrefix), [
		'10.0.0.0/8',
		'fd00::/48',
	]);
});

test('node-port addresses may mix primary, all and prefixes', (t) => {
	const {nodePortAddresses} = config({'nodeport-addresses': 'primary, 192.0.2.0/24,all'});
	t.deepEqual(
		nodePortAddresses.map((entry) => (typeof entry === 'string' ? entry : printPrefix(entry))),
		['primary', '192.0.2.0/24', 'all'],
	);
});

const wrong: readonly [flag: string, value: string][] = [
	['cluster-cidr', '10.0.0.0/33'],
	['cluster-cidr', '10.0.0.0/8,11.0.0.0/8'],
	['cluster-cidr', '10.0.0.0'],
	['cluster-cidr', '10.0.0.0/8,fd00::/48,fd01::/48'],
	['hostname-override', '  '],
	['bind-address', '0.0.0.0:80'],
	['nodeport-addresses', '192.0.2.1'],
	['nodeport-addresses', 'primary;all'],
	['detect-local-mode', 'clustercidr'],
	['pod-bridge-interface', 'a-name-of-16-byte'],
	['pod-interface-name-prefix', 'a b'],
	['masquerade-all', 'yes'],
	['healthz-bind-address', '10256'],
	['healthz-bind-address', 'localhost:10256'],
	['healthz-bind-address', '0.0.0.0:0'],
	['healthz-bind-address', '::1:10256'],
	['metrics-bind-address', '10249'],
	['metrics-bind-address', '127.0.0.1:65536'],
	['iptables-sync-period', '0s'],
	['iptables-sync-period', '30'],
	['iptables-min-sync-period', '-1s'],
	['state-dir', 'relative'],
	['v', 'debug'],
	['conntrack-min', '-1'],
	['conntrack-max-per-core', '2147483648'],
	['conntrack-tcp-timeout-established', '-1s'],
	['conntrack-tcp-be-liberal', '1'],
	['conntrack-udp-timeout', '5'],
];
for (const [flag, value] of wrong) {
	test(`--${flag} ${JSON.stringify(value)} is refused by name`, (t) => {
		const found = problems({[flag]: value});
		t.is(found.length, 1);
		t.true(found[0]?.startsWith(`--${flag} ${JSON.stringify(value)} (wanted: `), found[0]);
	});
}

test('every setting that is wrong is named at once, by the flag or the variable that said it', (t) => {
	t.deepEqual(problems({'masquerade-all': 'maybe'}, {FAIRLEAD_V: 'x'}), [
		'--masquerade-all "maybe" (wanted: true or false)',
		'FAIRLEAD_V "x" (wanted: a number from 0 to 99)',
	]);
});

test('the bridge detector needs the name of the bridge, the prefix detector a prefix', (t) => {
	t.regex(problems({'detect-local-mode': 'BridgeInterface'}).join(), /^--pod-bridge-interface \(wanted: /);
	t.regex(problems({'detect-local-mode': 'InterfaceNamePrefix'}).join(), /^--pod-interface-name-prefix \(wanted: /);
	t.is(config({'detect-local-mode': 'BridgeInterface', 'pod-bridge-interface': 'cni0'}).podBridgeInterface, 'cni0');
});

test('the least time between commits may not pass the longest wait', (t) => {
	t.regex(problems({'iptables-min-sync-period': '31s'}).join(), /no more than --iptables-sync-period/);
});

test('an absent, empty or ipvs mode becomes nftables with a warning; auto and nftables without one', (t) => {
	t.true(config().mode.warn);
	t.true(config({'proxy-mode': ''}).mode.warn);
	t.true(config({'proxy-mode': 'ipvs'}).mode.warn);
	t.false(config({'proxy-mode': 'auto'}).mode.warn);
	t.false(config({'proxy-mode': 'nftables'}).mode.warn);
});

test('a mode that this version lacks is refused, with what to do', (t) => {
	for (const mode of ['iptables', 'ebpf', 'userspace', 'kernelspace', 'magic']) {
		t.regex(problems({'proxy-mode': mode}).join(), /^--proxy-mode ".*" \(wanted: nftables or auto: ./);
	}
});

test('a pod that cannot be told from others is worth a warning', (t) => {
	t.regex(config().warnings.join(), /without --cluster-cidr/);
	t.deepEqual(config({'cluster-cidr': '10.0.0.0/8'}).warnings, []);
});

test('a flag of kube-proxy without meaning here is taken with a warning, a misleading one refused', (t) => {
	t.deepEqual(config({'oom-score-adj': '-999', 'cluster-cidr': '10.0.0.0/8'}).warnings, [
		'--oom-score-adj is not used: the pod or unit that runs the daemon sets it',
	]);
	t.regex(problems({cleanup: 'true'}).join(), /^--cleanup "true" \(wanted: no such flag: .*fairlead cleanup/);
});

test('init asks for no objects, so that nobody need say where they are', (t) => {
	const sources = {flags: new Map([['conntrack-min', '1']]), environment: {}, hostname: 'n1'};
	t.is(resolveConfig({...sources, input: 'none'}).conntrack.min, 1);
	t.throws(() => resolveConfig(sources), {code: 'CONFIG_INVALID'});
});

test("kube-proxy's --init-only is refused with the command that does the same", (t) => {
	t.regex(problems({'init-only': 'true'}).join(), /^--init-only "true" .*`fairlead init`/);
});

test('no flag is both a setting and unknown', (t) => {
	const own = new Set(Object.values(settings).map(({flag}) => flag));
	t.deepEqual(
		foreignFlags.filter(({flag}) => own.has(flag)),
		[],
	);
});

test('no variable of ours is one that Kubernetes makes for a Service called fairlead', (t) => {
	const names = Object.values(settings).map(({flag}) => environmentName(flag));
	t.deepEqual(
		names.filter((name) => /^FAIRLEAD_(?:SERVICE|PORT)(?:_|$)/.test(name)),
		[],
	);
});

testProp(
	'any text of any setting is taken or refused with its name, never thrown as something else',
	[fc.constantFrom(...Object.values(settings).map(({flag}) => flag)), fc.string({maxLength: 24})],
	(t, flag, value) => {
		const [first] = problems({[flag]: value});
		t.true(first === undefined || first.startsWith('--'), first);
	},
	{numRuns: 300},
);
