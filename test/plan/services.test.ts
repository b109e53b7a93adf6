import test from 'ava';
import {parseAddress} from '../../src/net/address.ts';
import {
	buildEndpoint,
	buildEndpointPort,
	buildLocalEndpoint,
	buildNode,
	buildPort,
	buildService,
	buildSlice,
	notReady,
	terminating,
} from '../support/builders.ts';
import {planOf, printPlan, printReasons, printUnserved} from './planned.ts';

const node = buildNode();
const both = [buildLocalEndpoint('10.128.0.1'), buildEndpoint('10.129.0.1')];
const nodePort = [buildPort({nodePort: 30_080})];

test('a cluster IP leads to every ready endpoint, and sources that are no pods of this node are masqueraded', (t) => {
	t.deepEqual(printPlan(planOf([buildService('shop/web'), buildSlice('shop/web', both)])), [
		'10.96.0.10 TCP 80 clusterIP → 10.128.0.1:8080 here 10.129.0.1:8080, masquerade offCluster',
	]);
});

test('a Service without a slice refuses connections to its addresses', (t) => {
	const service = buildService('shop/web', {type: 'NodePort', ports: nodePort, externalIps: ['192.0.2.1']});
	t.deepEqual(printPlan(planOf([node, service])), [
		'10.96.0.10 TCP 80 clusterIP → reject, masquerade offCluster',
		'172.31.1.1 TCP 30080 nodePort → reject, masquerade always',
		'192.0.2.1 TCP 80 externalIP → reject, masquerade always',
	]);
});

test('slices without their Service plan nothing', (t) => {
	t.deepEqual(printPlan(planOf([buildSlice('shop/web', both)])), []);
});

test('every port is matched by name and protocol: one number in two protocols is two frontends', (t) => {
	const ports = [
		buildPort({name: 'dns', port: 53, protocol: 'UDP'}),
		buildPort({name: 'dns-tcp', port: 53}),
		buildPort({name: 'assoc', port: 53, protocol: 'SCTP'}),
	];
	const slice = buildSlice('shop/dns', [buildEndpoint('10.129.0.1')], {
		ports: [
			buildEndpointPort(5353, 'dns', 'UDP'),
			buildEndpointPort(5354, 'dns-tcp'),
			buildEndpointPort(5355, 'assoc'),
		],
	});
	t.deepEqual(printPlan(planOf([buildService('shop/dns', {ports}), slice])), [
		'10.96.0.10 SCTP 53 clusterIP → reject, masquerade offCluster',
		'10.96.0.10 TCP 53 clusterIP → 10.129.0.1:5354, masquerade offCluster',
		'10.96.0.10 UDP 53 clusterIP → 10.129.0.1:5353, masquerade offCluster',
	]);
});

test('a dual-stack Service has one frontend in each family, with the backends of that family alone', (t) => {
	const service = buildService('shop/web', {clusterIps: ['10.96.0.10', 'fd00::a']});
	const slices = [
		buildSlice('shop/web', [buildEndpoint('10.129.0.1')]),
		buildSlice('shop/web', [buildEndpoint('fd01::1')], {name: 'six'}),
	];
	t.deepEqual(printPlan(planOf([service, ...slices])), [
		'10.96.0.10 TCP 80 clusterIP → 10.129.0.1:8080, masquerade offCluster',
		'fd00::a TCP 80 clusterIP → fd01::1:8080, masquerade never',
	]);
});

test('addresses of a family that the Service has no cluster IP in, or that the node does not serve, are named as unserved', (t) => {
	const service = buildService('shop/web', {clusterIps: ['10.96.0.10', 'fd00::a'], externalIps: ['2001:db8::1']});
	const plan = planOf([service], {families: ['IPv4']});
	t.deepEqual(printPlan(plan).length, 1);
	t.deepEqual(printUnserved(plan), [
		'shop/web:http, fd00::a TCP 80: Service shop/web spec.clusterIPs: this node serves no IPv6',
		'shop/web:http, 2001:db8::1 TCP 80: Service shop/web spec.externalIPs: the Service has no IPv6 cluster IP on this node, and no backends of another family are used',
	]);
});

test('external IPs, load-balancer IPs and node ports lead where external policy Cluster says, always masqueraded', (t) => {
	const service = buildService('shop/web', {
		type: 'LoadBalancer',
		ports: nodePort,
		externalIps: ['192.0.2.1'],
		ingress: ['203.0.113.7'],
	});
	const answer = '10.128.0.1:8080 here 10.129.0.1:8080, masquerade';
	t.deepEqual(printPlan(planOf([node, service, buildSlice('shop/web', both)])), [
		`10.96.0.10 TCP 80 clusterIP → ${answer} offCluster`,
		`172.31.1.1 TCP 30080 nodePort → ${answer} always`,
		`192.0.2.1 TCP 80 externalIP → ${answer} always`,
		`203.0.113.7 TCP 80 loadBalancerIP → ${answer} always`,
	]);
});

