import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {countCpus} from '../../src/kernel/cpus.ts';
import {readSysctl, writeSysctl} from '../../src/kernel/sysctl.ts';
import {type Ended, program, runProgram} from '../support/program.ts';

const prefix = 'net.netfilter.nf_conntrack_';

/** More room than there is, in the hash table too: only the host's own namespace may make it. */
const much = 8 * Number(readSysctl(`${prefix}max`));
const muchRoom = ['--conntrack-max-per-core', '1', '--conntrack-min', String(much)];

/** Leaves the room as it is: in a namespace of its own nobody may make any. */
const noRoom = ['--conntrack-max-per-core', '0'];

/** What the kernel has in a new namespace. Source: net/netfilter/nf_conntrack_proto_tcp.c, nf_conntrack_proto_udp.c */
const presets = {
	tcp_timeout_established: '432000',
	tcp_timeout_close_wait: '60',
	tcp_be_liberal: '0',
	udp_timeout: '30',
	udp_timeout_stream: '120',
};

function read(): Readonly<Record<string, string | undefined>> {
	return Object.fromEntries(Object.keys(presets).map((name) => [name, readSysctl(prefix + name)]));
}

test.beforeEach(() => {
	for (const [name, value] of Object.entries(presets)) {
		writeSysctl(prefix + name, value);
	}
});

/** Runs the command where /proc/sys can only be read, as in a container without privileges. */
async function runReadOnly(args: readonly string[]): Promise<Ended> {
	const script = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';
	const inside = ['--mount', 'sh', '-c', script, 'sh', process.execPath, program, ...args];
	const child = spawn('unshare', inside, {stdio: ['ignore', 'pipe', 'pipe']});
	const said = {stdout: '', stderr: ''};
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		said.stdout += text;
	});
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		said.stderr += text;
	});
	await once(child, 'close');
	return {...said, code: child.exitCode};
}

test.serial(
	'init sets the two timeouts of TCP by itself, says from what to what, and has nothing to do again',
	async (t) => {
		const {code, stdout, stderr} = await runProgram(['init', ...noRoom]);
		t.is(stderr, '');
		t.is(code, 0);
		t.regex(stdout, /^set +net\.netfilter\.nf_conntrack_tcp_timeout_established +432000 +86400 +86400$/m);
		t.regex(stdout, /^set +net\.netfilter\.nf_conntrack_tcp_timeout_close_wait +60 +3600 +3600$/m);
		t.deepEqual(read(), {...presets, tcp_timeout_established: '86400', tcp_timeout_close_wait: '3600'});
		const again = await runProgram(['init', ...noRoom]);
		t.is(again.code, 0);
		t.is(again.stdout.match(/^ok /gm)?.length, 2);
	},
);

test.serial('init takes the file of the daemon, and its flags that mean nothing here', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'fairlead-init-'));
	t.teardown(() => rmSync(folder, {recursive: true}));
	const file = join(folder, 'config.conf');
	const conntrack =
		'{maxPerCore: 0, tcpEstablishedTimeout: 2h, tcpCloseWaitTimeout: 2m, tcpBeLiberal: true, udpTimeout: 40s, udpStreamTimeout: 4m}';
	const head = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration';
	writeFileSync(file, `${head}\nconntrack: ${conntrack}\n`);
	const {code, stderr} = await runProgram(['init', '--config', file, '--hostname-override', 'n1', '-v', '4']);
	t.is(stderr, '');
	t.is(code, 0);
	t.deepEqual(Object.values(read()), ['7200', '120', '1', '40', '240']);
});

test.serial('where all is to be left as it is, init says so and touches nothing', async (t) => {
	const off = ['--conntrack-tcp-timeout-established', '0', '--conntrack-tcp-timeout-close-wait', '0'];
	const {code, stdout} = await runProgram(['init', ...noRoom, ...off]);
	t.is(code, 0);
	t.regex(stdout, /^nothing is to be set/);
	t.deepEqual(read(), presets);
});

