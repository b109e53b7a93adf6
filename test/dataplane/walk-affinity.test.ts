import test from 'ava';
import {BackendIds} from '../../src/dataplane/nftables/backend-ids.ts';
import {compile} from '../../src/dataplane/nftables/compile.ts';
import {fullOps, rulesOf} from '../../src/dataplane/nftables/rules.ts';
import {walk} from '../../src/dataplane/nftables/walk.ts';
import type {Affinity} from '../../src/dataplane/nftables/walk-affinity.ts';
import {buildFrontend, buildNodePlan} from '../support/frontends.ts';
import {buildPacket, fate, trace} from '../support/trace.ts';

const clusterIp = '10.96.0.10:80/TCP';
const localParts = {kind: 'loadBalancerIP', address: '203.0.113.7', masquerade: 'node'} as const;
const kept = {name: 'cart', affinityTimeoutSeconds: 600} as const;
const cart = buildFrontend({...kept, target: '10.128.1.1 10.128.1.2'});
const cartVip = buildFrontend({...kept, ...localParts, target: '10.128.0.8! 10.128.1.2', local: '10.128.0.8!'});

/** What `client` has learned once it was sent to the pod of this address; of cart. */
function learned(client: string, pod: string): Affinity {
	const id = [cart, cartVip]
		.flatMap((frontend) => [...(compile(frontend, new BackendIds()).sticky?.backends ?? [])])
		.find(([, {address}]) => address === pod)?.[0];
	return id === undefined ? new Map() : new Map([[`${(id >>> 16).toString(16)}:0 . ${client}`, id]]);
}

test('with session affinity a client has any backend first, and then always that one', (t) => {
	t.is(fate(trace([cart], 'pod', clusterIp)), '10.128.1.1:8080 or always 10.128.1.2:8080');
	const affinity = learned('10.128.0.9', '10.128.1.2');
	t.is(affinity.size, 1);
	t.is(fate(trace([cart], 'pod', clusterIp, buildNodePlan(), affinity)), '10.128.1.2:8080');
	t.is(
		fate(trace([cart], 'outside', clusterIp, buildNodePlan(), affinity)),
		'10.128.1.1:8080 masqueraded or always 10.128.1.2:8080 masqueraded',
		'another client',
	);
});

test('what a client learned by one address of a service port holds at all others, of other ports it does not', (t) => {
	const affinity = learned('10.128.0.9', '10.128.1.2');
	const vip = '203.0.113.7:80/TCP';
	t.is(fate(trace([cart, cartVip], 'pod', vip, buildNodePlan(), affinity)), '10.128.1.2:8080');
	const desk = {...cartVip, service: {...cartVip.service, name: 'desk'}};
	t.is(fate(trace([cart, desk], 'pod', vip, buildNodePlan(), affinity)), '10.128.0.8:8080 or always 10.128.1.2:8080');
});

test('a client whose backend is none of this list any more picks again', (t) => {
	const less = buildFrontend({...kept, target: '10.128.1.1 10.128.1.3'});
	const affinity = learned('10.128.0.9', '10.128.1.2');
	t.is(fate(trace([less], 'pod', clusterIp, buildNodePlan(), affinity)), '10.128.1.1:8080 or always 10.128.1.3:8080');
	const outside = learned('192.0.2.7', '10.128.1.2');
	t.is(fate(trace([cartVip], 'outside', '203.0.113.7:80/TCP', buildNodePlan(), outside)), '10.128.0.8:8080');
});

test('source ranges guard a list that clients keep their backends of as any other', (t) => {
	const guarded = buildFrontend({...kept, ...localParts, masquerade: 'always', sourceRanges: ['198.51.100.0/24']});
	t.is(fate(trace([guarded], 'allowed', '203.0.113.7:80/TCP')), '10.128.1.1:8080 masqueraded');
	t.is(fate(trace([guarded], 'outside', '203.0.113.7:80/TCP')), 'dropped');
});

test('a list that lost all of its backends drops, though the client has learned one', (t) => {
	const rules = rulesOf(fullOps([cart], buildNodePlan(), 'IPv4'), 'IPv4');
	rules.sets.get('sticky-endpoints')?.clear();
	t.is(fate(walk(rules, buildPacket('pod', clusterIp), learned('10.128.0.9', '10.128.1.2'))), 'dropped');
	rules.sets.get('sticky-slots')?.clear();
	t.is(fate(walk(rules, buildPacket('pod', clusterIp))), 'dropped');
});

test('a ping to a cluster IP is answered by the node; to an address of no Service it is dropped, elsewhere left alone', (t) => {
	for (const node of [buildNodePlan(), buildNodePlan({addresses: []})]) {
		t.is(fate(trace([cart], 'pod', '10.96.0.10:0/ping', node)), 'answered');
		t.is(fate(trace([cart], 'outside', '10.96.0.11:0/ping', node)), 'dropped');
		t.is(fate(trace([cartVip], 'outside', '203.0.113.7:0/ping', node)), 'passed');
	}

	t.is(fate(trace([buildFrontend({address: 'fd00:96::a'})], 'node', '[fd00:96::a]:0/ping')), 'answered');
});

test('the first packet of a client that keeps its backend is told by nine rules, a ping by three', (t) => {
	const affinity = learned('192.0.2.7', '10.128.1.2');
	t.deepEqual(
		trace([cart], 'outside', clusterIp, buildNodePlan(), affinity).met.map((rule) => rule.slice(0, 46).trim()),
		[
			'prerouting: goto incoming',
			'incoming: meta priority set ip daddr . meta l4',
			'sticky-lb-2-600: meta priority set ip daddr .',
			'sticky-lb-2-600: meta priority set meta priori',
			'sticky-lb-2-600: dnat ip to ip daddr . meta l4',
			'postrouting: ct status dnat goto outgoing',
			'outgoing: meta priority & 8000:0 != none meta',
			'outgoing: ct original ip daddr @cluster-ips go',
			'cluster-source: ip saddr != 10.128.0.0/9 masqu',
		],
	);
	const gone = buildFrontend({...kept, target: '10.128.1.1'});
	t.is(trace([gone], 'outside', clusterIp, buildNodePlan(), affinity).met.length, 10, 'where the backend is gone');
	t.deepEqual(trace([cart], 'outside', '10.96.0.10:0/ping').met, [
		'prerouting: goto incoming',
		'incoming: ip daddr @cluster-ips icmp type echo-request goto echo',
		'echo: dnat to 172.31.1.1',
	]);
});