test('a load-balancer IP with ipMode Proxy is left to the load balancer, and named', (t) => {
	const plan = planOf([
		buildService('shop/web', {type: 'LoadBalancer', ingress: ['Proxy 203.0.113.7', '203.0.113.8']}),
	]);
	t.deepEqual([...plan.frontends.keys()], ['10.96.0.10 TCP 80', '203.0.113.8 TCP 80']);
	t.deepEqual(printUnserved(plan), [
		'shop/web:http, 203.0.113.7 TCP 80: Service shop/web status.loadBalancer.ingress: ipMode Proxy: connections are left to the load balancer',
	]);
});

test('load-balancer IPs of a ClusterIP Service are served too', (t) => {
	t.true(planOf([buildService('shop/web', {ingress: ['203.0.113.7']})]).frontends.has('203.0.113.7 TCP 80'));
});

test('a Service without node ports has none, whatever its type', (t) => {
	t.is(planOf([node, buildService('shop/web', {type: 'LoadBalancer'})]).frontends.size, 1);
});

type Case = readonly [endpoints: string, internalCluster: string, internalLocal: string, externalLocal: string];

const here = '10.128.0.1:8080 here';
const there = '10.129.0.1:8080';

/** What each policy makes of where the endpoints are: by policy Local, others than the node and its pods after the comma. */
const matrix: readonly Case[] = [
	['none', 'reject', 'reject', 'reject'],
	['here', here, here, `${here}, others ${here}`],
	['there', there, 'drop', `${there}, others drop`],
	['here there', `${here} ${there}`, here, `${here} ${there}, others ${here}`],
	['here-ending', here, here, `${here}, others ${here}`],
	['there-ending', there, 'drop', `${there}, others drop`],
	['here-ending there', there, here, `${there}, others ${here}`],
	['here-ending there-ending', `${here} ${there}`, here, `${here} ${there}, others ${here}`],
	['here there-ending', here, here, `${here}, others ${here}`],
	['here-dead', 'reject', 'reject', 'reject'],
	['here-dead there', there, 'drop', `${there}, others drop`],
];

function endpointsOf(words: string) {
	return words.split(' ').flatMap((word) => {
		const [place, state] = word.split('-');
		const parts = state === 'ending' ? terminating : state === 'dead' ? notReady : {};
		if (place === 'none') {
			return [];
		}

		return [place === 'here' ? buildLocalEndpoint('10.128.0.1', parts) : buildEndpoint('10.129.0.1', parts)];
	});
}

