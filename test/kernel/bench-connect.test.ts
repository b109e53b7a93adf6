import test from 'ava';
import {pairsOf} from '../../scripts/bench/cluster.ts';
import {buildProber, moments} from '../../scripts/bench/connect-prober.ts';
import {measureRounds} from '../../scripts/bench/connect-rounds.ts';
import {kubeProxyRuleset} from '../../scripts/bench/peer.ts';
import {exec} from '../../src/kernel/exec.ts';

test("nft takes the ruleset of kube-proxy's shape, with one endpoint for each Service and with three", async (t) => {
	for (const endpoints of [1, 3]) {
		const ruleset = [...kubeProxyRuleset(pairsOf(20, endpoints))].join('');
		await t.notThrowsAsync(exec('nft', ['-c', '-f', '-'], {input: ruleset}));
	}
});

test('connections on each path of the connect bench are answered, and each round of each is timed', async (t) => {
	await buildProber();
	const measured = await measureRounds({rounds: 3, services: [1, 2], connections: 6});
	t.deepEqual(
		measured.map(({path: {client, to, ruleset, services}}) => `${client} to ${to}: ${ruleset} ${services}`).toSorted(),
		[
			'node to cluster IP: Fairlead 1',
			'node to cluster IP: Fairlead 2',
			'node to cluster IP: kube-proxy 1',
			'node to cluster IP: kube-proxy 2',
			'node to pod: Fairlead 2',
			'node to pod: kube-proxy 2',
			'node to pod: none 0',
			'pod to cluster IP: Fairlead 1',
			'pod to cluster IP: Fairlead 2',
			'pod to cluster IP: kube-proxy 1',
			'pod to cluster IP: kube-proxy 2',
			'pod to pod: Fairlead 2',
			'pod to pod: kube-proxy 2',
			'pod to pod: none 0',
		],
	);
	for (const {rounds} of measured) {
		for (const moment of moments) {
			t.is(rounds[moment].p50.filter((us) => us > 0).length, 3);
		}
	}
});
