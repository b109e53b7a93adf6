import test from 'ava';
import type {Change} from '../../src/model/change.ts';
import {createWorld, reduce} from '../../src/model/world.ts';
import {Planner} from '../../src/plan/planner.ts';
import {buildAttachment, buildNode, buildPort, buildService} from '../support/builders.ts';
import {buildOptions, nodeAddress, planOf, printPlan, printReasons, printUnserved, type worldOf} from './planned.ts';

const here = [nodeAddress('172.31.1.1'), nodeAddress('172.31.2.1', 'eth1'), nodeAddress('fd02::1')];
const dual = ['10.128.0.9', 'fd01::9'];

test('a host port is on every address of the node, and on loopback of IPv4, in the families of the pod', (t) => {
	const plan = planOf([...here, buildAttachment('shop/web', {addresses: dual, hostPorts: ['8080:80']})]);
	t.deepEqual(printPlan(plan), [
		'127.0.0.1 TCP 8080 hostPort → 10.128.0.9:80 here, masquerade node',
		'172.31.1.1 TCP 8080 hostPort → 10.128.0.9:80 here, masquerade never',
		'172.31.2.1 TCP 8080 hostPort → 10.128.0.9:80 here, masquerade never',
		'fd02::1 TCP 8080 hostPort → fd01::9:80 here, masquerade never',
	]);
	t.deepEqual(printUnserved(plan), []);
	t.deepEqual(printReasons(plan, '172.31.1.1 TCP 8080'), [
		'Pod shop/web spec.containers[].ports[].hostPort: a host port of the pod',
		'this node addresses: 172.31.1.1 of interface eth0 is an address of this node',
		'Pod shop/web spec.containers[].ports[].hostPort: the pod sees the client',
	]);
});

test('a host port with an address of its own is on that one; a wildcard is every address of its family', (t) => {
	const hostPorts = ['172.31.1.1 80:8080', '127.0.0.1 81:8081/UDP', '0.0.0.0 82:8082/SCTP', ':: 83:8083'];
	t.deepEqual(printPlan(planOf([...here, buildAttachment('shop/web', {addresses: dual, hostPorts})])), [
		'127.0.0.1 SCTP 82 hostPort → 10.128.0.9:8082 here, masquerade node',
		'127.0.0.1 UDP 81 hostPort → 10.128.0.9:8081 here, masquerade node',
		'172.31.1.1 SCTP 82 hostPort → 10.128.0.9:8082 here, masquerade never',
		'172.31.1.1 TCP 80 hostPort → 10.128.0.9:8080 here, masquerade never',
		'172.31.2.1 SCTP 82 hostPort → 10.128.0.9:8082 here, masquerade never',
		'fd02::1 TCP 83 hostPort → fd01::9:8083 here, masquerade never',
	]);
});

test('of two host ports of one pod, that with an address of its own comes first', (t) => {
	const plan = planOf([
		nodeAddress('172.31.1.1'),
		buildAttachment('shop/web', {hostPorts: ['80:1', '127.0.0.1 80:2']}),
	]);
	t.deepEqual(printPlan(plan), [
		'127.0.0.1 TCP 80 hostPort → 10.128.0.9:2 here, masquerade node',
		'172.31.1.1 TCP 80 hostPort → 10.128.0.9:1 here, masquerade never',
	]);
});

test('a host port that cannot be is named with its pod and why', (t) => {
	const hostPorts = ['::1 80:80', 'fd02::1 81:80'];
	const reasons = (families: readonly ('IPv4' | 'IPv6')[], addresses: readonly string[], ports = hostPorts) =>
		printUnserved(planOf([...here, buildAttachment('shop/web', {addresses, hostPorts: ports})], {families}));
	const field = 'Pod shop/web spec.containers[].ports[].hostPort';
	t.deepEqual(reasons(['IPv4', 'IPv6'], dual), [
		`Pod shop/web:80, ::1 TCP 80: ${field}: the kernel cannot translate connections to the loopback address of IPv6`,
	]);
	t.deepEqual(reasons(['IPv4'], dual, ['127.0.0.2 80:80']), [
		`Pod shop/web:80, 127.0.0.2 TCP 80: ${field}: of the loopback addresses only 127.0.0.1 answers host ports`,
	]);
	t.deepEqual(reasons(['IPv4', 'IPv6'], ['10.128.0.9'], ['fd02::1 81:80']), [
		`Pod shop/web:81, fd02::1 TCP 81: ${field}: the pod has no IPv6 address, and nothing is translated across families`,
	]);
	t.deepEqual(reasons(['IPv4'], dual, ['fd02::1 81:80']), [
		`Pod shop/web:81, fd02::1 TCP 81: ${field}: this node serves no IPv6`,
	]);
	t.deepEqual(reasons(['IPv4'], ['fd01::9'], ['81:80']), [
		`Pod shop/web:81, -: ${field}: the pod has no address of a family that this node serves`,
	]);
});

