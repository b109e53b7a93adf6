import test from 'ava';
import {printRemoval} from '../../src/cli/cleanup.ts';
import {runHere} from '../support/program.ts';

test('what was removed, what was overridden and what is left are a line each', (t) => {
	const table = {family: 'ip', table: 'kube-proxy', chains: 47, rules: 82, sets: 7, maps: 5} as const;
	const printed = printRemoval({
		removed: [table],
		overridden: [{code: 'KUBE_PROXY_RUNNING', because: 'kube-proxy runs here, pid 7'}],
		left: [{found: 'rules of kube-proxy in iptables mode', remedy: 'Reboot.'}],
	});
	t.deepEqual(printed.split('\n'), [
		'forced, although kube-proxy runs here, pid 7',
		'removed table ip kube-proxy: 47 chains, 82 rules, 7 sets, 5 maps',
		"nothing of kube-proxy's nftables mode is left in the kernel of this network namespace",
		'left: rules of kube-proxy in iptables mode. Reboot.',
		'',
	]);
});

test('flags that only mean something with --kube-proxy are refused without it', async (t) => {
	for (const flags of [['--force'], ['-o', 'json']]) {
		const {code, stderr} = await runHere(['cleanup', ...flags]);
		t.is(code, 2, flags.join(' '));
		t.regex(stderr, /use --force or --output without --kube-proxy/);
	}
});
