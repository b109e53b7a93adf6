import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {type Config, resolveConfig} from '../../src/config/config.ts';
import {parseConfigFile} from '../../src/config/file.ts';
import {configDocuments, printConfig} from '../../src/config/write.ts';
import {golden} from '../lab/golden.ts';
import {configFrom, type Said} from './said.ts';

/** What the written file makes on the same host, with no flags beside it; warnings name who said what, so they differ. */
function readBack(config: Config): Omit<Config, 'warnings'> {
	const file = parseConfigFile('/written.yaml', printConfig(config, 'Worker-1'));
	return unwarned(resolveConfig({flags: new Map(), environment: {}, file, hostname: 'Worker-1'}));
}

function unwarned({warnings: _, ...config}: Config): Omit<Config, 'warnings'> {
	return config;
}

test('the written file holds both documents, every setting in each field that says it', (t) => {
	golden(
		t,
		new URL('../golden/config/written.conf', import.meta.url).pathname,
		printConfig(configFrom({}), 'worker-1'),
	);
});

test('a node that has its own name is not named: its file may serve on other nodes', (t) => {
	t.regex(printConfig(configFrom({}), 'Worker-1'), /^hostnameOverride: ""$/m);
	t.regex(printConfig(configFrom({flags: {'hostname-override': 'n2'}}), 'Worker-1'), /^hostnameOverride: n2$/m);
});

test('what is in force is told by the fields of its documents, what is ours apart', (t) => {
	const said = {'metrics-bind-address': '', 'nodeport-addresses': 'primary,192.0.2.0/24'};
	const documents = configDocuments(configFrom({flags: said}), 'Worker-1');
	t.like(documents.KubeProxyConfiguration, {metricsBindAddress: 'none', nftables: {syncPeriod: '30s'}});
	t.deepEqual(documents.KubeProxyConfiguration['nodePortAddresses'], ['primary', '192.0.2.0/24']);
	t.deepEqual(Object.keys(documents.FairleadConfiguration), ['objects', 'cni', 'stateDir']);
});

const durations = fc
	.tuple(fc.nat(200), fc.nat(59), fc.nat({max: 59_999_999}))
	.map(([hours, minutes, microseconds]) => `${hours}h${minutes}m${microseconds}us`);
const words = fc.oneof(
	fc.string({minLength: 1, maxLength: 12, unit: 'grapheme'}),
	fc.constantFrom(
		'on',
		'null',
		'5',
		'~',
		'1e3',
		'a: b',
		'- x',
		'# y',
		'"',
		'0x1',
		'1:2',
		' pad ',
		'a\nb',
		'<<',
		'=',
		'\u0085',
		'\u2028',
	),
);
const names = fc.string({minLength: 1, maxLength: 15}).filter((name) => !/[\s/]/.test(name));
const prefixes = fc.constantFrom('10.0.0.0/8', '192.0.2.0/24', 'fd00::/48', '::/0');
const booleans = fc.constantFrom('true', 'false');
const counts = fc.nat({max: 2 ** 31 - 1}).map(String);

/** Flags as an operator may set them; those that need one another are set together. */
const flags: fc.Arbitrary<Said> = fc.record(
	{
		objects: words,
		'hostname-override': words.filter((word) => word.trim() !== ''),
		'bind-address': fc.constantFrom('0.0.0.0', '::', '192.0.2.1', 'fd00::1'),
		'nodeport-addresses': fc
			.uniqueArray(fc.oneof(fc.constantFrom('primary', 'all', 'localhost'), prefixes), {minLength: 1})
			.map(String),
		'cluster-cidr': fc.constantFrom('10.0.0.0/8', 'fd00::/48', '10.0.0.0/8,fd00::/48', 'fd00::1/48,10.1.2.3/8'),
		'detect-local-mode': fc.constantFrom('ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'),
		'pod-bridge-interface': names,
		'pod-interface-name-prefix': names,
		'masquerade-all': booleans,
		'proxy-mode': fc.constantFrom('', 'auto', 'nftables', 'ipvs'),
		'iptables-sync-period': durations.map((text) => `1s${text}`),
		'iptables-min-sync-period': fc.constantFrom('0s', '1s', '1ns', '999.5ms'),
		'healthz-bind-address': fc.constantFrom('', 'none', '0.0.0.0:1', '[::1]:65535', '192.0.2.1:10256'),
		'bind-address-hard-fail': booleans,
		'state-dir': words.map((word) => `/${word}`),
		v: fc.nat({max: 99}).map(String),
		'cni-conf-dir': words.map((word) => `/${word}`),
		'cni-mode': fc.constantFrom('routed', 'bridge'),
		'cni-mtu': fc.constantFrom('0', '1280', '9000'),
		'cni-masquerade': booleans,
		'non-masquerade-cidrs': fc.uniqueArray(prefixes, {minLength: 1}).map(String),
		'cni-address-rest': durations,
		kubeconfig: words,
		master: fc.constantFrom('https://192.0.2.1:6443', 'http://localhost'),
		'conntrack-max-per-core': counts,
		'conntrack-min': counts,
		'conntrack-tcp-timeout-established': durations,
		'conntrack-tcp-timeout-close-wait': durations,
		'conntrack-tcp-be-liberal': booleans,
		'conntrack-udp-timeout': durations,
		'conntrack-udp-timeout-stream': durations,
	},
	{requiredKeys: ['objects', 'pod-bridge-interface', 'pod-interface-name-prefix', 'iptables-sync-period']},
);

testProp(
	'a configuration that is written and read back is the same, whatever the flags were',
	[flags],
	(t, said) => {
		const config = configFrom({flags: said});
		t.deepEqual(readBack(config), unwarned(config));
	},
	{numRuns: 300},
);
