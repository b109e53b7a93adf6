import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, readFileSync} from 'node:fs';
import {createServer} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {lockNamespace} from '../../src/daemon/lock.ts';
import {readNodeNames} from '../../src/daemon/other-proxies.ts';
import {hasConntrackNetlink} from '../../src/kernel/features.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import {partsTried, readMissingParts} from '../../src/kernel/probes.ts';
import {abstractListener, portListeners, socketOwners} from '../../src/kernel/sockets.ts';
import {hasOtherUsers, leftOut} from '../support/other-user.ts';
import {program, runProgram} from '../support/program.ts';

type Row = {readonly name: string; readonly state: string; readonly found: string; readonly remedy?: string};

function nft(text: string): string {
	return execFileSync('/usr/sbin/nft', ['-f', '-'], {input: text, encoding: 'utf8'});
}

function ruleset(): string {
	return execFileSync('/usr/sbin/nft', ['list', 'ruleset'], {encoding: 'utf8'});
}

/** What `fairlead check` says, by the name of the row. */
async function check(t: ExecutionContext): Promise<ReadonlyMap<string, Row>> {
	const {stdout, stderr} = await runProgram(['check', '-o', 'json', '--state-dir', '/tmp/fairlead-check']);
	t.is(stderr, '');
	const rows = JSON.parse(stdout) as Row[];
	return new Map(rows.map((row) => [row.name, row]));
}

test.serial(
	'this kernel has every part that the tables are made of, in both families, and a try leaves nothing',
	async (t) => {
		using kernel = new Nftables();
		nft('add table ip other\nadd chain ip other c { type filter hook input priority 0; }');
		t.teardown(() => nft('delete table ip other'));
		const before = ruleset();
		t.deepEqual(await readMissingParts(kernel, 'IPv4'), []);
		t.deepEqual(await readMissingParts(kernel, 'IPv6'), []);
		t.is(ruleset(), before);
	},
);

test.serial('a part that the kernel does not know is named', async (t) => {
	using kernel = new Nftables();
	const commit: Nftables['commit'] = async (batch, generation) => {
		const bytes = Buffer.from(batch); // the name of the expression as no kernel knows it
		bytes.write('numgem', bytes.indexOf('numgen'));
		return await kernel.commit(bytes, generation);
	};
	t.deepEqual(await readMissingParts({commit}, 'IPv4'), [{name: 'numgen', errno: 'ENOENT'}]);
	const refuseTable: Nftables['commit'] = async () => await Promise.resolve([{index: 0, errno: 'EOPNOTSUPP'}]);
	t.deepEqual(await readMissingParts({commit: refuseTable}, 'IPv6'), [{name: 'tables of IPv6', errno: 'EOPNOTSUPP'}]);
	t.is(partsTried, 14);
});

test.serial('flows can be counted by netlink here', (t) => {
	t.true(hasConntrackNetlink());
});

test.serial(
	'a port that is listened on is found with its owner, in both families, and the lock likewise',
	async (t) => {
		for (const host of ['127.0.0.1', '::1']) {
			const server = createServer();
			server.listen({host, port: 10_249});
			await once(server, 'listening');
			const inodes = portListeners(10_249);
			t.is(inodes.length, 1, host);
			t.is(socketOwners(new Set(inodes)).get(inodes[0] ?? 0)?.pid, process.pid);
			server.close();
			await once(server, 'close');
			t.deepEqual(portListeners(10_249), []);
		}

		t.is(abstractListener('fairlead'), undefined);
		const release = await lockNamespace('test');
		const inode = abstractListener('fairlead') ?? 0;
		t.is(socketOwners(new Set([inode])).get(inode)?.pid, process.pid);
		release();
	},
);

test.serial('check names another proxy and a foreign listener, and leaves everything as it was', async (t) => {
	nft('add table ip nat\nadd chain ip nat KUBE-SERVICES\nadd table ip6 kube-proxy');
	t.teardown(() => nft('delete table ip nat\ndelete table ip6 kube-proxy'));
	const server = createServer();
	server.listen({host: '127.0.0.1', port: 10_256});
	await once(server, 'listening');
	t.teardown(() => server.close());
	const before = ruleset();
	const {stdout} = await runProgram(['check', '--state-dir', '/tmp/fairlead-check']);
	t.regex(stdout, /^WARN +other proxies +rules of kube-proxy in nftables mode \(tables ip6 kube-proxy\)/m);
	t.regex(stdout, /^WARN +other proxies +rules of kube-proxy in iptables mode \(chain KUBE-SERVICES in ip nat\)/m);
	t.regex(stdout, new RegExp(`^WARN +port 10256 +node, pid ${process.pid}, listens there`, 'm'));
	t.regex(stdout, /^WARN other proxies: Two proxies/m);
	t.is(ruleset(), before);
	t.false(existsSync('/tmp/fairlead-check'));
	t.is((await readNodeNames()).chains.length, 3);
});

test.serial('check knows the daemon that holds the lock, and what it may do here', async (t) => {
	const release = await lockNamespace('test');
	const rows = await check(t);
	release();
	t.is(rows.get('daemon')?.found, `one runs, pid ${process.pid}`);
	for (const name of ['Node.js', 'native addon', 'kernel', 'rights', 'nf_tables', 'owned tables', 'port 10256']) {
		t.is(rows.get(name)?.state, 'ok', name);
	}

	t.is(
		rows.get('net.ipv4.ip_forward')?.state,
		readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8') === '1\n' ? 'ok' : 'fail',
	);
	t.is(rows.get('other proxies')?.state, 'ok');
});

test.serial('the exit code is 1 while something fails, and 0 when only warnings are left', async (t) => {
	const forward = async (value: string) => {
		execFileSync('/usr/sbin/sysctl', ['-qw', `net.ipv4.ip_forward=${value}`]);
		return (await runProgram(['check', '--state-dir', '/tmp/fairlead-check'])).code;
	};
	t.is(await forward('0'), 1);
	t.is(await forward('1'), 0);
});

const testOther = hasOtherUsers ? test.serial : test.serial.skip;
testOther(`a plain user is told what it cannot find out, each with what to do${leftOut}`, async (t) => {
	const child = spawn(
		'setpriv',
		['--reuid', '65534', '--clear-groups', process.execPath, program, 'check', '-o', 'json'],
		{
			stdio: ['ignore', 'pipe', 'inherit'],
			cwd: '/',
		},
	);
	let said = '';
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		said += text;
	});
	await once(child, 'close');
	const rows = new Map((JSON.parse(said) as Row[]).map((row) => [row.name, row]));
	t.is(child.exitCode, 1);
	t.is(rows.get('rights')?.state, 'fail');
	for (const name of ['nf_tables', 'owned tables', 'other proxies', 'conntrack: netlink']) {
		t.is(rows.get(name)?.state, 'unknown', name);
		t.regex(rows.get(name)?.remedy ?? '', /[Rr]oot/, name);
	}
});
