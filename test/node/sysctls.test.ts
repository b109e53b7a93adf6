import test from 'ava';
import {writeSysctl} from '../../src/kernel/sysctl.ts';
import type {WantedSysctl} from '../../src/node/conntrack-sysctls.ts';
import {type SysctlOutcome, setSysctls} from '../../src/node/sysctls.ts';
import {constantSysctl, SysctlFolder} from '../support/sysctl-folder.ts';

const noLoad = async () => await Promise.reject(new Error('nothing is missing'));

function timeout(name: string, value: number): WantedSysctl {
	return {name: `net.netfilter.nf_conntrack_${name}`, value, orMore: false};
}

const room: WantedSysctl = {name: 'net.netfilter.nf_conntrack_max', value: 1000, orMore: true};

/** What became of each, as `30 → 40` and the code of its problem. */
function summary(outcomes: readonly SysctlOutcome[]): readonly string[] {
	return outcomes.map(({was, now, problem}) => `${was} → ${now}${problem === undefined ? '' : ` ${problem.code}`}`);
}

test('what is not as wanted is set, and the rest is left alone', async (t) => {
	const folder = new SysctlFolder(t, {max: 500, udp_timeout: 30, udp_timeout_stream: 120});
	const wanted = [room, timeout('udp_timeout', 40), timeout('udp_timeout_stream', 120)];
	const outcomes = await setSysctls(wanted, {load: noLoad, root: folder.root});
	t.deepEqual(summary(outcomes), ['500 → 1000', '30 → 40', '120 → 120']);
	t.deepEqual([folder.read('max'), folder.read('udp_timeout')], [1000, 40]);
});

test('room that somebody else made is not taken away', async (t) => {
	const folder = new SysctlFolder(t, {max: 2000});
	t.deepEqual(summary(await setSysctls([room], {load: noLoad, root: folder.root})), ['2000 → 2000']);
	t.is(folder.read('max'), 2000);
});

test('a setting that may not be written is named with file, wanted, found and errno, and others are set', async (t) => {
	const folder = new SysctlFolder(t, {udp_timeout_stream: 120});
	folder.putConstant('udp_timeout');
	const wanted = [timeout('udp_timeout', 40), timeout('udp_timeout_stream', 180)];
	const outcomes = await setSysctls(wanted, {load: noLoad, root: folder.root});
	const {value} = constantSysctl;
	t.deepEqual(summary(outcomes), [`${value} → ${value} SYSCTL_REFUSED`, '120 → 180']);
	const problem = outcomes[0]?.problem;
	t.is(problem?.message, `cannot set net.netfilter.nf_conntrack_udp_timeout to 40: it is ${value}`);
	t.like(problem?.details, {
		file: `${folder.root}/net/netfilter/nf_conntrack_udp_timeout`,
		wanted: 40,
		found: value,
		errno: 'EACCES',
	});
});

test('where a setting is not there its module is loaded once, and it is set then', async (t) => {
	const folder = new SysctlFolder(t, {});
	let loads = 0;
	const load = async () => {
		loads++;
		folder.put('max', 500);
		folder.put('udp_timeout', 30);
		await Promise.resolve();
	};
	const outcomes = await setSysctls([room, timeout('udp_timeout', 40)], {load, root: folder.root});
	t.deepEqual(summary(outcomes), ['500 → 1000', '30 → 40']);
	t.is(loads, 1);
});

test('settings that are missing for good share one problem that says why, and no file is made for them', async (t) => {
	const folder = new SysctlFolder(t, {udp_timeout: 30});
	const load = async () => await Promise.reject(new Error('no modprobe'));
	const wanted = [room, timeout('udp_timeout', 40), timeout('udp_timeout_stream', 180)];
	const outcomes = await setSysctls(wanted, {load, root: folder.root});
	t.deepEqual(summary(outcomes), [
		'undefined → undefined SYSCTL_MISSING',
		'30 → 40',
		'undefined → undefined SYSCTL_MISSING',
	]);
	t.is(outcomes[0]?.problem, outcomes[2]?.problem);
	t.regex(outcomes[0]?.problem?.message ?? '', /^cannot find .*nf_conntrack_max, .*nf_conntrack_udp_timeout_stream$/);
	t.like(outcomes[0]?.problem?.cause, {message: 'no modprobe'});
	t.throws(() => writeSysctl('net.netfilter.nf_conntrack_max', '1', folder.root), {code: 'KERNEL_REFUSED'});
	t.throws(() => folder.read('max'), {code: 'ENOENT'});
});

test('nothing wanted is nothing done', async (t) => {
	t.deepEqual(await setSysctls([], {load: noLoad, root: '/nowhere'}), []);
});
