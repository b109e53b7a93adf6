import test from 'ava';
import {pairsOf} from '../../scripts/bench/cluster.ts';
import {kubeProxyRuleset} from '../../scripts/bench/peer.ts';

const linesOf = (services: number, endpoints: number) =>
	[...kubeProxyRuleset(pairsOf(services, endpoints))].join('').split('\n');

test("each Service has a chain of its own in kube-proxy's shape, with a map of its endpoints, and none for one", (t) => {
	t.deepEqual(
		linesOf(1, 2)
			.filter((line) => line.includes('service-0'))
			.map((line) => line.replaceAll(/service-[0-9a-f]{8}/g, 'service-HASH')),
		[
			'add chain ip kube-proxy service-HASH-team-0/service-0/tcp/http',
			'add rule ip kube-proxy service-HASH-team-0/service-0/tcp/http meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.128.0.1 . 8080, 1 : 10.128.0.2 . 8080 }',
			'add element ip kube-proxy service-ips { 10.96.0.1 . tcp . 80 : goto service-HASH-team-0/service-0/tcp/http }',
		],
	);
	t.true(linesOf(1, 1).some((line) => line.endsWith('meta l4proto tcp dnat to 10.128.0.1:8080')));
});

test('what kube-proxy sets up for no Service at all is 15 chains, 22 rules, 3 sets and 5 maps', (t) => {
	const lines = linesOf(0, 1);
	const count = (start: string) => lines.filter((line) => line.startsWith(`add ${start} ip kube-proxy `)).length;
	t.deepEqual(['chain', 'rule', 'set', 'map'].map(count), [15, 22, 3, 5]);
});
