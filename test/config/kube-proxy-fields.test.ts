import test from 'ava';
import {kubeProxyFields, settingOf, whyUnused} from '../../src/config/kube-proxy-fields.ts';
import {foreignFlag, foreignFlags} from '../../src/config/kube-proxy-flags.ts';
import {settings} from '../../src/config/settings.ts';
import {configFrom, kubeProxyFile, problemsOf} from './said.ts';

/** What no file of this test is about. */
const detector = 'clusterCIDR: 10.0.0.0/8';

test('every field that a setting has becomes that setting', (t) => {
	const config = configFrom({
		file: kubeProxyFile(
			'clientConnection: {kubeconfig: /k}',
			'logging: {verbosity: 4}',
			'hostnameOverride: Node-A',
			'bindAddress: 192.0.2.1',
			'healthzBindAddress: "[::1]:80"',
			'metricsBindAddress: 127.0.0.2',
			'bindAddressHardFail: true',
			'mode: nftables',
			'nftables: {masqueradeAll: true, syncPeriod: 1m, minSyncPeriod: 2s}',
			'detectLocalMode: BridgeInterface',
			'detectLocal: {bridgeInterface: cni0, interfaceNamePrefix: veth}',
			detector,
			'nodePortAddresses: [primary, 192.0.2.0/24]',
			'conntrack: {maxPerCore: 0, min: 1, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 2s, tcpBeLiberal: true, udpTimeout: 3s, udpStreamTimeout: 4s}',
		),
	});
	t.like(config, {
		kubeconfig: '/k',
		verbosity: 4,
		nodeName: 'node-a',
		bindAddressHardFail: true,
		masqueradeAll: true,
		syncPeriodMs: 60_000,
		minSyncPeriodMs: 2000,
		detectLocalMode: 'BridgeInterface',
		podBridgeInterface: 'cni0',
		podInterfaceNamePrefix: 'veth',
	});
	t.is(config.bindAddress, '192.0.2.1' as typeof config.bindAddress);
	t.deepEqual({...config.healthzBindAddress}, {address: '::1', port: 80});
	t.deepEqual({...config.metricsBindAddress}, {address: '127.0.0.2', port: 10_249});
	t.is(config.nodePortAddresses.length, 2);
	t.deepEqual(Object.values(config.conntrack), [0, 1, 0, 2000, true, 3000, 4000]);
	t.is(config.warnings.length, 1, 'of the kubeconfig beside --objects');
});

