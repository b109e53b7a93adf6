import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {NetError} from '../../src/errors.ts';
import type {EndpointSlice, KubeObject, Node, Service} from '../../src/model/objects.ts';
import {parseObject} from '../../src/model/parse.ts';
import {printPrefix} from '../../src/net/prefix.ts';
import {type Json, nodeJson, serviceJson, sliceJson} from '../support/manifests.ts';

function parse<K extends KubeObject['kind']>(kind: K, value: unknown): Extract<KubeObject, {kind: K}> {
	const object = parseObject(value)?.object;
	if (object?.kind !== kind) {
		throw new TypeError(`${kind} wanted`);
	}

	return object as Extract<KubeObject, {kind: K}>;
}

const service = (spec: Json, metadata: Json = {}, status: Json = {}): Service =>
	parse('Service', serviceJson(spec, metadata, status));
const slice = (parts: Json, labels?: Json): EndpointSlice => parse('EndpointSlice', sliceJson(parts, labels));
const node = (status: Json, spec?: Json, labels?: Json): Node => parse('Node', nodeJson(status, spec, labels));
const endpoint = (parts: Json) => slice({endpoints: [{addresses: ['10.0.0.1'], ...parts}]}).endpoints[0];
const warnings = (value: Json) => parseObject(value)?.warnings ?? [];

test('a Service as kubectl prints it keeps what decides where packets go', (t) => {
	const metadata = {creationTimestamp: '2026-01-02T03:04:05Z', managedFields: [{manager: 'kubectl'}]};
	const ports = [{name: 'http', port: 80, protocol: 'TCP', targetPort: 'web', nodePort: 30_080, appProtocol: 'http'}];
	t.deepEqual(service({type: 'NodePort', clusterIP: '10.96.0.10', ports, selector: {app: 'web'}}, metadata), {
		kind: 'Service',
		namespace: 'shop',
		name: 'web',
		type: 'NodePort',
		clusterIps: ['10.96.0.10'],
		ports: [{name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080}],
		externalIps: [],
		loadBalancerIngress: [],
		loadBalancerSourceRanges: [],
		externalTrafficPolicy: 'Cluster',
		internalTrafficPolicy: 'Cluster',
		healthCheckNodePort: 0,
		affinityTimeoutSeconds: undefined,
		proxyName: undefined,
		createdAt: 1_767_323_045,
	} as unknown as Service);
});

test('clusterIPs counts as far as ipFamilies goes, clusterIP stands in for an absent list', (t) => {
	const both = ['10.96.0.10', 'fd00::a'];
	t.deepEqual(service({clusterIPs: both, ipFamilies: ['IPv4', 'IPv6']}).clusterIps as unknown, both);
	t.deepEqual(service({clusterIPs: both, ipFamilies: ['IPv4']}).clusterIps as unknown, ['10.96.0.10']);
	t.deepEqual(service({clusterIPs: both}).clusterIps as unknown, both);
	t.deepEqual(service({ipFamilies: ['IPv4']}).clusterIps as unknown, ['10.96.0.10']);
	t.deepEqual(service({clusterIPs: ['10.96.0.10', '10.96.0.11']}).clusterIps as unknown, ['10.96.0.10']);
});

test('a cluster IP with leading zeros is read as decimal, as old API servers stored it', (t) => {
	t.deepEqual(service({clusterIP: '010.096.000.010'}).clusterIps as unknown, ['10.96.0.10']);
});

test('a headless Service, an ExternalName and one without a cluster IP have no cluster IPs', (t) => {
	t.deepEqual(service({clusterIP: 'None', clusterIPs: ['None']}).clusterIps, []);
	t.deepEqual(service({type: 'ExternalName', externalName: 'example.org'}).clusterIps, []);
	const absent = serviceJson({clusterIP: ''});
	t.deepEqual(parse('Service', absent).clusterIps, []);
	t.deepEqual(warnings(absent), [
		'Service shop/web: spec.clusterIP is absent, and only the API server allots one: not served',
	]);
});

test('the label service-proxy-name is kept, even when its value is empty', (t) => {
	t.is(service({}, {labels: {'service.kubernetes.io/service-proxy-name': ''}}).proxyName, '');
	t.is(service({}).proxyName, undefined);
});