test.serial(
	'room that only the host may make is named with what to do, the rest is set, and the code is 1',
	async (t) => {
		const before = readSysctl(`${prefix}max`);
		const {code, stdout, stderr} = await runProgram(['init', ...muchRoom, '-o', 'json']);
		t.is(code, 1);
		const rows = JSON.parse(stdout) as readonly {
			name: string;
			now: number;
			problem?: {code: string; details: object};
		}[];
		t.is(rows[0]?.name, `${prefix}max`);
		t.like(rows[0]?.problem, {
			code: 'SYSCTL_REFUSED',
			details: {file: '/proc/sys/net/netfilter/nf_conntrack_max', wanted: much, found: Number(before)},
		});
		t.deepEqual(
			rows.map(({problem}) => problem?.code),
			['SYSCTL_REFUSED', 'SYSCTL_REFUSED', undefined, undefined],
		);
		t.is(stderr.match(/^\{"error":\{"code":"SYSCTL_REFUSED"/gm)?.length, 2);
		t.is(read()['tcp_timeout_established'], '86400');
		t.is(readSysctl(`${prefix}max`), before);
	},
);

test.serial(
	'where /proc/sys can only be read init names each setting, and is content where all is right',
	async (t) => {
		const refused = await runReadOnly(['init', ...noRoom]);
		t.is(refused.code, 1);
		t.is(refused.stdout.match(/^FAIL /gm)?.length, 2);
		t.regex(refused.stderr, /tcp_timeout_close_wait to 3600: it is 60\n {2}because: .*EROFS\n/);
		t.regex(refused.stderr, / {2}hint: Run `fairlead init`.*\n {2}code: SYSCTL_REFUSED\n$/);
		t.deepEqual(read(), presets);
		writeSysctl(`${prefix}tcp_timeout_established`, '86400');
		writeSysctl(`${prefix}tcp_timeout_close_wait`, '3600');
		t.like(await runReadOnly(['init', ...noRoom]), {code: 0, stderr: ''});
	},
);

test.serial('check names what is not as configured, by variable or file, and is content after init', async (t) => {
	const rows = async () => {
		const {stdout} = await runProgram(['check', '-o', 'json', '--state-dir', '/tmp/fairlead-check']);
		const all = JSON.parse(stdout) as readonly {name: string; state: string; found: string}[];
		return all.flatMap(({name, state, found}) =>
			/^conntrack: (?:settings|tcp_timeout)/.test(name) ? [`${state} ${name} ${found}`] : [],
		);
	};
	t.deepEqual(await rows(), [
		'warn conntrack: tcp_timeout_established 432000',
		'warn conntrack: tcp_timeout_close_wait 60',
	]);
	await runProgram(['init', ...noRoom]);
	t.regex((await rows()).join('; '), /^ok conntrack: settings max \d+, .*tcp_timeout_established 86400/);
});

/** A daemon, what it logs, and a way to wait for a line. */
function startDaemon(t: ExecutionContext, command: string, args: readonly string[]) {
	const child = spawn(command, args, {stdio: ['ignore', 'ignore', 'pipe']});
	t.teardown(() => child.kill('SIGKILL'));
	let log = '';
	let wake = () => {};
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		log += text;
		wake();
	});
	const said = async (pattern: RegExp): Promise<string> => {
		while (!pattern.test(log)) {
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
		}

		return log;
	};
	return {child, said};
}

async function stop({child}: ReturnType<typeof startDaemon>): Promise<void> {
	child.kill('SIGTERM');
	await once(child, 'close');
	execFileSync(process.execPath, [program, 'cleanup']);
}

test.serial('the daemon sets the kernel at its start, follows its file, and says from what to what', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'fairlead-init-'));
	t.teardown(() => rmSync(folder, {recursive: true}));
	const file = join(folder, 'config.conf');
	const head = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nclusterCIDR: 10.0.0.0/8';
	writeFileSync(file, `${head}\nconntrack: {maxPerCore: 0}\n`);
	const flags = ['--config', file, '--objects', folder, '--state-dir', join(folder, 'state')];
	const daemon = startDaemon(t, process.execPath, [program, 'run', ...flags]);
	await daemon.said(/"was":432000,"now":86400.*"msg":"the connection tracking of the kernel is set"/);
	writeFileSync(file, `${head}\nconntrack: {maxPerCore: 0, udpTimeout: 40s}\n`);
	await daemon.said(/\{"name":"net\.netfilter\.nf_conntrack_udp_timeout","was":30,"now":40\}/);
	t.deepEqual(Object.values(read()), ['86400', '3600', '0', '40', '120']);
	t.is(daemon.child.exitCode, null);
	await stop(daemon);
});

test.serial('a daemon that may not set the kernel says so once for each setting, and serves', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'fairlead-init-'));
	t.teardown(() => rmSync(folder, {recursive: true}));
	const flags = [
		'--objects',
		folder,
		'--state-dir',
		join(folder, 'state'),
		'--cluster-cidr',
		'10.0.0.0/8',
		...muchRoom,
	];
	const daemon = startDaemon(t, process.execPath, [program, 'run', ...flags]);
	const log = await daemon.said(/"msg":"everything known is in force"/);
	const warnings = log.split('\n').filter((line) => line.includes('is not as wanted'));
	t.is(warnings.length, 2);
	t.regex(warnings[0] ?? '', /SYSCTL_REFUSED.*fairlead init.*\/proc\/sys\/net\/netfilter\/nf_conntrack_max/);
	t.is((await fetch('http://127.0.0.1:10256/readyz')).status, 200);
	await stop(daemon);
});

test('CPUs are counted that the machine has switched on, not those that this process may use', (t) => {
	t.is(countCpus('0\n'), 1);
	t.is(countCpus('0-3,6,8-9\n'), 7);
	const online = readFileSync('/proc/stat', 'utf8').match(/^cpu\d/gm)?.length;
	t.is(countCpus(), online ?? 0);
	t.true(countCpus('') > 0, 'without a word of the machine those of this process count');
});

test.serial(
	'a setting is read and written by its name; one that is not there is undefined, and nothing is made',
	(t) => {
		writeSysctl(`${prefix}udp_timeout`, '31');
		t.is(readSysctl(`${prefix}udp_timeout`), '31');
		t.is(readSysctl(`${prefix}of_the_future`), undefined);
		t.throws(() => writeSysctl(`${prefix}of_the_future`, '1'), {code: 'KERNEL_REFUSED'});
		t.throws(() => writeSysctl(`${prefix}max`, '1'), {code: 'KERNEL_DENIED'});
	},
);
