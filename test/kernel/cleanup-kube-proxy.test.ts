import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import anyTest, {type ExecutionContext} from 'ava';
import {kubeProxyBase} from '../lab/kube-proxy-base.ts';
import {clusterObjects} from '../lab/matrix.ts';
import {printList} from '../lab/object-folder.ts';
import {type Ended, program, runProgram} from '../support/program.ts';

const test = anyTest.serial; // one network namespace
const root = mkdtempSync(join(tmpdir(), 'cleanup-'));
const [objects, state] = [join(root, 'objects.json'), join(root, 'state')];

const ranges = {
	IPv4: {clusterCidr: '10.128.0.0/16', serviceCidr: '10.96.0.0/16'},
	IPv6: {clusterCidr: 'fd00:128::/48', serviceCidr: 'fd00:96::/112'},
} as const;
const [ipv4, ipv6] = (['IPv4', 'IPv6'] as const).map((family) => kubeProxyBase({family, ...ranges[family]}));

function nft(text = ''): string {
	return execFileSync('/usr/sbin/nft', ['-f', '-'], {input: text, encoding: 'utf8'});
}

function tables(): readonly string[] {
	return execFileSync('/usr/sbin/nft', ['list', 'tables'], {encoding: 'utf8'}).trim().split('\n').toSorted();
}

const cleanup = async (...flags: readonly string[]): Promise<Ended> =>
	await runProgram(['cleanup', '--kube-proxy', '--state-dir', state, ...flags]);

test.before(() => {
	writeFileSync(objects, printList(clusterObjects()));
});
test.after.always(async () => {
	await runProgram(['cleanup']);
	rmSync(root, {recursive: true});
});
test.afterEach.always(() => {
	for (const table of tables().filter((name) => name.endsWith('kube-proxy') || name.endsWith(' nat'))) {
		nft(`delete ${table}`);
	}
});

/** A daemon that has everything in force; `flags` may keep it from that. */
async function daemon(t: ExecutionContext, expected: number, ...flags: readonly string[]): Promise<void> {
	const node = ['--objects', objects, '--state-dir', state, '--hostname-override', 'n1', '--proxy-mode', 'nftables'];
	const child = spawn(process.execPath, [program, 'run', ...node, ...flags], {stdio: 'ignore'});
	t.teardown(async () => await end(child));
	while ((await runProgram(['status', '--state-dir', state])).code !== expected) {
		t.is(child.exitCode, null);
	}
}

async function end(child: ChildProcess): Promise<void> {
	const exit = once(child, 'exit');
	child.kill('SIGKILL');
	await exit;
}

/** A process that is called kube-proxy; `wrapper` starts it. */
async function pretend(t: ExecutionContext, ...wrapper: readonly string[]): Promise<number> {
	const script = 'exec -a /usr/local/bin/kube-proxy sleep 600';
	const [command = '', ...args] = [...wrapper, '/bin/bash', '-c', `echo; ${script}`];
	const child = spawn(command, args, {stdio: ['ignore', 'pipe', 'ignore']});
	t.teardown(async () => await end(child));
	await once(child.stdout, 'data');
	while (execFileSync('/bin/cat', [`/proc/${child.pid}/cmdline`], {encoding: 'utf8'}).includes('bash')) {
		// it is on its way
	}

	return child.pid ?? 0;
}

test('of no table there is nothing to ask, and nothing to do', async (t) => {
	const said = "nothing of kube-proxy's nftables mode is left in the kernel of this network namespace\n";
	t.like(await cleanup(), {code: 0, stdout: said, stderr: ''});
	t.deepEqual(JSON.parse((await cleanup('-o', 'json')).stdout), {removed: [], overridden: [], left: []});
});

