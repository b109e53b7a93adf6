import test from 'ava';
import {fullOps, rulesOf} from '../../src/dataplane/nftables/rules.ts';
import {walk} from '../../src/dataplane/nftables/walk.ts';
import {NetError} from '../../src/errors.ts';
import {buildFrontend, buildNodePlan, podPrefixes} from '../support/frontends.ts';
import {buildPacket, fate, trace} from '../support/trace.ts';

const clusterIp = '10.96.0.10:80/TCP';

test('a connection to a cluster IP reaches any of its backends, with its source when it is a pod of this node', (t) => {
	const frontends = [buildFrontend({target: '10.128.1.1 10.128.1.2'})];
	t.is(fate(trace(frontends, 'pod', clusterIp)), '10.128.1.1:8080, 10.128.1.2:8080');
	t.is(fate(trace(frontends, 'node', clusterIp)), '10.128.1.1:8080 masqueraded, 10.128.1.2:8080 masqueraded');
	t.is(fate(trace(frontends, 'outside', clusterIp)), '10.128.1.1:8080 masqueraded, 10.128.1.2:8080 masqueraded');
});

test('a service without endpoints refuses, one whose policy leaves none drops', (t) => {
	t.is(fate(trace([buildFrontend({target: 'reject'})], 'pod', clusterIp)), 'refused');
	t.is(fate(trace([buildFrontend({target: 'drop'})], 'pod', clusterIp)), 'dropped');
});

test('an unused port of a cluster IP refuses, an unused service address drops, anything else passes', (t) => {
	const frontends = [buildFrontend(), buildFrontend({kind: 'externalIP', address: '192.0.2.80', masquerade: 'always'})];
	t.is(fate(trace(frontends, 'pod', '10.96.0.10:81/TCP')), 'refused');
	t.is(fate(trace(frontends, 'pod', '10.96.0.10:80/UDP')), 'refused');
	t.is(fate(trace(frontends, 'outside', '10.96.0.11:80/TCP')), 'dropped');
	t.is(fate(trace(frontends, 'pod', '192.0.2.80:81/TCP')), 'passed');
	t.is(fate(trace(frontends, 'pod', '10.128.1.1:8080/TCP')), 'passed');
});

test('a pod that reaches itself is masqueraded, and nobody else is for its sake', (t) => {
	const frontends = [buildFrontend({target: '10.128.0.9! 10.128.0.8!'})];
	t.is(fate(trace(frontends, 'pod', clusterIp)), '10.128.0.9:8080 masqueraded, 10.128.0.8:8080');
});

test('an external address with external policy Cluster masquerades every source', (t) => {
	const frontends = [buildFrontend({kind: 'nodePort', address: '172.31.1.1', port: 31_000, masquerade: 'always'})];
	for (const from of ['pod', 'node', 'outside']) {
		t.is(fate(trace(frontends, from, '172.31.1.1:31000/TCP')), '10.128.1.1:8080 masqueraded', from);
	}
});

const localParts = {kind: 'loadBalancerIP', address: '203.0.113.7', masquerade: 'node'} as const;

test('with external policy Local a pod and the node get all backends, anyone else those of this node with its source', (t) => {
	const frontends = [buildFrontend({...localParts, target: '10.128.0.8! 10.128.1.1', local: '10.128.0.8!'})];
	t.is(fate(trace(frontends, 'pod', '203.0.113.7:80/TCP')), '10.128.0.8:8080, 10.128.1.1:8080');
	t.is(
		fate(trace(frontends, 'node', '203.0.113.7:80/TCP')),
		'10.128.0.8:8080 masqueraded, 10.128.1.1:8080 masqueraded',
	);
	t.is(fate(trace(frontends, 'outside', '203.0.113.7:80/TCP')), '10.128.0.8:8080');
});

test('with external policy Local and no backend on this node anyone else is dropped, with none at all refused', (t) => {
	const elsewhere = [buildFrontend({...localParts, local: 'drop'})];
	t.is(fate(trace(elsewhere, 'pod', '203.0.113.7:80/TCP')), '10.128.1.1:8080');
	t.is(fate(trace(elsewhere, 'outside', '203.0.113.7:80/TCP')), 'dropped');
	const none = [buildFrontend({...localParts, target: 'reject', local: 'reject'})];
	t.is(fate(trace(none, 'pod', '203.0.113.7:80/TCP')), 'refused');
	t.is(fate(trace(none, 'outside', '203.0.113.7:80/TCP')), 'refused');
});

