import test from 'ava';
import type {Change} from '../../src/model/change.ts';
import {createWorld, reduce} from '../../src/model/world.ts';
import type {PlanChange, StaleFlows} from '../../src/plan/plan.ts';
import {isEmptyChange, mergePlanChanges} from '../../src/plan/plan-change.ts';
import {Planner} from '../../src/plan/planner.ts';
import {
	buildEndpoint,
	buildEndpointPort,
	buildLocalEndpoint,
	buildNode,
	buildPort,
	buildService,
	buildServiceCidr,
	buildSlice,
	notReady,
	terminating,
} from '../support/builders.ts';
import {buildOptions, nodeAddress, planOf, printPlan, printTarget, printUnserved} from './planned.ts';

type Put = Extract<Change, {verb: 'put'}>['object'];

/** A planner that follows a world of its own, told of objects that are put, and of Services and slices that go. */
function follow(options: Parameters<typeof buildOptions>[0] = {}) {
	const world = createWorld();
	const planner = new Planner(buildOptions(options));
	const tell = (changes: readonly Change[]): PlanChange => planner.update(world, reduce(world, changes));
	return {
		plan: planner.plan,
		world,
		planner,
		put: (...objects: readonly Put[]) => tell(objects.map((object) => ({verb: 'put', object}))),
		remove: (kind: 'Service' | 'EndpointSlice' | 'Node', key: string) => tell([{verb: 'delete', kind, key}]),
	};
}

const printFlows = (flows: readonly StaleFlows[]) =>
	flows.map(({address, protocol, port, serving}) => {
		return `${address} ${protocol} ${port}: ${printTarget({kind: 'backends', backends: serving})}`;
	});

test('only the frontends that a change is about are touched', (t) => {
	const {put, remove} = follow();
	put(buildService('shop/web'), buildService('shop/api', {clusterIps: ['10.96.0.11']}));
	t.deepEqual([...put(buildSlice('shop/web', [buildEndpoint('10.129.0.1')])).touched], ['10.96.0.10 TCP 80']);
	t.true(isEmptyChange(put(buildSlice('shop/web', [buildEndpoint('10.129.0.1')]))));
	t.true(
		isEmptyChange(put(buildSlice('shop/web', [buildEndpoint('10.129.0.1'), buildEndpoint('10.129.0.2', notReady)]))),
	);
	t.deepEqual([...remove('Service', 'shop/api').touched], ['10.96.0.11 TCP 80']);
});

test('a Service that changes its address leaves the old one', (t) => {
	const {put, plan} = follow();
	put(buildService('shop/web'));
	const change = put(buildService('shop/web', {clusterIps: ['10.96.0.11']}));
	t.deepEqual([...change.touched].sort(), ['10.96.0.10 TCP 80', '10.96.0.11 TCP 80']);
	t.deepEqual([...plan.frontends.keys()], ['10.96.0.11 TCP 80']);
});

test('a Service that becomes an ExternalName, or another proxy takes, leaves the plan as if it were deleted', (t) => {
	for (const gone of [{type: 'ExternalName'}, {proxyName: 'other'}] as const) {
		const {put, plan} = follow();
		put(buildService('shop/web'), buildSlice('shop/web', []));
		t.deepEqual([...put(buildService('shop/web', gone)).touched], ['10.96.0.10 TCP 80']);
		t.is(plan.frontends.size, 0);
		t.deepEqual([...put(buildService('shop/web')).touched], ['10.96.0.10 TCP 80']);
	}
});

test('new reasons are in the plan even when no frontend differs', (t) => {
	const {put, plan} = follow();
	const endpoint = buildEndpoint('10.129.0.1');
	put(buildService('shop/web'), buildSlice('shop/web', [endpoint]));
	put(buildSlice('shop/web', [endpoint, buildEndpoint('10.129.0.2', notReady)]));
	t.is(plan.frontends.get('10.96.0.10 TCP 80')?.because[2]?.decided, '1 of 2 endpoints are ready');
});

test('a node-wide fact touches the Services that it bears on, and no others', (t) => {
	const {put, remove} = follow({nodePortAddresses: ['all']});
	const ranged = buildService('shop/lb', {
		clusterIps: ['10.96.0.11'],
		ingress: ['203.0.113.7'],
		sourceRanges: ['172.31.0.0/16'],
	});
	const ports = [buildPort({nodePort: 30_080})];
	put(buildService('shop/web'), ranged, buildService('shop/node', {clusterIps: ['10.96.0.12'], ports}));
	t.deepEqual([...put(nodeAddress('172.31.1.1')).touched], ['172.31.1.1 TCP 30080']);
	t.deepEqual([...put(buildNode()).touched], ['203.0.113.7 TCP 80'], 'the node may enter now');
	t.true(isEmptyChange(put(buildNode({}, 'there'))));
	t.deepEqual([...remove('Node', 'here').touched], ['203.0.113.7 TCP 80']);
	t.deepEqual(put(buildServiceCidr('kubernetes', '10.96.0.0/12')).node, true);
});

