import test from 'ava';
import {linkPrefix} from '../../src/cni/link-plan.ts';
import {differences, printDifference} from '../../src/config/difference.ts';
import {configDocuments} from '../../src/config/write.ts';
import {printPrefix} from '../../src/net/prefix.ts';
import {configFrom, fairleadFile, kubeProxyFile, problemsOf} from './said.ts';

const plugin = {'cni-conf-dir': '/etc/cni/net.d'};

test('the section cni of a file says how pods get their network, and flags win over it', (t) => {
	const file = fairleadFile(
		'cni:',
		'  confDir: /etc/cni/net.d',
		'  mode: bridge',
		'  mtuBytes: 1400',
		'  masquerade: false',
		'  nonMasqueradeCIDRs: [192.0.2.0/24, "2001:db8::/32"]',
		'  addressRest: 5m',
	);
	const {nonMasqueradeCidrs, ...rest} = configFrom({file, flags: {'cni-mtu': '9000'}}).cni;
	t.deepEqual(rest, {
		confDir: '/etc/cni/net.d',
		mode: 'bridge',
		mtuBytes: 9000,
		masquerade: false,
		addressRestMs: 300_000,
	});
	t.deepEqual(nonMasqueradeCidrs.map(printPrefix), ['192.0.2.0/24', '2001:db8::/32']);
});

test('what is wrong in it is named by its path', (t) => {
	const file = fairleadFile(
		'cni: {confDir: etc, mode: overlay, mtuBytes: 1000, masquerade: maybe, nonMasqueradeCIDRs: [x], addressRest: 1}',
	);
	t.deepEqual(
		problemsOf({file}).map((problem) => problem.split(' ')[0]),
		['confDir', 'mode', 'mtuBytes', 'masquerade', 'nonMasqueradeCIDRs', 'addressRest'].map(
			(name) => `FairleadConfiguration.cni.${name}`,
		),
	);
	t.regex(
		problemsOf({file: fairleadFile('cni: {confdir: /x}')}).join(),
		/FairleadConfiguration\.cni\.confdir.*did you mean cni\.confDir\?/,
	);
	t.regex(problemsOf({file: fairleadFile('cni: /x')}).join(), /FairleadConfiguration\.cni .*a section with fields/);
	for (const mtu of ['1279', '65536', '-1', '1e4']) {
		t.deepEqual(problemsOf({flags: {'cni-mtu': mtu}}).length, 1, mtu);
	}
});

test('who is the CNI plugin tells pods by the names of their interfaces', (t) => {
	const {detectLocalMode, podInterfaceNamePrefix, warnings} = configFrom({flags: plugin});
	t.deepEqual(
		{detectLocalMode, podInterfaceNamePrefix, warnings},
		{
			detectLocalMode: 'InterfaceNamePrefix',
			podInterfaceNamePrefix: linkPrefix,
			warnings: [],
		},
	);
	const empty = kubeProxyFile('detectLocalMode: ""');
	t.is(configFrom({flags: plugin, file: empty}).detectLocalMode, 'InterfaceNamePrefix', 'as kubeadm writes it');
});

test('what the operator says of telling pods counts, whoever is the CNI plugin', (t) => {
	const said = {...plugin, 'detect-local-mode': 'ClusterCIDR', 'cluster-cidr': '10.0.0.0/8'};
	t.like(configFrom({flags: said}), {detectLocalMode: 'ClusterCIDR', podInterfaceNamePrefix: undefined});
	const file = kubeProxyFile('detectLocalMode: NodeCIDR');
	t.is(configFrom({flags: plugin, file}).detectLocalMode, 'NodeCIDR');
});

test('settings of pods’ network are warned of where something else makes it, unless they say what is so anyhow', (t) => {
	const warnings = configFrom({
		flags: {'cluster-cidr': '10.0.0.0/8', 'cni-mode': 'bridge', 'cni-address-rest': '1m', 'cni-mtu': '0'},
	}).warnings;
	t.deepEqual(warnings, ['--cni-mode is not used: without --cni-conf-dir Fairlead is not the CNI plugin']);
});

test('a change of it is named by its path, and none is followed live', (t) => {
	const after = configFrom({flags: {...plugin, 'cni-mode': 'bridge', 'detect-local-mode': 'ClusterCIDR'}});
	const found = differences(configFrom({}), after);
	t.deepEqual(found.map(printDifference), [
		'cni.confDir from "" to "/etc/cni/net.d"',
		'cni.mode from "routed" to "bridge"',
	]);
	t.true(found.every(({live}) => !live));
});

test('it is told as one section', (t) => {
	const {cni} = configDocuments(configFrom({flags: plugin}), 'worker-1').FairleadConfiguration;
	t.deepEqual<unknown, unknown>(cni, {
		confDir: '/etc/cni/net.d',
		mode: 'routed',
		mtuBytes: 0,
		masquerade: true,
		nonMasqueradeCIDRs: [],
		addressRest: '1m0s',
	});
});