const unused: readonly [field: string, yaml: string, because: RegExp][] = [
	['featureGates', 'featureGates: {A: true, B: false}', /no feature gates/],
	['logging.format', 'logging: {format: json}', /one line of log/],
	['clientConnection.acceptContentTypes', 'clientConnection: {acceptContentTypes: a/b}', /JSON/],
	['clientConnection.contentType', 'clientConnection: {contentType: application/json}', /JSON/],
	['clientConnection.qps', 'clientConnection: {qps: 1.5}', /listed once and watched/],
	['clientConnection.burst', 'clientConnection: {burst: 100}', /listed once and watched/],
	['logging.flushFrequency', 'logging: {flushFrequency: 1s}', /one line of log/],
	['logging.flushFrequency', 'logging: {flushFrequency: 1000000000}', /one line of log/],
	['logging.vmodule', 'logging: {vmodule: [{filePattern: "proxier*", verbosity: 9}]}', /one line of log/],
	['logging.options.text.splitStream', 'logging: {options: {text: {splitStream: true}}}', /one line of log/],
	['logging.options.text.infoBufferSize', 'logging: {options: {text: {infoBufferSize: 64Ki}}}', /one line of log/],
	['logging.options.json.splitStream', 'logging: {options: {json: {splitStream: true}}}', /one line of log/],
	['logging.options.json.infoBufferSize', 'logging: {options: {json: {infoBufferSize: 1024}}}', /one line of log/],
	['enableProfiling', 'enableProfiling: true', /nothing to profile/],
	['showHiddenMetricsForVersion', 'showHiddenMetricsForVersion: "1.35"', /no metric is hidden/],
	['iptables.masqueradeBit', 'iptables: {masqueradeBit: 15}', /no packet mark/],
	['iptables.localhostNodePorts', 'iptables: {localhostNodePorts: false}', /loopback/],
	['ipvs.syncPeriod', 'ipvs: {syncPeriod: 5s}', /no ipvs mode/],
	['ipvs.minSyncPeriod', 'ipvs: {minSyncPeriod: 5s}', /no ipvs mode/],
	['ipvs.scheduler', 'ipvs: {scheduler: rr}', /no ipvs mode/],
	['ipvs.excludeCIDRs', 'ipvs: {excludeCIDRs: [10.0.0.0/8]}', /no ipvs mode/],
	['ipvs.strictARP', 'ipvs: {strictARP: true}', /no ipvs mode/],
	['ipvs.tcpTimeout', 'ipvs: {tcpTimeout: 1s}', /no ipvs mode/],
	['ipvs.tcpFinTimeout', 'ipvs: {tcpFinTimeout: 1s}', /no ipvs mode/],
	['ipvs.udpTimeout', 'ipvs: {udpTimeout: 1s}', /no ipvs mode/],
	['nftables.masqueradeBit', 'nftables: {masqueradeBit: 0}', /no packet mark/],
	['winkernel.networkName', 'winkernel: {networkName: net}', /Windows/],
	['winkernel.sourceVip', 'winkernel: {sourceVip: 192.0.2.1}', /Windows/],
	['winkernel.enableDSR', 'winkernel: {enableDSR: true}', /Windows/],
	['winkernel.rootHnsEndpointName', 'winkernel: {rootHnsEndpointName: net}', /Windows/],
	['winkernel.forwardHealthCheckVip', 'winkernel: {forwardHealthCheckVip: true}', /Windows/],
	['oomScoreAdj', 'oomScoreAdj: 0', /the pod or unit/],
	['configSyncPeriod', 'configSyncPeriod: 1h', /objects are watched/],
	['portRange', 'portRange: 1-2', /kube-proxy does not use it either/],
	['windowsRunAsService', 'windowsRunAsService: true', /Windows/],
];
for (const [field, yaml, because] of unused) {
	test(`\`${yaml}\` is taken with a warning and a reason`, (t) => {
		const {warnings} = configFrom({file: kubeProxyFile(detector, yaml)});
		t.is(warnings.length, 1);
		t.true(warnings[0]?.startsWith(`KubeProxyConfiguration.${field} is not used: `), warnings[0]);
		t.regex(warnings[0] ?? '', because);
	});
}

test('of the fields of the API, each is a setting, or unused and tested here with its reason', (t) => {
	const tested = new Set(unused.map(([field]) => field));
	for (const field of kubeProxyFields.keys()) {
		t.is(settingOf(field) === undefined, tested.has(field), field);
		t.is(typeof whyUnused(field), tested.has(field) ? 'string' : 'undefined', field);
	}

	for (const [name, {field}] of Object.entries(settings)) {
		t.true(field === undefined || kubeProxyFields.has(field), name);
	}
});

test('no flag that is refused has a field: a file could say it unseen', (t) => {
	const flags = [...kubeProxyFields.values()].flatMap(({flag}) => flag ?? []);
	t.deepEqual(
		flags.filter((flag) => foreignFlag(flag)?.fate === 'refused'),
		[],
	);
	t.true(foreignFlags.length > 0);
});

