import test from 'ava';
import {parseAddress} from '../../src/net/address.ts';
import {parsePrefix, printPrefix} from '../../src/net/prefix.ts';
import type {PlanOptions} from '../../src/plan/options.ts';
import {
	buildAttachment,
	buildLocalEndpoint,
	buildNode,
	buildPort,
	buildService,
	buildServiceCidr,
	buildSlice,
} from '../support/builders.ts';
import {nodeAddress, planOf, podCidr, printPlan, printReasons, printUnserved} from './planned.ts';

const dual = buildService('shop/web', {
	type: 'NodePort',
	clusterIps: ['10.96.0.10', 'fd00::a'],
	ports: [buildPort({nodePort: 30_080})],
});
const node = buildNode({addresses: ['172.31.1.1', 'fd02::1', '192.0.2.77']});
const addresses = ['172.31.1.1', '192.168.1.1', '127.0.0.1', '::1', 'fd02::1'].map((address) => nodeAddress(address));

function nodePortAddresses(...asked: PlanOptions['nodePortAddresses']) {
	const {frontends} = planOf([node, ...addresses, dual], {nodePortAddresses: asked});
	return [...frontends.values()].filter(({kind}) => kind === 'nodePort').map(({address}) => address as string);
}

test('primary node ports answer on the first address of each family of the Node object', (t) => {
	t.deepEqual(nodePortAddresses('primary'), ['172.31.1.1', 'fd02::1']);
});

test('an empty list, or all, answers on every address of the node but loopback', (t) => {
	t.deepEqual(nodePortAddresses(), ['172.31.1.1', '192.168.1.1', 'fd02::1']);
	t.deepEqual(nodePortAddresses('all'), nodePortAddresses());
});

test('prefixes answer on the addresses inside, and a family without any on all of its own', (t) => {
	t.deepEqual(nodePortAddresses(parsePrefix('192.168.0.0/16')), ['192.168.1.1', 'fd02::1']);
	t.deepEqual(nodePortAddresses(parsePrefix('0.0.0.0/0'), parsePrefix('fd03::/64')), ['172.31.1.1', '192.168.1.1']);
});

test('words and prefixes mix, and a family that a word speaks for is not filled up', (t) => {
	t.deepEqual(nodePortAddresses('primary', parsePrefix('192.168.0.0/16')), ['172.31.1.1', '192.168.1.1', 'fd02::1']);
	t.deepEqual(nodePortAddresses('localhost'), []);
});

test('node ports on loopback are named as unserved, asked for by word or by prefix', (t) => {
	const service = buildService('shop/web', {type: 'NodePort', ports: [buildPort({nodePort: 30_080})]});
	for (const asked of ['localhost', parsePrefix('127.0.0.0/8')] as const) {
		t.deepEqual(printUnserved(planOf([node, ...addresses, service], {nodePortAddresses: [asked, 'primary']})), [
			'shop/web:http, -: configuration nodePortAddresses: node ports do not answer on loopback: the kernel cannot translate such destinations',
		]);
	}
});

test('node ports that no address answers are named as unserved', (t) => {
	const service = buildService('shop/web', {type: 'NodePort', ports: [buildPort({nodePort: 30_080})]});
	t.deepEqual(printUnserved(planOf([service])), [
		'shop/web:http, -: Node here status.addresses: no IPv4 address of this node is known, so that none answers node ports',
	]);
	t.deepEqual(printUnserved(planOf([service], {nodePortAddresses: ['all']})), [
		'shop/web:http, -: configuration nodePortAddresses: no interface of this node holds an IPv4 address that may answer node ports',
	]);
	t.deepEqual(printUnserved(planOf([buildService('shop/web')])), [], 'a Service without node ports asks for none');
});

test('the bind address stands in for the Node object', (t) => {
	const {frontends} = planOf([node, dual], {nodeIps: [parseAddress('172.31.9.9')]});
	t.true(frontends.has('172.31.9.9 TCP 30080'));
	t.true(frontends.has('fd02::1 TCP 30080'));
	t.false(frontends.has('172.31.1.1 TCP 30080'));
});