for (const [words, cluster, internalLocal, externalLocal] of matrix) {
	test(`with endpoints ${words}: Cluster → ${cluster}; internal Local → ${internalLocal}; external Local → ${externalLocal}`, (t) => {
		const slice = buildSlice('shop/web', endpointsOf(words));
		const external = {type: 'NodePort', ports: nodePort, externalIps: ['192.0.2.1'], ingress: ['203.0.113.7']} as const;
		const planned = (parts: object) =>
			printPlan(planOf([node, buildService('shop/web', {...external, ...parts}), slice]));
		const entrances = (answer: string, masquerade: string) => [
			`172.31.1.1 TCP 30080 nodePort → ${answer}, masquerade ${masquerade}`,
			`192.0.2.1 TCP 80 externalIP → ${answer}, masquerade ${masquerade}`,
			`203.0.113.7 TCP 80 loadBalancerIP → ${answer}, masquerade ${masquerade}`,
		];
		const own = (answer: string) => `10.96.0.10 TCP 80 clusterIP → ${answer}, masquerade offCluster`;
		t.deepEqual(planned({}), [own(cluster), ...entrances(cluster, 'always')]);
		t.deepEqual(planned({internalTrafficPolicy: 'Local'}), [own(internalLocal), ...entrances(cluster, 'always')]);
		t.deepEqual(planned({externalTrafficPolicy: 'Local'}), [own(cluster), ...entrances(externalLocal, 'node')]);
		t.deepEqual(planned({internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local'}), [
			own(internalLocal),
			...entrances(externalLocal, 'node'),
		]);
	});
}

test('external policy Local counts for types NodePort and LoadBalancer, for ClusterIP only with external IPs', (t) => {
	const isSplit = (parts: object) => {
		const service = buildService('shop/web', {ingress: ['203.0.113.7'], externalTrafficPolicy: 'Local', ...parts});
		return planOf([service, buildSlice('shop/web', both)]).frontends.get('203.0.113.7 TCP 80')?.local !== undefined;
	};
	t.false(isSplit({type: 'ClusterIP'}));
	t.true(isSplit({type: 'ClusterIP', externalIps: ['192.0.2.1']}));
	t.true(isSplit({type: 'NodePort'}));
	t.true(isSplit({type: 'LoadBalancer'}));
});

test('hints for the zone of this node narrow policy Cluster, and not policy Local', (t) => {
	const endpoints = [
		buildLocalEndpoint('10.128.0.1', {hintZones: ['b']}),
		buildEndpoint('10.129.0.1', {hintZones: ['a']}),
	];
	const service = buildService('shop/web', {externalIps: ['192.0.2.1'], externalTrafficPolicy: 'Local'});
	t.deepEqual(printPlan(planOf([buildNode({zone: 'a'}), service, buildSlice('shop/web', endpoints)])), [
		'10.96.0.10 TCP 80 clusterIP → 10.129.0.1:8080, masquerade offCluster',
		'192.0.2.1 TCP 80 externalIP → 10.129.0.1:8080, others 10.128.0.1:8080 here, masquerade node',
	]);
});

test('session affinity and its timeout are those of every frontend of the Service', (t) => {
	const service = buildService('shop/web', {externalIps: ['192.0.2.1'], affinityTimeoutSeconds: 600});
	const {frontends} = planOf([service]);
	t.deepEqual(
		[...frontends.values()].map(({affinityTimeoutSeconds}) => affinityTimeoutSeconds),
		[600, 600],
	);
});

test('the frontends of a service port share one list of backends', (t) => {
	const service = buildService('shop/web', {externalIps: ['192.0.2.1']});
	const [first, second] = [...planOf([service, buildSlice('shop/web', both)]).frontends.values()];
	t.is(first?.target, second?.target);
});

test('a backend knows the Pod behind it', (t) => {
	const slice = buildSlice('shop/web', [buildEndpoint('10.129.0.1', {pod: 'web-1'})]);
	const target = planOf([buildService('shop/web'), slice]).frontends.get('10.96.0.10 TCP 80')?.target;
	t.deepEqual(target, {
		kind: 'backends',
		backends: [{address: parseAddress('10.129.0.1'), port: 8080, local: false, pod: 'web-1'}],
	});
});

test('every decision about a frontend names the object and the field that made it', (t) => {
	const service = buildService('shop/web', {
		type: 'LoadBalancer',
		externalTrafficPolicy: 'Local',
		internalTrafficPolicy: 'Local',
		ingress: ['203.0.113.7'],
		ports: nodePort,
		sourceRanges: ['198.51.100.0/24'],
		affinityTimeoutSeconds: 600,
	});
	const plan = planOf([node, service, buildSlice('shop/web', [buildEndpoint('10.129.0.1')])]);
	const affinity =
		'Service shop/web spec.sessionAffinity: ClientIP: a client keeps its endpoint until it opened no connection for 600 s';
	const dropped =
		'EndpointSlices of shop/web endpoints[].conditions: none of 0 endpoints on this node can answer, 1 are elsewhere: dropped';
	t.deepEqual(printReasons(plan, '10.96.0.10 TCP 80'), [
		'Service shop/web spec.clusterIPs: the cluster IP of the Service',
		'Service shop/web spec.internalTrafficPolicy: Local: only endpoints on this node answer',
		dropped,
		'configuration clusterCIDR: sources that are no pods of this node get the address of this node',
		affinity,
	]);
	const policy =
		'Service shop/web spec.externalTrafficPolicy: Local: endpoints on this node answer, and see the client; pods of this node and the node itself reach any, the node with its own address';
	const chosen = 'EndpointSlices of shop/web endpoints[].conditions: 1 of 1 endpoints are ready';
	t.deepEqual(printReasons(plan, '203.0.113.7 TCP 80'), [
		'Service shop/web status.loadBalancer.ingress: an IP of the load balancer, with ipMode VIP',
		policy,
		chosen,
		dropped,
		'Service shop/web spec.loadBalancerSourceRanges: only 1 ranges may enter',
		affinity,
	]);
	t.deepEqual(printReasons(plan, '172.31.1.1 TCP 30080'), [
		'Service shop/web spec.ports[].nodePort: a node port of the Service',
		"Node here status.addresses: 172.31.1.1 is this node's primary IPv4 address",
		policy,
		chosen,
		dropped,
		affinity,
	]);
});

test('a refusal says why nobody answers', (t) => {
	const reasons = (...slices: readonly Parameters<typeof buildSlice>[1][]) => {
		const objects = slices.map((endpoints) => buildSlice('shop/web', endpoints));
		return printReasons(planOf([buildService('shop/web'), ...objects]), '10.96.0.10 TCP 80')[2];
	};
	t.is(reasons(), 'EndpointSlices of shop/web endpoints[].conditions: there are no endpoints: refused');
	t.is(
		reasons([buildEndpoint('10.129.0.1', notReady)]),
		'EndpointSlices of shop/web endpoints[].conditions: none of 1 endpoints is ready, or serving while it terminates: refused',
	);
});

test('external policy Local on a Service that it does not count for says so', (t) => {
	const service = buildService('shop/web', {ingress: ['203.0.113.7'], externalTrafficPolicy: 'Local'});
	t.is(
		printReasons(planOf([service]), '203.0.113.7 TCP 80')[1],
		'Service shop/web spec.externalTrafficPolicy: Local counts for types NodePort and LoadBalancer, or with external IPs: any endpoint answers',
	);
});
