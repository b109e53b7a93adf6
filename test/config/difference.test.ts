import test from 'ava';
import {differences, printDifference} from '../../src/config/difference.ts';
import {settings} from '../../src/config/settings.ts';
import {configFrom, type Said} from './said.ts';

/** What a daemon would say of the change, those that it can follow marked. */
function changes(before: Said, after: Said): string[] {
	const found = differences(configFrom({flags: before}), configFrom({flags: after}));
	return found.map((difference) => `${printDifference(difference)}${difference.live ? ' live' : ''}`);
}

test('a change is named by its field, with what it was and what it is', (t) => {
	t.deepEqual(changes({'cluster-cidr': '10.0.0.0/8'}, {'cluster-cidr': '11.0.0.0/8', 'nodeport-addresses': 'all'}), [
		'nodePortAddresses from ["primary"] to ["all"]',
		'clusterCIDR from "10.0.0.0/8" to "11.0.0.0/8"',
	]);
	t.deepEqual(changes({}, {'state-dir': '/x', 'hostname-override': 'n2'}), [
		'hostnameOverride from "worker-1" to "n2"',
		'stateDir from "/run/fairlead" to "/x"',
	]);
	t.deepEqual(changes({}, {}), []);
});

test('the section of the mode that is in force is named', (t) => {
	t.deepEqual(changes({}, {'masquerade-all': 'true'}), ['iptables.masqueradeAll from false to true']);
	t.deepEqual(changes({'proxy-mode': 'nftables'}, {'proxy-mode': 'nftables', 'masquerade-all': 'true'}), [
		'nftables.masqueradeAll from false to true',
	]);
});

test('verbosity, sync periods and connection tracking can be followed', (t) => {
	t.deepEqual(
		changes({}, {v: '4', 'iptables-sync-period': '10s', 'iptables-min-sync-period': '1s', 'conntrack-min': '0'}),
		[
			'iptables.syncPeriod from "30s" to "10s" live',
			'iptables.minSyncPeriod from "0s" to "1s" live',
			'logging.verbosity from 2 to 4 live',
			'conntrack.min from 131072 to 0 live',
		],
	);
	const live = Object.entries(settings).flatMap(([name, setting]) => (setting.live ? [name] : []));
	t.deepEqual(live.slice(0, 3), ['syncPeriod', 'minSyncPeriod', 'verbosity'], 'daemon.ts reads these at each use');
	const followed = Object.keys(settings).filter((name) => name.startsWith('conntrack'));
	t.deepEqual(live.slice(3), followed, 'and sets these in the kernel');
});

test('asking in other words for the mode that runs is followed', (t) => {
	t.deepEqual(changes({}, {'proxy-mode': 'nftables'}), ['mode from "" to "nftables" live']);
});