test('a node port says which address of the node it answers on, and why', (t) => {
	const plan = planOf([node, ...addresses, dual], {nodePortAddresses: [parsePrefix('192.168.0.0/16')]});
	t.deepEqual(printReasons(plan, '192.168.1.1 TCP 30080').slice(0, 2), [
		'Service shop/web spec.ports[].nodePort: a node port of the Service',
		'configuration nodePortAddresses: 192.168.1.1 of interface eth0 answers node ports',
	]);
});

test('service CIDRs of all ServiceCIDR objects are one collapsed list of both families', (t) => {
	const plan = planOf([
		buildServiceCidr('kubernetes', '10.96.0.0/12', 'fd00::/108'),
		buildServiceCidr('more', '10.200.0.0/16', '10.97.0.0/16'),
	]);
	t.deepEqual(plan.node.serviceCidrs.map(printPrefix), ['10.96.0.0/12', '10.200.0.0/16', 'fd00::/108']);
});

test('the primary address of each family is told to the dataplane: that of the Node, or the configured one', (t) => {
	const node = buildNode({addresses: ['172.31.1.1', '172.31.1.2', 'fd02::1']});
	t.deepEqual(planOf([node]).node.addresses, ['172.31.1.1', 'fd02::1']);
	t.deepEqual(planOf([node], {nodeIps: [parseAddress('192.0.2.1')]}).node.addresses, ['192.0.2.1', 'fd02::1']);
	t.deepEqual(planOf([]).node.addresses, []);
});

function clusterIpMasquerade(options: Partial<PlanOptions>, ...objects: readonly ReturnType<typeof buildNode>[]) {
	const service = buildService('shop/web', {clusterIps: ['10.96.0.10', 'fd00::a']});
	const plan = planOf([...objects, service, buildSlice('shop/web', [buildLocalEndpoint('10.128.0.1')])], options);
	const [v4, v6] = [plan.frontends.get('10.96.0.10 TCP 80'), plan.frontends.get('fd00::a TCP 80')];
	return {detector: plan.node.detector, v4: v4?.masquerade, v6: v6?.masquerade, because: v4?.because[3]?.field};
}

test('with a cluster CIDR, connections to cluster IPs from outside of it are masqueraded; a family without one is not', (t) => {
	t.deepEqual(clusterIpMasquerade({detector: {kind: 'clusterCidr', cidrs: [podCidr, parsePrefix('10.0.0.0/9')]}}), {
		detector: {kind: 'prefixes', prefixes: [podCidr]},
		v4: 'offCluster',
		v6: 'never',
		because: 'clusterCIDR',
	});
});

test("NodeCIDR takes the Node's pod CIDRs, and detects nothing until the Node is known", (t) => {
	const detector = {kind: 'nodeCidr'} as const;
	t.deepEqual(clusterIpMasquerade({detector}).detector, {kind: 'none'});
	t.is(clusterIpMasquerade({detector}).v4, 'never');
	const podCidrs = ['10.128.0.0/24', 'fd01::/64'];
	t.deepEqual(clusterIpMasquerade({detector}, buildNode({podCidrs}), buildNode({podCidrs: ['10.9.0.0/24']}, 'there')), {
		detector: {kind: 'prefixes', prefixes: podCidrs.map(parsePrefix)},
		v4: 'offCluster',
		v6: 'offCluster',
		because: 'detectLocalMode',
	});
});

test('pods are masqueraded but for the prefixes of the configuration, of the Node, of the detector, of links and groups, if asked for', (t) => {
	const here = buildNode({podCidrs: ['10.128.0.0/24', 'fd01::/64']});
	const except = (options: Partial<PlanOptions>) => planOf([here], options).node.podMasquerade?.except.map(printPrefix);
	t.is(except({}), undefined);
	const detector = {kind: 'interfaceNamePrefix', prefix: 'fair'} as const;
	t.deepEqual(except({detector, podMasquerade: {except: ['192.0.2.0/24', '192.0.2.9/32'].map(parsePrefix)}}), [
		...['10.128.0.0/24', '169.254.0.0/16', '192.0.2.0/24', '224.0.0.0/4'],
		...['fd01::/64', 'fe80::/10', 'ff00::/8'],
	]);
	t.true(except({podMasquerade: {except: []}})?.includes('10.128.0.0/9'), 'the detector says who is inside');
});