test('session affinity by client IP lasts 10800 seconds unless the Service says how long', (t) => {
	t.is(service({sessionAffinity: 'ClientIP'}).affinityTimeoutSeconds, 10_800);
	const sessionAffinityConfig = {clientIP: {timeoutSeconds: 60}};
	t.is(service({sessionAffinity: 'ClientIP', sessionAffinityConfig}).affinityTimeoutSeconds, 60);
	t.is(service({sessionAffinity: 'None', sessionAffinityConfig}).affinityTimeoutSeconds, undefined);
});

test('invalid external IPs, load-balancer IPs and source ranges are skipped with a warning', (t) => {
	const spec = {externalIPs: ['192.0.2.1', 'example.org'], loadBalancerSourceRanges: [' 10.0.0.0/8 ', '10.0.0.0/33']};
	const json = serviceJson(spec, {}, {loadBalancer: {ingress: [{ip: '1.2.3'}, {ip: '192.0.2.9', ipMode: 'Proxy'}]}});
	const parsed = parse('Service', json);
	t.deepEqual(parsed.externalIps as unknown, ['192.0.2.1']);
	t.deepEqual(parsed.loadBalancerSourceRanges.map(printPrefix), ['10.0.0.0/8']);
	t.deepEqual(parsed.loadBalancerIngress as unknown, [{address: '192.0.2.9', ipMode: 'Proxy'}]);
	t.deepEqual(warnings(json), [
		'Service shop/web: spec.externalIPs[1] is "example.org", not an IP address: skipped',
		'Service shop/web: status.loadBalancer.ingress[0].ip is "1.2.3", not an IP address: skipped',
		'Service shop/web: spec.loadBalancerSourceRanges[1] is "10.0.0.0/33", not a prefix such as 10.0.0.0/8: skipped',
	]);
});

test('a load balancer that has only a host name leads to no address', (t) => {
	const status = {loadBalancer: {ingress: [{hostname: 'lb.example.org'}, {ip: '192.0.2.9'}]}};
	t.deepEqual(service({}, {}, status).loadBalancerIngress as unknown, [{address: '192.0.2.9', ipMode: 'VIP'}]);
	t.deepEqual(warnings(serviceJson({}, {}, status)), []);
});

test('an endpoint is ready and serving unless it says no, terminating only when it says so', (t) => {
	const conditionsOf = (conditions?: Json | null) => {
		const {ready, serving, terminating} = endpoint({conditions}) ?? {};
		return {ready, serving, terminating};
	};
	t.deepEqual(conditionsOf(undefined), {ready: true, serving: true, terminating: false});
	t.deepEqual(conditionsOf({ready: null, serving: null, terminating: null}), conditionsOf());
	t.deepEqual(conditionsOf({ready: false}), {ready: false, serving: true, terminating: false});
	t.deepEqual(conditionsOf({serving: false, terminating: true}), {ready: true, serving: false, terminating: true});
});

test('an endpoint keeps its first address, node, hints and Pod', (t) => {
	const hints = {forZones: [{name: 'a'}, {name: 'b'}], forNodes: [{name: 'worker-1'}]};
	const targetRef = {kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'x'};
	t.deepEqual(
		endpoint({addresses: ['10.0.0.1', '10.0.0.2'], nodeName: 'worker-1', zone: 'a', hints, targetRef}) as unknown,
		{
			address: '10.0.0.1',
			ready: true,
			serving: true,
			terminating: false,
			nodeName: 'worker-1',
			hintZones: ['a', 'b'],
			hintNodes: ['worker-1'],
			pod: 'web-1',
		},
	);
});

test('slice ports without a number, and endpoints without an address, are skipped with a warning', (t) => {
	const json = sliceJson({ports: [{name: 'a'}, {name: 'b', port: 0}, {port: 53, protocol: 'UDP'}], endpoints: [{}]});
	t.deepEqual(parse('EndpointSlice', json).ports, [{name: '', protocol: 'UDP', port: 53}]);
	t.deepEqual(parse('EndpointSlice', json).endpoints, []);
	t.deepEqual(warnings(json), [
		'EndpointSlice shop/web-abc: ports[0] has no port number: skipped',
		'EndpointSlice shop/web-abc: ports[1] has no port number: skipped',
		'EndpointSlice shop/web-abc: endpoints[0] has no address: skipped',
	]);
});

