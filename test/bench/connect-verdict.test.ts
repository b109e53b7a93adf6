import test from 'ava';
import type {Measured, Path} from '../../scripts/bench/connect-rounds.ts';
import type {RuleCounts} from '../../scripts/bench/connect-rules.ts';
import {judge} from '../../scripts/bench/connect-verdict.ts';

const noise = Array.from({length: 15}, (_, round) => 1 + (round % 3) / 1000);

/** A cluster IP asked by a pod: every p50 of it is `us`, but for a little noise; every p99 30 µs more. */
function measured(ruleset: Path['ruleset'], services: number, us: number, factors = noise): Measured {
	const times = factors.map((factor) => factor * us);
	const rounds = {p50: times, p99: times.map((time) => 30 + time)};
	return {
		path: {client: 'pod', to: 'cluster IP', ruleset, services},
		rounds: {'TCP established': rounds, 'TCP first byte': rounds, 'UDP first datagram': rounds},
	};
}

function counted(rules: number): RuleCounts {
	const met = {rules, packets: 100};
	return {first: [], established: [{what: 'TCP', fairlead: met, kubeProxy: met}]};
}

const missed = (...parameters: Parameters<typeof judge>) =>
	judge(...parameters)
		.filter(({verdict}) => verdict !== 'pass')
		.map(({verdict, what}) => `${verdict}: ${what}`);

test('what is quicker than its peer, flat, and free of rules once established passes', (t) => {
	const rows = [measured('Fairlead', 1, 30), measured('kube-proxy', 1, 33), measured('Fairlead', 1000, 30.3)];
	t.deepEqual(missed(15, [...rows, measured('kube-proxy', 1000, 33)], counted(0)), []);
});

test('one size at which it is slower than its peer fails at p50, and p99 is judged over all sizes', (t) => {
	const rows = [measured('Fairlead', 1, 30), measured('kube-proxy', 1, 33), measured('Fairlead', 1000, 30.3)];
	t.deepEqual(missed(15, [...rows, measured('kube-proxy', 1000, 30)], counted(0)), [
		"fail: over kube-proxy's shape, p50: upper bound of the ratio ≤ 1.00",
	]);
	t.deepEqual(missed(15, [...rows, measured('kube-proxy', 1000, 20)], counted(0)), [
		"fail: over kube-proxy's shape, p50: upper bound of the ratio ≤ 1.00",
		"fail: over kube-proxy's shape, p99: upper bound of the ratio ≤ 1.00",
	]);
});

test('noise around equal times leaves the question open', (t) => {
	const wild = noise.map((factor, round) => factor * (round % 2 === 0 ? 1.1 : 0.9));
	t.deepEqual(missed(15, [measured('Fairlead', 1, 30), measured('kube-proxy', 1, 30, wild)], counted(0)), [
		"open: over kube-proxy's shape, p50: upper bound of the ratio ≤ 1.00",
		"open: over kube-proxy's shape, p99: upper bound of the ratio ≤ 1.00",
	]);
});

test('growth with the cluster, a rule for an established packet, and too few rounds fail', (t) => {
	const rows = [measured('Fairlead', 1, 30), measured('kube-proxy', 1, 50), measured('Fairlead', 1000, 40)];
	t.deepEqual(missed(14, [...rows, measured('kube-proxy', 1000, 50)], counted(1)), [
		'fail: at least 15 paired rounds',
		'fail: over the fewest Services, p50: upper bound of the ratio ≤ 1.05',
		'fail: over the fewest Services, p99: upper bound of the ratio ≤ 1.05',
		'fail: established packets meet no rule',
	]);
});