test('a new zone of the node moves the Services with hints', (t) => {
	const {put, plan} = follow();
	const endpoints = [buildEndpoint('10.129.0.1', {hintZones: ['a']}), buildEndpoint('10.129.0.2', {hintZones: ['b']})];
	put(buildNode({zone: 'a'}), buildService('shop/web'), buildSlice('shop/web', endpoints));
	t.deepEqual([...put(buildNode({zone: 'b'})).touched], ['10.96.0.10 TCP 80']);
	t.deepEqual(printPlan(plan), ['10.96.0.10 TCP 80 clusterIP → 10.129.0.2:8080, masquerade offCluster']);
});

test('new pod CIDRs of the node change the detector, and masquerade where there was none', (t) => {
	const {put, plan} = follow({detector: {kind: 'nodeCidr'}});
	put(buildService('shop/web'));
	const change = put(buildNode({podCidrs: ['10.128.0.0/24']}));
	t.true(change.node);
	t.deepEqual([...change.touched], ['10.96.0.10 TCP 80']);
	t.is(plan.node.detector.kind, 'prefixes');
});

test('of two Services that claim one address the older holds it, and the other takes over when it goes', (t) => {
	for (const order of [0, 1]) {
		const {put, remove, plan} = follow();
		const old = buildService('shop/old', {externalIps: ['192.0.2.1'], createdAt: 1});
		const young = buildService('shop/a-young', {clusterIps: ['10.96.0.11'], externalIps: ['192.0.2.1'], createdAt: 2});
		const services = [old, young];
		put(services[order] ?? old);
		put(services[1 - order] ?? old);
		t.is(plan.frontends.get('192.0.2.1 TCP 80')?.service.name, 'old');
		t.deepEqual(printUnserved(plan), [
			'shop/a-young:http, 192.0.2.1 TCP 80: Service shop/old spec.externalIPs: 192.0.2.1 TCP 80 is that of shop/old:http: cluster IPs come before load-balancer, external IPs and node ports, then older Services, then names',
		]);
		const change = remove('Service', 'shop/old');
		t.true(change.touched.has('192.0.2.1 TCP 80'));
		t.deepEqual([...change.unserved], ['shop/a-young']);
		t.is(plan.frontends.get('192.0.2.1 TCP 80')?.service.name, 'a-young');
		t.is(plan.unserved.size, 0);
	}
});

test('without ages the name decides, and a cluster IP is taken from nobody', (t) => {
	const [a, b] = ['shop/a', 'shop/b'] as const;
	const external = {externalIps: ['192.0.2.1']};
	const named = planOf([buildService(b, {clusterIps: ['10.96.0.11'], ...external}), buildService(a, external)]);
	t.is(named.frontends.get('192.0.2.1 TCP 80')?.service.name, 'a');
	const thief = buildService(a, {clusterIps: ['10.96.0.11'], externalIps: ['10.96.0.10'], createdAt: 1});
	t.is(planOf([thief, buildService(b)]).frontends.get('10.96.0.10 TCP 80')?.service.name, 'b');
});

test('three Services that claim one address stand in line', (t) => {
	const {put, remove, plan} = follow();
	for (const index of [3, 1, 2]) {
		put(buildService(`shop/s${index}`, {clusterIps: [`10.96.0.1${index}`], externalIps: ['192.0.2.1']}));
	}

	const holder = () => plan.frontends.get('192.0.2.1 TCP 80')?.service.name;
	t.deepEqual([holder(), plan.unserved.size], ['s1', 2]);
	remove('Service', 'shop/s2');
	t.deepEqual([holder(), plan.unserved.size], ['s1', 1]);
	t.deepEqual([...remove('Service', 'shop/s1').touched].sort(), ['10.96.0.11 TCP 80', '192.0.2.1 TCP 80']);
	t.deepEqual([holder(), plan.unserved.size], ['s3', 0]);
});

test('an address that one Service names twice is one frontend, as load-balancer IP with its source ranges', (t) => {
	const parts = {externalIps: ['203.0.113.7'], ingress: ['203.0.113.7'], sourceRanges: ['198.51.100.0/24']};
	const plan = planOf([buildService('shop/web', parts)]);
	t.deepEqual(printPlan(plan), [
		'10.96.0.10 TCP 80 clusterIP → reject, masquerade offCluster',
		'203.0.113.7 TCP 80 loadBalancerIP → reject, masquerade always, from 198.51.100.0/24',
	]);
	t.is(plan.unserved.size, 0);
});