test('a slice that names no Service, is headless or holds host names belongs to no Service', (t) => {
	t.is(slice({}).service, 'web');
	t.is(slice({}, {}).service, '');
	t.is(slice({}, {'kubernetes.io/service-name': ''}).service, '');
	t.is(slice({}, {'kubernetes.io/service-name': 'web', 'service.kubernetes.io/headless': ''}).service, '');
	t.is(slice({addressType: 'FQDN', endpoints: [{addresses: ['example.org']}]}).service, '');
});

test("a Node's internal addresses come before its external ones, and host names are none", (t) => {
	const addresses = [
		{type: 'Hostname', address: 'here'},
		{type: 'ExternalIP', address: '192.0.2.1'},
		{type: 'InternalIP', address: '172.31.1.1'},
		{type: 'InternalIP', address: 'fd00::1'},
	];
	const spec = {podCIDR: '10.128.0.0/24', podCIDRs: ['10.128.0.0/24', 'fd01::/64']};
	const parsed = node({addresses}, spec, {'topology.kubernetes.io/zone': 'a'});
	t.deepEqual(parsed.addresses as unknown, ['172.31.1.1', 'fd00::1', '192.0.2.1']);
	t.deepEqual(parsed.podCidrs.map(printPrefix), spec.podCIDRs);
	t.is(parsed.zone, 'a');
	t.deepEqual(node({}, {podCIDR: '10.128.0.0/24'}).podCidrs.map(printPrefix), ['10.128.0.0/24']);
});