test('loopback is guarded while any pod is attached, and always where pods get their network here', (t) => {
	t.false(planOf([]).node.guardsLoopback);
	t.true(planOf([], {attachesPods: true}).node.guardsLoopback);
	t.true(planOf([buildAttachment('shop/web', {hostPorts: []})]).node.guardsLoopback, 'a bridge stays open to all');
});

test('an interface, or a prefix of names, tells the pods of both families', (t) => {
	t.deepEqual(clusterIpMasquerade({detector: {kind: 'bridgeInterface', name: 'cni0'}}), {
		detector: {kind: 'interface', name: 'cni0'},
		v4: 'offCluster',
		v6: 'offCluster',
		because: 'detectLocal.bridgeInterface',
	});
	t.deepEqual(clusterIpMasquerade({detector: {kind: 'interfaceNamePrefix', prefix: 'veth'}}), {
		detector: {kind: 'interfacePrefix', prefix: 'veth'},
		v4: 'offCluster',
		v6: 'offCluster',
		because: 'detectLocal.interfaceNamePrefix',
	});
});

test('masqueradeAll masquerades every connection to a cluster IP, with or without a detector', (t) => {
	for (const detector of [{kind: 'none'}, {kind: 'clusterCidr', cidrs: [podCidr]}] as const) {
		const {v4, v6, because} = clusterIpMasquerade({detector, masqueradeAll: true});
		t.deepEqual([v4, v6, because], ['always', 'always', 'masqueradeAll']);
	}
});

test('without a detector no source of a cluster IP is rewritten, and external policy Local still splits', (t) => {
	const service = buildService('shop/web', {externalIps: ['192.0.2.1'], externalTrafficPolicy: 'Local'});
	const plan = planOf([service, buildSlice('shop/web', [buildLocalEndpoint('10.128.0.1')])], {
		detector: {kind: 'none'},
	});
	t.deepEqual(printPlan(plan), [
		'10.96.0.10 TCP 80 clusterIP → 10.128.0.1:8080 here, masquerade never',
		'192.0.2.1 TCP 80 externalIP → 10.128.0.1:8080 here, others 10.128.0.1:8080 here, masquerade node',
	]);
});

test('a backend on this node is marked, so that its connections to itself can be masqueraded', (t) => {
	const target = planOf([
		buildService('shop/web'),
		buildSlice('shop/web', [buildLocalEndpoint('10.128.0.1')]),
	]).frontends.get('10.96.0.10 TCP 80')?.target;
	t.true(target?.kind === 'backends' && target.backends[0]?.local);
});

function ranges(sourceRanges: readonly string[], ingress: readonly string[] = ['203.0.113.7']) {
	const service = buildService('shop/web', {
		type: 'LoadBalancer',
		clusterIps: ['10.96.0.10', 'fd00::a'],
		externalIps: ['192.0.2.1'],
		ports: [buildPort({nodePort: 30_080})],
		ingress,
		sourceRanges,
	});
	const {frontends} = planOf([node, service]);
	const limited = [...frontends.values()].filter((frontend) => frontend.sourceRanges !== undefined);
	return limited.map((frontend) => `${frontend.key}: ${frontend.sourceRanges?.map(printPrefix).join(' ')}`);
}

test('source ranges limit the load-balancer IPs alone, collapsed, each family by its own', (t) => {
	t.deepEqual(ranges(['198.51.100.0/24', '198.51.100.7/32', '2001:db8::/32'], ['203.0.113.7', '2001:db8:1::7']), [
		'203.0.113.7 TCP 80: 198.51.100.0/24',
		'2001:db8:1::7 TCP 80: 2001:db8::/32',
	]);
});

test('a range of all addresses, or ranges of the other family alone, let anyone in', (t) => {
	t.deepEqual(ranges(['198.51.100.0/24', '0.0.0.0/0']), []);
	t.deepEqual(ranges(['2001:db8::/32']), []);
	t.deepEqual(ranges([]), []);
});

test('where the node may enter, so may every load-balancer IP of the Service: the node connects with it as its source', (t) => {
	t.deepEqual(ranges(['172.31.0.0/16'], ['203.0.113.7', '203.0.113.8', 'Proxy 203.0.113.9']), [
		'203.0.113.7 TCP 80: 172.31.0.0/16 203.0.113.7/32 203.0.113.8/32',
		'203.0.113.8 TCP 80: 172.31.0.0/16 203.0.113.7/32 203.0.113.8/32',
	]);
});