test('two ports of one Service cannot share an address: the node port gives way, and is named', (t) => {
	const ports = [buildPort({nodePort: 30_080}), buildPort({name: 'other', port: 30_080})];
	const plan = planOf([buildNode(), buildService('shop/web', {type: 'NodePort', ports, externalIps: ['172.31.1.1']})]);
	t.is(plan.frontends.get('172.31.1.1 TCP 30080')?.service.port, 'other');
	t.deepEqual(
		plan.unserved.get('shop/web')?.map(({service, key}) => `${service.port} ${key}`),
		['http 172.31.1.1 TCP 30080'],
	);
});

const balanced = {type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000} as const;

test('a health check counts the distinct ready addresses of this node, over all ports, never the terminating', (t) => {
	const {put, plan, remove} = follow();
	const ports = [buildPort(), buildPort({name: 'admin', port: 81})];
	const slice = buildSlice(
		'shop/web',
		[
			buildLocalEndpoint('10.128.0.1'),
			buildLocalEndpoint('10.128.0.2'),
			buildLocalEndpoint('10.128.0.3', terminating),
			buildEndpoint('10.129.0.1'),
		],
		{ports: [buildEndpointPort(8080), buildEndpointPort(8081, 'admin')]},
	);
	t.true(put(buildService('shop/web', {...balanced, ports}), slice).healthChecks);
	const expected = {port: 32_000, namespace: 'shop', name: 'web', localEndpoints: {IPv4: 2}};
	t.deepEqual([...plan.healthChecks], [[32_000, expected]]);
	t.true(put(buildService('shop/web', {...balanced, ports, healthCheckNodePort: 32_001}), slice).healthChecks);
	t.deepEqual([...plan.healthChecks.keys()], [32_001]);
	t.true(remove('Service', 'shop/web').healthChecks);
	t.is(plan.healthChecks.size, 0);
});

test('a health check counts in the families in which the Service has a cluster IP', (t) => {
	const slice = buildSlice('shop/web', [buildLocalEndpoint('fd01::1')]);
	const counts = (...clusterIps: string[]) =>
		planOf([buildService('shop/web', {...balanced, clusterIps}), slice]).healthChecks.get(32_000)?.localEndpoints;
	t.deepEqual(counts('10.96.0.10'), {IPv4: 0});
	t.deepEqual(counts('10.96.0.10', 'fd00::a'), {IPv4: 0, IPv6: 1});
});

test('health checks answer on the addresses of node ports, and follow them as they change', (t) => {
	const {put, plan} = follow();
	t.deepEqual(plan.healthCheckAddresses as unknown, []);
	t.true(put(buildNode({addresses: ['172.31.1.1', 'fd02::1']})).healthChecks);
	t.deepEqual(plan.healthCheckAddresses as unknown, ['172.31.1.1', 'fd02::1']);
	t.false(put(buildNode({addresses: ['172.31.1.1', 'fd02::1'], zone: 'a'})).healthChecks);
	t.true(put(buildNode({addresses: ['172.31.1.2', 'fd02::1']})).healthChecks);
	t.deepEqual(plan.healthCheckAddresses as unknown, ['172.31.1.2', 'fd02::1']);
});

test('where all addresses of a family answer node ports, health checks listen on all at once', (t) => {
	const addresses = (...nodePortAddresses: ('all' | 'primary')[]) =>
		planOf([buildNode()], {nodePortAddresses}).healthCheckAddresses as unknown;
	t.deepEqual(addresses(), ['0.0.0.0', '::']);
	t.deepEqual(addresses('primary', 'all'), ['0.0.0.0', '::']);
	t.deepEqual(planOf([], {nodePortAddresses: [], families: ['IPv4']}).healthCheckAddresses as unknown, ['0.0.0.0']);
});

test('there is a health check only for type LoadBalancer with external policy Local and a port', (t) => {
	for (const parts of [{type: 'NodePort'}, {externalTrafficPolicy: 'Cluster'}, {healthCheckNodePort: 0}] as const) {
		t.is(planOf([buildService('shop/web', {...balanced, ...parts})]).healthChecks.size, 0);
	}
});

test('two Services with one health-check port: the first holds it, the other is named', (t) => {
	const {put, remove, plan} = follow();
	put(buildService('shop/b', {...balanced, clusterIps: ['10.96.0.11']}), buildService('shop/a', balanced));
	t.is(plan.healthChecks.get(32_000)?.name, 'a');
	t.deepEqual(printUnserved(plan), [
		'shop/b, -: Service shop/a spec.healthCheckNodePort: health-check port 32000 is that of shop/a: older Services come first, then names',
	]);
	remove('Service', 'shop/a');
	t.is(plan.healthChecks.get(32_000)?.name, 'b');
});

