import test, {type ExecutionContext} from 'ava';
import {answerVersion, type ContainerCall, parseCall} from '../../src/cni/call.ts';
import type {Verb} from '../../src/cni/spec.ts';
import type {NetError} from '../../src/errors.ts';

const env = {
	CNI_CONTAINERID: 'c1',
	CNI_NETNS: '/run/netns/c1',
	CNI_IFNAME: 'eth0',
	CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;K8S_POD_UID=42;IgnoreUnknown=1',
	CNI_PATH: '/opt/cni/bin',
};
const prevResult = {cniVersion: '1.0.0', interfaces: [{name: 'eth0'}], ips: [{address: '10.244.1.5/32'}]};
const conf = {cniVersion: '1.0.0', name: 'fairlead', type: 'fairlead-cni'};

function parse(verb: string, more: Readonly<Record<string, string>> = {}, config: unknown = conf) {
	return parseCall({
		env: {...env, CNI_COMMAND: verb, ...more},
		config: typeof config === 'string' ? config : JSON.stringify(config),
	});
}

function add(more: Readonly<Record<string, string>>, config: object = {}): ContainerCall {
	return parse('ADD', more, {...conf, ...config}) as ContainerCall;
}

function refused(t: ExecutionContext, code: NetError['code'], call: () => unknown): string {
	return t.throws<NetError>(call, {code}).message;
}

test('an ADD of a pod: who it is, where, and what is asked for', (t) => {
	t.like(parse('ADD'), {
		...{verb: 'ADD', version: '1.0.0', network: 'fairlead', containerId: 'c1', ifName: 'eth0', netns: '/run/netns/c1'},
		pod: {namespace: 'shop', name: 'web-1', uid: '42'},
		config: {mode: 'routed', mtuBytes: 0, hostPorts: [], ips: []},
	});
});