test('source ranges let in who they name and drop all others, in every policy', (t) => {
	const sourceRanges = ['198.51.100.0/24', '10.128.0.0/9'];
	const open = {kind: 'loadBalancerIP', address: '203.0.113.7', masquerade: 'always', sourceRanges} as const;
	t.is(fate(trace([buildFrontend(open)], 'allowed', '203.0.113.7:80/TCP')), '10.128.1.1:8080 masqueraded');
	t.is(fate(trace([buildFrontend(open)], 'outside', '203.0.113.7:80/TCP')), 'dropped');
	t.is(fate(trace([buildFrontend(open)], 'node', '203.0.113.7:80/TCP')), 'dropped');
	const local = buildFrontend({...localParts, sourceRanges, target: '10.128.0.8! 10.128.1.1', local: '10.128.0.8!'});
	t.is(fate(trace([local], 'allowed', '203.0.113.7:80/TCP')), '10.128.0.8:8080');
	t.is(fate(trace([local], 'pod', '203.0.113.7:80/TCP')), '10.128.0.8:8080, 10.128.1.1:8080');
	t.is(fate(trace([local], 'outside', '203.0.113.7:80/TCP')), 'dropped');
	const refusing = buildFrontend({...open, target: 'reject'});
	t.is(fate(trace([refusing], 'outside', '203.0.113.7:80/TCP')), 'dropped', 'who may not enter is not told more');
	t.is(fate(trace([refusing], 'allowed', '203.0.113.7:80/TCP')), 'refused');
});

test('a filtered address with an empty list of ranges lets nobody in', (t) => {
	const frontend = buildFrontend({...localParts, masquerade: 'always', sourceRanges: []});
	t.is(fate(trace([frontend], 'allowed', '203.0.113.7:80/TCP')), 'dropped');
});

test('where pods are told by their interface, that decides who is one', (t) => {
	const frontends = [buildFrontend(), buildFrontend({...localParts, local: 'drop'})];
	for (const detector of [
		{kind: 'interface', name: 'poda'},
		{kind: 'interfacePrefix', prefix: 'pod'},
	] as const) {
		const node = buildNodePlan({detector});
		t.is(fate(trace(frontends, 'pod', clusterIp, node)), '10.128.1.1:8080');
		t.is(fate(trace(frontends, 'outside', clusterIp, node)), '10.128.1.1:8080 masqueraded');
		t.is(fate(trace(frontends, 'node', clusterIp, node)), '10.128.1.1:8080 masqueraded');
		t.is(fate(trace(frontends, 'pod', '203.0.113.7:80/TCP', node)), '10.128.1.1:8080');
		t.is(fate(trace(frontends, 'outside', '203.0.113.7:80/TCP', node)), 'dropped');
	}

	const node = buildNodePlan({detector: {kind: 'interface', name: 'pod'}});
	t.is(fate(trace(frontends, 'pod', clusterIp, node)), '10.128.1.1:8080 masqueraded', 'a whole name is no prefix');
});

test('where nothing tells pods, nobody is masqueraded for a cluster IP, and a pod gets what strangers get', (t) => {
	const node = buildNodePlan({detector: {kind: 'none'}});
	const frontends = [buildFrontend({masquerade: 'never'}), buildFrontend({...localParts, local: 'drop'})];
	t.is(fate(trace(frontends, 'outside', clusterIp, node)), '10.128.1.1:8080');
	t.is(fate(trace(frontends, 'pod', '203.0.113.7:80/TCP', node)), 'dropped');
	t.is(fate(trace(frontends, 'node', '203.0.113.7:80/TCP', node)), '10.128.1.1:8080 masqueraded');
});

test('a cluster IP that is always masqueraded is so for pods of this node too', (t) => {
	const node = buildNodePlan({clusterIpMasquerade: {IPv4: 'always', IPv6: 'always'}});
	t.is(fate(trace([buildFrontend({masquerade: 'always'})], 'pod', clusterIp, node)), '10.128.1.1:8080 masqueraded');
});

test('one port with two protocols is two frontends', (t) => {
	const frontends = [buildFrontend(), buildFrontend({protocol: 'UDP', target: '10.128.1.2'})];
	t.is(fate(trace(frontends, 'pod', clusterIp)), '10.128.1.1:8080');
	t.is(fate(trace(frontends, 'pod', '10.96.0.10:80/UDP')), '10.128.1.2:8080');
});