test('without a daemon that has everything in force the tables stay, unless forced', async (t) => {
	nft(ipv4);
	t.like(await cleanup(), {
		code: 1,
		stderr: `fairlead: cannot remove ip kube-proxy: no daemon of Fairlead runs in this network namespace
  hint: Services may rest on these rules. \`fairlead status\` says what is missing; wait for exit code 0, or use --force and lose it.
  code: KUBE_PROXY_NEEDED
`,
	});
	await daemon(t, 3, '--objects', join(root, 'nothing.yaml'));
	t.regex((await cleanup()).stderr, /cannot remove ip kube-proxy: not everything is in the kernel yet: awaiting /);
	t.true(tables().includes('table ip kube-proxy'));
	const {code, stdout} = await cleanup('--force');
	t.is(code, 0);
	t.regex(stdout, /^forced, although not everything is in the kernel yet.*\nremoved table ip kube-proxy: 15 chains, /);
	t.false(tables().includes('table ip kube-proxy'));
});

test('with everything in force both tables are removed, and nothing else', async (t) => {
	await daemon(t, 0);
	const before = tables();
	nft(`${ipv4}${ipv6}add table inet kube-proxy`);
	const {code, stdout} = await cleanup('-o', 'json');
	t.is(code, 0);
	const size = {table: 'kube-proxy', chains: 15, rules: 22, sets: 3, maps: 5};
	t.deepEqual(JSON.parse(stdout).removed, [
		{family: 'ip', ...size},
		{family: 'ip6', ...size},
	]);
	t.deepEqual(tables(), [...before, 'table inet kube-proxy'].toSorted());
});

test('a table of a family that the daemon does not serve stays', async (t) => {
	const sysctl = (value: string) =>
		execFileSync('/usr/sbin/sysctl', ['-qw', `net.ipv6.conf.all.disable_ipv6=${value}`]);
	sysctl('1');
	t.teardown(() => sysctl('0'));
	await daemon(t, 0);
	nft(`${ipv4}${ipv6}`);
	t.regex((await cleanup()).stderr, /cannot remove ip kube-proxy and ip6 kube-proxy: the daemon does not serve IPv6$/m);
	t.true(tables().includes('table ip6 kube-proxy'));
});

test('while kube-proxy runs in this network namespace the tables stay, and it is named; one elsewhere does not count', async (t) => {
	await daemon(t, 0);
	nft(ipv4);
	await pretend(t, '/usr/bin/unshare', '--net');
	const pid = await pretend(t);
	t.like(await cleanup('-o', 'json'), {code: 1, stdout: ''});
	t.regex(
		(await cleanup()).stderr,
		new RegExp(`^fairlead: cannot remove ip kube-proxy: kube-proxy runs here, pid ${pid}$`, 'm'),
	);
	t.true(tables().includes('table ip kube-proxy'));
	t.is((await cleanup('--force')).code, 0);
});

test('while somebody else listens on the port of kube-proxy’s health the tables stay', async (t) => {
	const server = createServer();
	server.listen({host: '127.0.0.1', port: 10_256});
	await once(server, 'listening');
	t.teardown(() => server.close());
	await daemon(t, 0);
	nft(ipv4);
	const {stderr} = await cleanup();
	t.regex(stderr, new RegExp(`port 10256 of kube-proxy is listened on by node, pid ${process.pid}$`, 'm'));
	t.regex(stderr, /code: KUBE_PROXY_RUNNING/);
});

test('rules of kube-proxy in iptables mode are named, with what to do, and left', async (t) => {
	await daemon(t, 0);
	nft(`${ipv4}add table ip nat\nadd chain ip nat KUBE-SERVICES`);
	const {stdout} = await cleanup();
	t.regex(
		stdout,
		/^left: rules of kube-proxy in iptables mode \(chain KUBE-SERVICES in ip nat\)\. .*kube-proxy --cleanup/m,
	);
	t.true(tables().includes('table ip nat'));
});

test('a table that another process owns is not removed, and the kernel’s word for it is told', async (t) => {
	await daemon(t, 0);
	const owner = spawn('/usr/sbin/nft', ['-i'], {stdio: ['pipe', 'ignore', 'ignore']});
	t.teardown(async () => await end(owner));
	owner.stdin.write('add table ip kube-proxy { flags owner; }\n');
	while (!tables().includes('table ip kube-proxy')) {
		// it is on its way
	}

	t.like(await cleanup(), {code: 1});
	t.regex((await cleanup()).stderr, /cannot remove the table ip kube-proxy: .*\n.*\n +code: NFT_REFUSED/);
});