test('a container that is no pod has no pod’s name', (t) => {
	t.is(add({CNI_ARGS: ''}).pod, undefined);
	t.is(add({CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=web-1'}).pod, undefined);
});

for (const [name, value, verbs] of [
	['CNI_CONTAINERID', '', ['ADD', 'DEL', 'CHECK']],
	['CNI_CONTAINERID', '-x', ['ADD', 'DEL', 'CHECK']],
	['CNI_CONTAINERID', 'a/b', ['ADD', 'DEL', 'CHECK']],
	['CNI_IFNAME', '', ['ADD', 'DEL', 'CHECK']],
	['CNI_IFNAME', '..', ['ADD', 'DEL', 'CHECK']],
	['CNI_IFNAME', 'a b', ['ADD', 'DEL', 'CHECK']],
	['CNI_IFNAME', 'sixteen-letters-', ['ADD', 'DEL', 'CHECK']],
	['CNI_NETNS', '', ['ADD', 'CHECK']],
	['CNI_NETNS', 'relative', ['ADD', 'CHECK', 'DEL']],
	['CNI_ARGS', 'no-pair', ['ADD', 'CHECK']],
] as const) {
	test(`${name}=${JSON.stringify(value)} is refused by its name to ${verbs.join(', ')}, and to nobody else`, (t) => {
		const config = {...conf, cniVersion: '1.1.0', prevResult, 'cni.dev/valid-attachments': []};
		for (const verb of verbs) {
			t.regex(
				refused(t, 'CNI_ENVIRONMENT', () => parse(verb, {[name]: value}, config)),
				new RegExp(name),
			);
		}

		for (const verb of ['GC', 'STATUS', 'VERSION']) {
			t.notThrows(() => parse(verb, {[name]: value}, config));
		}
	});
}

test('a DEL comes without a namespace when that is gone', (t) => {
	t.like(parse('DEL', {CNI_NETNS: ''}), {verb: 'DEL', netns: ''});
});

test('a command that is none is refused, and so is none', (t) => {
	t.regex(
		refused(t, 'CNI_ENVIRONMENT', () => parse('add')),
		/"add"/,
	);
	t.regex(
		refused(t, 'CNI_ENVIRONMENT', () => parse('')),
		/CNI_COMMAND ""/,
	);
	refused(t, 'CNI_ENVIRONMENT', () => parse('toString'));
});

test('stdin that is no JSON object cannot be decoded', (t) => {
	for (const stdin of ['', '{', '[]', 'null', '"x"']) {
		refused(t, 'CNI_DECODE', () => parse('ADD', {}, stdin));
	}
});

const known: Readonly<Record<string, readonly Verb[]>> = {
	'0.3.1': ['ADD', 'DEL', 'VERSION'],
	'0.4.0': ['ADD', 'DEL', 'VERSION', 'CHECK'],
	'1.0.0': ['ADD', 'DEL', 'VERSION', 'CHECK'],
	'1.1.0': ['ADD', 'DEL', 'VERSION', 'CHECK', 'GC', 'STATUS'],
};
for (const [cniVersion, verbs] of Object.entries(known)) {
	test(`version ${cniVersion} has ${verbs.join(', ')}, and no other verb`, (t) => {
		const config = {...conf, cniVersion, prevResult, 'cni.dev/valid-attachments': []};
		for (const verb of ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const) {
			if (verbs.includes(verb)) {
				t.is(parse(verb, {}, config).verb, verb);
			} else {
				t.regex(
					refused(t, 'CNI_VERSION', () => parse(verb, {}, config)),
					new RegExp(`${verb} by version ${cniVersion}`),
				);
			}
		}
	});
}

test('a version that nobody speaks is refused, and none is 0.1.0', (t) => {
	for (const cniVersion of ['0.2.0', '0.3.0', '2.0.0', '', 1]) {
		refused(t, 'CNI_VERSION', () => parse('ADD', {}, {...conf, cniVersion}));
	}

	t.regex(
		refused(t, 'CNI_VERSION', () => parse('ADD', {}, {name: 'x'})),
		/"0.1.0"/,
	);
});

test('errors are answered in the version that was asked in, the newest where it is not known', (t) => {
	t.is(answerVersion('{"cniVersion":"0.4.0"}'), '0.4.0');
	t.is(answerVersion('{"cniVersion":"9"}'), '1.1.0');
	t.is(answerVersion('garbage'), '1.1.0');
	t.is(answerVersion('null'), '1.1.0');
});

test('a network without a name, or with one that is none, is no configuration', (t) => {
	for (const name of [undefined, '', '-x', 'a b', 7]) {
		t.regex(
			refused(t, 'CNI_CONFIG', () => parse('ADD', {}, {...conf, name})),
			/name is/,
		);
	}
});

test('a CHECK needs the result of its ADD', (t) => {
	t.regex(
		refused(t, 'CNI_CONFIG', () => parse('CHECK')),
		/prevResult/,
	);
	t.is(
		(parse('CHECK', {}, {...conf, prevResult}) as ContainerCall).prevResult?.ips[0]?.address as string,
		'10.244.1.5',
	);
});

test('a DEL reads of its configuration no more than the network’s name: whatever somebody made of the rest, pods end', (t) => {
	const broken = {
		mtu: 12,
		ipam: {type: 'host-local'},
		runtimeConfig: {portMappings: [{}]},
		prevResult: {ips: 'nonsense'},
	};
	t.notThrows(() => parse('DEL', {CNI_ARGS: 'no-pair'}, {...conf, ...broken}));
	refused(t, 'CNI_CONFIG', () => parse('ADD', {}, {...conf, ...broken}));
	refused(t, 'CNI_CONFIG', () => parse('ADD', {}, {...conf, prevResult: {ips: 'nonsense'}}));
});

test('a list of what is in use that Go wrote as null is an empty one', (t) => {
	t.like(parse('GC', {}, {...conf, cniVersion: '1.1.0', 'cni.dev/valid-attachments': null}), {valid: []});
});

test('a GC without the list of what is in use is refused: it would remove everything', (t) => {
	const config = {...conf, cniVersion: '1.1.0'};
	refused(t, 'CNI_CONFIG', () => parse('GC', {}, config));
	refused(t, 'CNI_CONFIG', () => parse('GC', {}, {...config, 'cni.dev/valid-attachments': [{containerID: 1}]}));
	const attachments = [{containerID: 'c1', ifname: 'eth0'}];
	const expected = [{containerId: 'c1', ifName: 'eth0'}];
	t.like(parse('GC', {}, {...config, 'cni.dev/valid-attachments': attachments}), {valid: expected});
	t.like(parse('GC', {}, {...config, 'cni.dev/attachments': attachments}), {valid: expected});
});

test('addresses and a hardware address: runtimeConfig before args before CNI_ARGS', (t) => {
	const CNI_ARGS = 'IP=10.244.1.7;MAC=02:00:00:00:00:01';
	const args = {cni: {ips: ['10.244.1.8/24'], mac: '02:00:00:00:00:02'}};
	const runtimeConfig = {ips: ['10.244.1.9/24', 'fd00::9'], mac: '02-00-00-00-00-0A'};
	t.like(add({CNI_ARGS}).config, {ips: ['10.244.1.7'], mac: '02:00:00:00:00:01'});
	t.like(add({CNI_ARGS}, {args}).config, {ips: ['10.244.1.8'], mac: '02:00:00:00:00:02'});
	t.like(add({CNI_ARGS}, {args, runtimeConfig}).config, {ips: ['10.244.1.9', 'fd00::9'], mac: '02:00:00:00:00:0a'});
});

test('host ports as runtimes write them', (t) => {
	const portMappings = [
		{hostPort: 8080, containerPort: 80, protocol: 'tcp'},
		{hostPort: 53, containerPort: 5353, protocol: 'UDP', hostIP: '192.0.2.1'},
		{hostPort: 81, containerPort: 81, hostIP: ''},
	];
	t.deepEqual(add({}, {runtimeConfig: {portMappings}}).config.hostPorts, [
		{protocol: 'TCP', hostPort: 8080, containerPort: 80, hostIp: undefined},
		{protocol: 'UDP', hostPort: 53, containerPort: 5353, hostIp: '192.0.2.1' as never},
		{protocol: 'TCP', hostPort: 81, containerPort: 81, hostIp: undefined},
	]);
});

test('bandwidth: a rate that is absent or 0 is no limit, whatever the burst', (t) => {
	const limits = {ingressRate: 8_000_000, ingressBurst: 80_000, egressRate: 0, egressBurst: 1.8446744073709552e19};
	t.deepEqual(add({}, {runtimeConfig: {bandwidth: limits}}).config.bandwidth, {
		ingressRate: 8_000_000,
		ingressBurst: 80_000,
	});
});

for (const [what, config, words] of [
	['an unknown mode', {mode: 'vxlan'}, /mode is "vxlan", not routed or bridge/],
	['another plugin for addresses', {ipam: {type: 'host-local'}}, /ipam.type is "host-local"/],
	['an MTU below that of IPv6', {mtu: 576}, /mtu is 576/],
	['a bridge whose name is too long', {bridge: 'a-bridge-of-many-letters'}, /bridge is/],
	[
		'host port 0',
		{runtimeConfig: {portMappings: [{hostPort: 0, containerPort: 80}]}},
		/portMappings\[0\].hostPort is 0/,
	],
	[
		'a protocol of no port',
		{runtimeConfig: {portMappings: [{hostPort: 1, containerPort: 1, protocol: 'icmp'}]}},
		/icmp/,
	],
	[
		'a host address that is none',
		{runtimeConfig: {portMappings: [{hostPort: 1, containerPort: 1, hostIP: 'x'}]}},
		/hostIP/,
	],
	['a group’s hardware address', {runtimeConfig: {mac: '01:00:5e:00:00:01'}}, /mac is/],
	['an address that is none', {runtimeConfig: {ips: ['10.244.1.999']}}, /ips\[0\]/],
	['a burst of more than 4 GiB', {runtimeConfig: {bandwidth: {egressRate: 1e6, egressBurst: 2 ** 36}}}, /egressBurst/],
	['a rate below one byte', {runtimeConfig: {bandwidth: {ingressRate: 3}}}, /ingressRate/],
	['a route to nowhere', {ipam: {routes: [{dst: '10.0.0.0'}]}}, /ipam.routes\[0\].dst/],
] as const) {
	test(`${what} is refused with the field and what it should be`, (t) => {
		t.regex(
			refused(t, 'CNI_CONFIG', () => add({}, config)),
			words,
		);
	});
}

test('fields of other plugins are left alone', (t) => {
	t.notThrows(() => add({}, {kubernetes: {cni_bin_dir: '/x'}, isGateway: true, capabilities: {aliases: true}}));
});