test('IPv6 is served as IPv4 is', (t) => {
	const frontends = [
		buildFrontend({address: 'fd00:96::a', target: 'fd00:128::9! fd00:128:1::1'}),
		buildFrontend({
			...localParts,
			address: '2001:db8:71::1',
			target: 'fd00:128:1::1',
			local: 'drop',
			sourceRanges: ['2001:db8:51::/48'],
		}),
	];
	t.is(fate(trace(frontends, 'pod', '[fd00:96::a]:80/TCP')), 'fd00:128::9:8080 masqueraded, fd00:128:1::1:8080');
	t.is(fate(trace(frontends, 'outside', '[2001:db8:71::1]:80/TCP')), 'dropped');
	t.is(fate(trace(frontends, 'pod', '[fd00:96::b]:80/TCP')), 'dropped');
});

test('the first packet to a cluster IP is told by six rules, one to no Service by none', (t) => {
	t.deepEqual(trace([buildFrontend()], 'outside', clusterIp).met, [
		'prerouting: goto incoming',
		'incoming: meta priority set ip daddr . meta l4proto . th dport map @services meta priority vmap @verdicts',
		'lb-1: meta priority set none dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 1 map @endpoints',
		'postrouting: ct status dnat goto outgoing',
		'outgoing: ct original ip daddr @cluster-ips goto cluster-source',
		'cluster-source: ip saddr != 10.128.0.0/9 masquerade fully-random',
	]);
	t.deepEqual(trace([buildFrontend()], 'outside', '192.0.2.1:80/TCP').met, ['prerouting: goto incoming']);
});

test('a slot without a backend drops the packet instead of letting it leave untranslated', (t) => {
	const rules = rulesOf(fullOps([buildFrontend({target: '10.128.1.1 10.128.1.2'})], buildNodePlan(), 'IPv4'), 'IPv4');
	rules.sets.get('endpoints')?.delete('10.96.0.10 . tcp . 80 . 1');
	t.is(fate(walk(rules, buildPacket('pod', clusterIp))), '10.128.1.1:8080, 1 lost');
	rules.sets.get('endpoints')?.clear();
	t.is(fate(walk(rules, buildPacket('pod', clusterIp))), 'dropped');
});

test('a table that leads nowhere is refused, not guessed at', (t) => {
	const rules = rulesOf(fullOps([buildFrontend()], buildNodePlan(), 'IPv4'), 'IPv4');
	rules.chains.delete('lb-1');
	const error = t.throws(() => walk(rules, buildPacket('pod', clusterIp)), {instanceOf: NetError});
	t.is(error.code, 'NFT_UNKNOWN');
	rules.sets.delete('services');
	t.throws(() => walk(rules, buildPacket('pod', clusterIp)), {instanceOf: NetError});
});

test('a pod is masqueraded where a Service leads it out of the cluster, and nobody else, if that is asked for', (t) => {
	const far = [buildFrontend({target: '192.0.2.80 10.128.1.1'})];
	const node = buildNodePlan({podMasquerade: {except: podPrefixes}});
	t.is(fate(trace(far, 'pod', clusterIp)), '192.0.2.80:8080, 10.128.1.1:8080');
	t.is(fate(trace(far, 'pod', clusterIp, node)), '192.0.2.80:8080 masqueraded, 10.128.1.1:8080');
	const vip = [buildFrontend({...localParts, target: '192.0.2.80', local: '192.0.2.80'})];
	t.is(fate(trace(vip, 'pod', '203.0.113.7:80/TCP', node)), '192.0.2.80:8080 masqueraded');
	t.is(fate(trace(vip, 'outside', '203.0.113.7:80/TCP', node)), '192.0.2.80:8080');
});

test('a packet to loopback from elsewhere is dropped while a host port is there, that of the node is not', (t) => {
	const port = [buildFrontend({kind: 'hostPort', address: '127.0.0.1', masquerade: 'node', target: '10.128.0.8!'})];
	const node = buildNodePlan({guardsLoopback: true});
	t.is(fate(trace(port, 'pod', '127.0.0.1:80/TCP', node)), 'dropped');
	t.is(fate(trace(port, 'pod', '127.0.0.1:81/TCP', node)), 'dropped');
	t.is(fate(trace(port, 'node', '127.0.0.1:80/TCP', node)), '10.128.0.8:8080 masqueraded');
	t.is(fate(trace(port, 'node', '127.0.0.1:81/TCP', node)), 'passed');
});