const dnsPorts = [buildPort({name: 'dns', port: 53, protocol: 'UDP', nodePort: 30_053}), buildPort()];
const dns = buildService('shop/dns', {
	type: 'LoadBalancer',
	ports: dnsPorts,
	externalIps: ['192.0.2.1'],
	ingress: ['203.0.113.7'],
});
const dnsSlice = (...endpoints: Parameters<typeof buildSlice>[1][number][]) =>
	buildSlice('shop/dns', endpoints, {ports: [buildEndpointPort(5353, 'dns', 'UDP')]});

test('UDP flows to every address of a Service are stale unless they go to what serves, and TCP flows never are', (t) => {
	const {put} = follow();
	const [first, second] = [buildEndpoint('10.129.0.1'), buildEndpoint('10.129.0.2')];
	const everywhere = (serving: string) => [
		`10.96.0.10 UDP 53: ${serving}`,
		`172.31.1.1 UDP 30053: ${serving}`,
		`192.0.2.1 UDP 53: ${serving}`,
		`203.0.113.7 UDP 53: ${serving}`,
	];
	const flows = (change: PlanChange) => printFlows(change.staleFlows).sort();
	t.deepEqual(flows(put(buildNode(), dns)), everywhere(''), 'flows from before the rules are stale too');
	t.deepEqual(flows(put(dnsSlice(first, second))), everywhere('10.129.0.1:5353 10.129.0.2:5353'));
	t.deepEqual(flows(put(dnsSlice(second))), everywhere('10.129.0.2:5353'));
	t.deepEqual(flows(put(dnsSlice(second))), []);
	t.deepEqual(flows(put(dnsSlice())), everywhere(''), 'no endpoint left');
});

test('an endpoint that still serves keeps its UDP flows while it terminates, and loses them when it serves no more', (t) => {
	const {put} = follow();
	const live = buildEndpoint('10.129.0.1');
	put(dns, dnsSlice(live, buildEndpoint('10.129.0.2')));
	const flows = (change: PlanChange) => printFlows(change.staleFlows)[0];
	t.is(
		flows(put(dnsSlice(live, buildEndpoint('10.129.0.2', terminating)))),
		'10.96.0.10 UDP 53: 10.129.0.1:5353 10.129.0.2:5353',
	);
	t.is(
		flows(put(dnsSlice(live, buildEndpoint('10.129.0.2', {...terminating, serving: false})))),
		'10.96.0.10 UDP 53: 10.129.0.1:5353',
	);
});

test('an address or a Service that is gone leaves no UDP flow', (t) => {
	const {put, remove} = follow();
	put(dns, dnsSlice(buildEndpoint('10.129.0.1')));
	const change = put({...dns, externalIps: [], loadBalancerIngress: []});
	t.deepEqual(printFlows(change.staleFlows).sort(), ['192.0.2.1 UDP 53: ', '203.0.113.7 UDP 53: ']);
	t.deepEqual(printFlows(remove('Service', 'shop/dns').staleFlows), ['10.96.0.10 UDP 53: ']);
});

test('a UDP address that another Service takes over keeps the flows to that one', (t) => {
	const {put, remove} = follow();
	const other = buildService('shop/e', {clusterIps: ['10.96.0.11'], ports: dnsPorts, externalIps: ['192.0.2.1']});
	const slice = buildSlice('shop/e', [buildEndpoint('10.129.0.9')], {ports: [buildEndpointPort(5353, 'dns', 'UDP')]});
	put(dns, other, slice);
	const flows = printFlows(remove('Service', 'shop/dns').staleFlows);
	t.true(flows.includes('192.0.2.1 UDP 53: 10.129.0.9:5353'), flows.join());
});

test('a large change comes in steps, whose changes together are the change', (t) => {
	const {world, planner} = follow();
	const touched = reduce(
		world,
		Array.from({length: 25}, (_, index) => ({
			verb: 'put',
			object: buildService(`shop/s${index}`, {clusterIps: [`10.96.1.${index}`]}),
		})),
	);
	const steps = [...planner.steps(world, touched, 10)];
	t.deepEqual(
		steps.map((step) => step.touched.size),
		[10, 10, 5],
	);
	t.is(steps.reduce(mergePlanChanges).touched.size, 25);
});

test('a large change that was given up goes on with the next', (t) => {
	const {world, planner, plan} = follow();
	const services = Array.from({length: 5}, (_, index) =>
		buildService(`shop/s${index}`, {clusterIps: [`10.96.1.${index}`]}),
	);
	const touched = reduce(
		world,
		services.map((object) => ({verb: 'put', object})),
	);
	for (const step of planner.steps(world, touched, 2)) {
		t.is(step.touched.size, 2);
		break;
	}

	t.is(plan.frontends.size, 2);
	const rest = planner.update(world, reduce(world, [{verb: 'put', object: buildService('shop/late')}]));
	t.is(rest.touched.size, 4);
	t.is(plan.frontends.size, 6);
});