test("a Service keeps its node port from a pod, which takes over when the Service goes; a pod's name is no Service's", (t) => {
	const web = buildService('shop/web', {type: 'NodePort', ports: [buildPort({nodePort: 30_080})]});
	const pod = buildAttachment('shop/web', {hostPorts: ['30080:80']});
	const [world, planner] = [createWorld(), new Planner(buildOptions())];
	const objects = [pod, web, buildNode({addresses: ['172.31.1.1']}), nodeAddress('172.31.1.1')];
	planner.update(
		world,
		reduce(
			world,
			objects.map((object) => ({verb: 'put', object})),
		),
	);
	t.is(planner.plan.frontends.get('172.31.1.1 TCP 30080')?.kind, 'nodePort');
	t.deepEqual(printUnserved(planner.plan), [
		'Pod shop/web:30080, 172.31.1.1 TCP 30080: Service shop/web spec.ports[].nodePort: 172.31.1.1 TCP 30080 is that of ' +
			'shop/web:http: Services come before host ports of pods, and older pods before younger ones, then names',
	]);
	const change = planner.update(world, reduce(world, [{verb: 'delete', kind: 'Service', key: 'shop/web'}]));
	t.true(change.touched.has('172.31.1.1 TCP 30080'));
	t.deepEqual([...change.unserved], ['shop/pod/web']);
	t.is(planner.plan.frontends.get('172.31.1.1 TCP 30080')?.kind, 'hostPort');
	t.is(planner.plan.unserved.size, 0);
});

test('of two pods with one host port the older has it, whatever its name', (t) => {
	const old = buildAttachment('shop/zoo', {addresses: ['10.128.0.8'], hostPorts: ['127.0.0.1 80:80'], attachedAt: 1});
	const young = buildAttachment('shop/ant', {hostPorts: ['127.0.0.1 80:80'], attachedAt: 2});
	const plan = planOf([young, old]);
	t.deepEqual(printPlan(plan), ['127.0.0.1 TCP 80 hostPort → 10.128.0.8:80 here, masquerade node']);
	t.deepEqual([...plan.unserved.keys()], ['shop/pod/ant']);
});

test('addresses that the node gets and loses are followed, by pods with host ports alone', (t) => {
	const planner = new Planner(buildOptions());
	const world = createWorld();
	const put = (...objects: Parameters<typeof worldOf>[0]) =>
		planner.update(
			world,
			reduce(
				world,
				objects.map((object) => ({verb: 'put', object})),
			),
		);
	put(buildAttachment('shop/web', {hostPorts: ['80:80']}), buildAttachment('shop/plain'));
	t.deepEqual([...put(nodeAddress('172.31.1.1')).touched], ['172.31.1.1 TCP 80']);
	const gone = planner.update(world, reduce(world, [{verb: 'delete', kind: 'NodeAddress', key: '172.31.1.1'}]));
	t.deepEqual([...gone.touched], ['172.31.1.1 TCP 80']);
	t.deepEqual([...planner.plan.frontends.keys()], ['127.0.0.1 TCP 80']);
});

test('UDP flows to a host port are stale when it comes, leads to another pod, or goes; those to its pod are not', (t) => {
	const planner = new Planner(buildOptions());
	const world = createWorld();
	const stale = (...changes: readonly Change[]) =>
		planner
			.update(world, reduce(world, changes))
			.staleFlows.map(
				({address, port, serving}) => `${address}:${port} but to ${serving.map((each) => each.address).join()}`,
			);
	const pod = (address: string) =>
		buildAttachment('kube-system/dns', {addresses: [address], hostPorts: ['127.0.0.1 53:5353/UDP']});
	t.deepEqual(stale({verb: 'put', object: pod('10.128.0.9')}), ['127.0.0.1:53 but to 10.128.0.9']);
	t.deepEqual(stale({verb: 'put', object: {...pod('10.128.0.9'), link: 'fair2'}}), []);
	t.deepEqual(stale({verb: 'put', object: pod('10.128.0.8')}), ['127.0.0.1:53 but to 10.128.0.8']);
	t.deepEqual(stale({verb: 'delete', kind: 'PodAttachment', key: 'dns-container/eth0'}), ['127.0.0.1:53 but to ']);
});
