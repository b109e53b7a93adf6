import test from 'ava';
import {type Config, resolveConfig} from '../../src/config/config.ts';
import {applyConntrack, followConntrack, problemsOf, setConntrack} from '../../src/daemon/conntrack-settings.ts';
import {memoryLog} from '../support/memory-log.ts';
import {SysctlFolder} from '../support/sysctl-folder.ts';

/** A configuration that leaves everything as it is, but for these flags. */
function config(flags: Readonly<Record<string, string>>): Config {
	const off = {'conntrack-max-per-core': '0'};
	const timeouts = {'conntrack-tcp-timeout-established': '0', 'conntrack-tcp-timeout-close-wait': '0'};
	const all = new Map(Object.entries({...off, ...timeouts, ...flags}));
	return resolveConfig({flags: all, environment: {}, hostname: 'n1', input: 'none'});
}

function parsed(lines: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
	return lines.map((line) => JSON.parse(line));
}

test('the defaults make room and set the two timeouts of TCP, as kube-proxy does', async (t) => {
	const before = {max: 500, buckets: 100, tcp_timeout_established: 432_000, tcp_timeout_close_wait: 60};
	const folder = new SysctlFolder(t, before);
	const flags = new Map([['conntrack-max-per-core', '1']]); // the minimum counts, on however many CPUs
	const {conntrack} = resolveConfig({flags, environment: {}, hostname: 'n1', input: 'none'});
	t.deepEqual(problemsOf(await setConntrack(conntrack, folder.root)), []);
	t.deepEqual(
		Object.keys(before).map((name) => folder.read(name)),
		[131_072, 32_768, 86_400, 3600],
	);
});

test('one line of log says what was set, from what to what, and none says it where all is right', async (t) => {
	const folder = new SysctlFolder(t, {udp_timeout: 30, udp_timeout_stream: 120});
	const {log, lines} = memoryLog();
	const {conntrack} = config({'conntrack-udp-timeout': '40s', 'conntrack-udp-timeout-stream': '2m'});
	await applyConntrack(conntrack, log, folder.root);
	await applyConntrack(conntrack, log, folder.root);
	t.is(lines.length, 1);
	t.like(parsed(lines)[0], {
		level: 'info',
		msg: 'the connection tracking of the kernel is set',
		sysctls: [{name: 'net.netfilter.nf_conntrack_udp_timeout', was: 30, now: 40}],
	});
});

test('what cannot be set is one warning that names file, wanted, found and what to do', async (t) => {
	const folder = new SysctlFolder(t, {});
	folder.putConstant('udp_timeout');
	const {log, lines} = memoryLog();
	await applyConntrack(config({'conntrack-udp-timeout': '40s'}).conntrack, log, folder.root);
	t.is(lines.length, 1);
	const [line] = parsed(lines);
	t.like(line, {level: 'warn', msg: 'the connection tracking of the kernel is not as wanted'});
	t.regex(JSON.stringify(line), /SYSCTL_REFUSED.*fairlead init.*nf_conntrack_udp_timeout.*"wanted":40,"found":65536/);
});

test('the kernel follows a changed configuration, in order, and is left alone by a change of anything else', async (t) => {
	const folder = new SysctlFolder(t, {udp_timeout: 30});
	const {log, lines} = memoryLog();
	const changed = followConntrack(log, folder.root);
	const [start, longer] = [config({}), config({'conntrack-udp-timeout': '40s'})];
	await changed(start, longer);
	t.is(folder.read('udp_timeout'), 40);
	folder.put('udp_timeout', 35);
	await changed(longer, config({'conntrack-udp-timeout': '40s', v: '4'}));
	t.is(folder.read('udp_timeout'), 35, 'somebody else set it since, and nothing was said of it');
	void changed(longer, config({'conntrack-udp-timeout': '50s'}));
	await changed(longer, config({'conntrack-udp-timeout': '60s'}));
	t.is(folder.read('udp_timeout'), 60);
	t.is(lines.length, 3);
});