test('a Node that is being deleted, or that the cluster autoscaler is about to delete, is leaving', (t) => {
	t.false(node({}, {taints: [{key: 'node.kubernetes.io/unreachable', effect: 'NoExecute'}]}).leaving);
	t.true(node({}, {taints: [{key: 'other'}, {key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule'}]}).leaving);
	const metadata = {name: 'here', deletionTimestamp: '2026-11-23T10:00:00Z'};
	t.true(parse('Node', {...nodeJson(), metadata}).leaving);
});

test('a ServiceCIDR keeps its prefixes', (t) => {
	const json = {apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: {name: 'kubernetes'}};
	const parsed = parse('ServiceCIDR', {...json, spec: {cidrs: ['10.96.0.0/12', 'fd00::/108']}});
	t.deepEqual(parsed.cidrs.map(printPrefix), ['10.96.0.0/12', 'fd00::/108']);
});

test('kinds of others are passed over, also those that only share a name', (t) => {
	t.is(parseObject({apiVersion: 'v1', kind: 'Pod', metadata: {name: 'x'}, spec: 5}), undefined);
	t.is(parseObject({apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: {name: 'x'}}), undefined);
	t.is(parseObject({apiVersion: 'v1', kind: '__proto__'}), undefined);
});

const refusals: readonly [problem: string, value: unknown][] = [
	['read object: it is 5, not an object', 5],
	['read object: kind is absent, not text', {}],
	['read Service: metadata.name is absent, not text', {apiVersion: 'v1', kind: 'Service'}],
	['read Service shop/web: spec is a list, not an object', {...serviceJson(), spec: []}],
	[
		'read Service shop/web: spec.ports[1].port is 70000, not a whole number from 1 to 65535',
		serviceJson({ports: [{port: 80}, {port: 70_000}]}),
	],
	[
		'read Service shop/web: spec.ports[0].protocol is "tcp", not TCP or UDP or SCTP',
		serviceJson({ports: [{port: 80, protocol: 'tcp'}]}),
	],
	[
		'read Service shop/web: spec.ports[1] is an object, not a port that differs from ports[0] in its name, and in number or protocol',
		serviceJson({ports: [{port: 80}, {port: 81}]}),
	],
	['read Service shop/web: spec.clusterIP is "10.96.0", not an IP address', serviceJson({clusterIP: '10.96.0'})],
	[
		'read Service shop/web: spec.clusterIPs[0] is "fd00::1", not an IPv4 address, as spec.ipFamilies[0] says',
		serviceJson({clusterIPs: ['fd00::1'], ipFamilies: ['IPv4']}),
	],
	[
		'read Service shop/web: spec.externalTrafficPolicy is "local", not Cluster or Local',
		serviceJson({externalTrafficPolicy: 'local'}),
	],
	[
		'read Service shop/web: spec.loadBalancerSourceRanges[0] is "10.0.0.0", not a prefix such as 10.0.0.0/8, nor is any other of the list',
		serviceJson({loadBalancerSourceRanges: ['10.0.0.0']}),
	],
	['read Service shop/web: spec.externalIPs is "192.0.2.1", not a list', serviceJson({externalIPs: '192.0.2.1'})],
	['read Service shop/web: spec.externalIPs[0] is 5, not text', serviceJson({externalIPs: [5]})],
	[
		'read Service shop/web: metadata.labels["service.kubernetes.io/service-proxy-name"] is true, not text',
		serviceJson({}, {labels: {'service.kubernetes.io/service-proxy-name': true}}),
	],
	['read EndpointSlice shop/web-abc: addressType is absent, not IPv4 or IPv6 or FQDN', sliceJson({addressType: null})],
	[
		'read EndpointSlice shop/web-abc: endpoints[0].addresses[0] is "fd00::1", not an IPv4 address, as addressType says',
		sliceJson({endpoints: [{addresses: ['fd00::1']}]}),
	],
	[
		'read EndpointSlice shop/web-abc: endpoints[0].conditions.ready is "yes", not true or false',
		sliceJson({endpoints: [{addresses: ['10.0.0.1'], conditions: {ready: 'yes'}}]}),
	],
	[
		'read Node here: spec.podCIDRs[0] is "10.0.0.0", not a prefix such as 10.0.0.0/8',
		nodeJson({}, {podCIDRs: ['10.0.0.0']}),
	],
];

for (const [problem, value] of refusals) {
	test(`cannot ${problem}`, (t) => {
		const error = t.throws(() => parseObject(value), {instanceOf: NetError, code: 'OBJECT_INVALID'});
		t.is(error.message, `cannot ${problem}`);
		t.is(`read ${error.details['object']}: ${error.details['problem']}`, problem);
	});
}

const anything = fc.anything({maxDepth: 3, withNullPrototype: true});
const kinds = fc.constantFrom('Service', 'EndpointSlice', 'Node', 'ServiceCIDR');

/** A valid object with the value at one random place replaced by anything. */
function spoil(value: unknown, place: number, by: unknown): unknown {
	if (typeof value !== 'object' || value === null || place % 5 === 0) {
		return by;
	}

	const entries = Object.entries(value);
	const [name] = entries[place % Math.max(1, entries.length)] ?? ['x'];
	const spoiled = spoil((value as Json)[name], Math.floor(place / 5), by);
	return Array.isArray(value) ? Object.assign([...value], {[name]: spoiled}) : {...value, [name]: spoiled};
}

const valid = [
	serviceJson({
		clusterIPs: ['10.96.0.10'],
		ipFamilies: ['IPv4'],
		externalIPs: ['192.0.2.1'],
		sessionAffinity: 'ClientIP',
	}),
	serviceJson({}, {labels: {a: 'b'}}, {loadBalancer: {ingress: [{ip: '192.0.2.9'}]}}),
	sliceJson({endpoints: [{addresses: ['10.0.0.1'], conditions: {ready: true}, hints: {forZones: [{name: 'a'}]}}]}),
	nodeJson({addresses: [{type: 'InternalIP', address: '172.31.1.1'}]}, {podCIDRs: ['10.0.0.0/24']}),
];

testProp(
	'whatever stands anywhere in an object, it is read or refused by name, never more',
	[fc.constantFrom(...valid), fc.nat(), anything, kinds],
	(t, object, place, by, kind) => {
		for (const value of [spoil(object, place, by), by, {apiVersion: 'v1', kind, metadata: by}]) {
			try {
				parseObject(value);
				t.pass();
			} catch (error) {
				t.true(error instanceof NetError && error.code === 'OBJECT_INVALID', String(error));
			}
		}
	},
	{numRuns: 1000},
);