const wrong: readonly [yaml: string, problem: string][] = [
	['clusterCIDR: [10.0.0.0/8]', 'clusterCIDR ["10.0.0.0/8"] (wanted: a text)'],
	['clusterCIDR: 10.0.0.0/33', 'clusterCIDR "10.0.0.0/33" (wanted: one prefix, or one IPv4 and one IPv6 prefix'],
	['clusterCIDR: 10.0.0.0/8,11.0.0.0/8', 'clusterCIDR "10.0.0.0/8,11.0.0.0/8" (wanted: one prefix'],
	['hostnameOverride: 5', 'hostnameOverride 5 (wanted: a text)'],
	['bindAddress: localhost', 'bindAddress "localhost" (wanted: an IP address)'],
	['bindAddressHardFail: "true"', 'bindAddressHardFail "true" (wanted: true or false)'],
	['healthzBindAddress: ":10256"', 'healthzBindAddress ":10256" (wanted: an address and a port'],
	['healthzBindAddress: 192.0.2.1:70000', 'healthzBindAddress "192.0.2.1:70000" (wanted: an address and a port'],
	['metricsBindAddress: 5', 'metricsBindAddress 5 (wanted: an address and a port'],
	['mode: userspace', 'mode "userspace" (wanted: nftables or auto: '],
	['iptables: on', 'iptables true (wanted: a section with fields)'],
	['iptables: {masqueradeBit: 32}', 'iptables.masqueradeBit 32 (wanted: a whole number from 0 to 31)'],
	['nftables: {masqueradeBit: -1}', 'nftables.masqueradeBit -1 (wanted: a whole number from 0 to 31)'],
	['iptables: {syncPeriod: 30}', 'iptables.syncPeriod 30 (wanted: a duration such as 30s'],
	['iptables: {syncPeriod: -1s}', 'iptables.syncPeriod "-1s" (wanted: a duration above 0'],
	[
		'iptables: {syncPeriod: 1s, minSyncPeriod: 2s}',
		'iptables.minSyncPeriod (wanted: no more than KubeProxyConfiguration.iptables.syncPeriod)',
	],
	['ipvs: {excludeCIDRs: [10.0.0.0]}', 'ipvs.excludeCIDRs ["10.0.0.0"] (wanted: a list of prefixes'],
	['nodePortAddresses: 10.0.0.0/8', 'nodePortAddresses "10.0.0.0/8" (wanted: a list of texts)'],
	['nodePortAddresses: [10.0.0.1]', 'nodePortAddresses ["10.0.0.1"] (wanted: `primary`, `all` or prefixes'],
	['oomScoreAdj: 1001', 'oomScoreAdj 1001 (wanted: a whole number from -1000 to 1000)'],
	['clientConnection: {burst: -1}', 'clientConnection.burst -1 (wanted: a whole number of 0 or more)'],
	['clientConnection: {qps: "5"}', 'clientConnection.qps "5" (wanted: a number)'],
	['conntrack: {min: -1}', 'conntrack.min -1 (wanted: a whole number of 0 or more)'],
	['conntrack: {maxPerCore: 1.5}', 'conntrack.maxPerCore 1.5 (wanted: a whole number of 0 or more)'],
	['conntrack: {udpTimeout: -1s}', 'conntrack.udpTimeout "-1s" (wanted: a duration of 0 or more)'],
	['featureGates: {A: "yes"}', 'featureGates {"A":"yes"} (wanted: names with true or false for each)'],
	['featureGates: [A]', 'featureGates ["A"] (wanted: names with true or false for each)'],
	['logging: {verbosity: -1}', 'logging.verbosity -1 (wanted: a whole number of 0 or more)'],
	[
		'logging: {flushFrequency: 0.5}',
		'logging.flushFrequency 0.5 (wanted: a duration such as 5s, or a number of nanoseconds)',
	],
	[
		'logging: {vmodule: [{filePattern: x}]}',
		'logging.vmodule [{"filePattern":"x"}] (wanted: a list of {filePattern, verbosity})',
	],
	[
		'logging: {options: {json: {infoBufferSize: many}}}',
		'logging.options.json.infoBufferSize "many" (wanted: a number of bytes',
	],
];
for (const [yaml, problem] of wrong) {
	test(`\`${yaml}\` is refused by its path, with what stood there and what is wanted`, (t) => {
		const found = problemsOf({file: kubeProxyFile(yaml)});
		t.is(found.length, 1, found.join('\n'));
		t.true(found[0]?.startsWith(`KubeProxyConfiguration.${problem}`), found[0]);
	});
}
