import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, cpSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import test, {type ExecutionContext} from 'ava';
import type {Status} from '../../src/control/status.ts';
import {hasOtherUsers, leftOut} from '../support/other-user.ts';
import {program, runProgram} from '../support/program.ts';

const demoObjects = new URL('../../scripts/demo-objects/start/', import.meta.url).pathname;

type Folders = {readonly objects: string; readonly state: string};

function copyObjects(t: ExecutionContext): Folders {
	const root = mkdtempSync(join(tmpdir(), 'status-'));
	t.teardown(() => rmSync(root, {recursive: true}));
	cpSync(demoObjects, join(root, 'objects'), {recursive: true});
	return {objects: join(root, 'objects'), state: join(root, 'state')};
}

/** A daemon, and the lines of a watch of its status. */
function start(t: ExecutionContext, {objects, state}: Folders): ChildProcess {
	const flags = ['--objects', objects, '--state-dir', state, '--hostname-override', 'n1', '--proxy-mode', 'nftables'];
	const child = spawn(process.execPath, [program, 'run', ...flags], {stdio: ['ignore', 'ignore', 'ignore']});
	t.teardown(() => child.kill('SIGKILL'));
	return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
	const exit = once(child, 'exit');
	child.kill(signal);
	await exit;
}

/** Asks until the daemon has everything in force. */
async function statusOf({state}: Folders): Promise<Status & {readonly exitCode: number | null}> {
	for (;;) {
		const {code, stdout} = await runProgram(['status', '-o', 'json', '--state-dir', state]);
		const status = code === 1 ? undefined : (JSON.parse(stdout) as Status);
		if (status?.inForce !== undefined) {
			return {...status, exitCode: code};
		}
	}
}

const serviceYaml = (name: string, address: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {clusterIP: ${address}, ports: [{port: 80}]}
`;

test.before(() => {
	execFileSync('/usr/sbin/ip', ['address', 'add', '172.31.1.1/24', 'dev', 'lo']);
});

test.after.always(async () => {
	execFileSync('/usr/sbin/ip', ['address', 'del', '172.31.1.1/24', 'dev', 'lo']);
	await runProgram(['cleanup']);
});

test.serial('status tells what is in force, at a socket that is root’s alone and goes with the daemon', async (t) => {
	const folders = copyObjects(t);
	const daemon = start(t, folders);
	const status = await statusOf(folders);
	t.is(status.exitCode, 0, JSON.stringify(status));
	t.like(status, {pid: daemon.pid, nodeName: 'n1', services: 5, notWhole: [], problems: [], awaiting: []});
	t.deepEqual(
		status.sources.map(({name, complete}) => [name, complete]),
		[
			['files', true],
			['nodeAddresses', true],
		],
	);
	const socket = join(folders.state, 'control.sock');
	t.is(statSync(socket).mode & 0o777, 0o600);
	const table = await runProgram(['status', '--state-dir', folders.state]);
	t.regex(table.stdout, /^In force +everything known, for /m);
	await end(daemon, 'SIGTERM');
	t.false(existsSync(socket));
});

test.serial('a Service that lost its claim, and one that is refused, are named with the reason', async (t) => {
	const folders = copyObjects(t);
	writeFileSync(join(folders.objects, 'a.yaml'), serviceYaml('zoo', '10.96.0.10'));
	writeFileSync(join(folders.objects, 'b.yaml'), serviceYaml('bad', 'nonsense'));
	const daemon = start(t, folders);
	const status = await statusOf(folders);
	t.is(status.exitCode, 3);
	const [lost] = status.notWhole;
	t.like(lost, {service: 'shop/zoo', what: '10.96.0.10 TCP 80'});
	t.regex(lost?.because ?? '', /is that of shop\/web:http/);
	t.like(status.problems[0], {source: 'files', code: 'OBJECT_INVALID'});
	await end(daemon, 'SIGTERM');
});

test.serial('after kill -9 there is no daemon; the next one takes the place of its socket', async (t) => {
	const folders = copyObjects(t);
	const first = start(t, folders);
	await statusOf(folders);
	await end(first, 'SIGKILL');
	t.true(existsSync(join(folders.state, 'control.sock')), 'the file stays behind');
	const none = await runProgram(['status', '--state-dir', folders.state]);
	t.is(none.code, 1);
	t.regex(none.stderr, /ECONNREFUSED[\s\S]*code: CONTROL_NO_DAEMON/);
	const second = start(t, folders);
	t.is((await statusOf(folders)).pid, second.pid ?? 0);
	await end(second, 'SIGTERM');
});

test.serial('a watch shows a change, says that the daemon went away, and ends at Ctrl-C', async (t) => {
	const folders = copyObjects(t);
	const daemon = start(t, folders);
	await statusOf(folders);
	const watch = spawn(process.execPath, [program, 'status', '-w', '-o', 'json', '--state-dir', folders.state], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	t.teardown(() => watch.kill('SIGKILL'));
	const lines = createInterface(watch.stdout)[Symbol.asyncIterator]();
	const next = async (): Promise<Status> => JSON.parse((await lines.next()).value ?? 'null');
	t.is((await next()).services, 5);
	writeFileSync(join(folders.objects, 'more.yaml'), serviceYaml('more', '10.96.7.7'));
	let seen = await next();
	while (seen.services === 5) {
		seen = await next();
	}

	t.like(seen, {services: 6, awaiting: []});
	const gone = once(watch.stderr.setEncoding('utf8'), 'data');
	await end(daemon, 'SIGTERM');
	t.regex(String(await gone), /^fairlead: the daemon went away; waiting for it to come back \(CONTROL_\w+\)\n$/);
	const again = start(t, folders);
	t.is((await next()).pid, again.pid ?? 0);
	await end(watch, 'SIGINT');
	t.is(watch.exitCode, 0);
	await end(again, 'SIGTERM');
});

const testOther = hasOtherUsers ? test.serial : test.serial.skip;
testOther(`another user may not ask${leftOut}`, async (t) => {
	const folders = copyObjects(t);
	chmodSync(join(folders.objects, '..'), 0o755);
	const daemon = start(t, folders);
	await statusOf(folders);
	const args = [
		'--reuid',
		'65534',
		'--clear-groups',
		process.execPath,
		program,
		'status',
		'--state-dir',
		folders.state,
	];
	const asked = spawn('setpriv', args, {stdio: ['ignore', 'ignore', 'pipe'], cwd: '/'});
	let said = '';
	asked.stderr.setEncoding('utf8').on('data', (text: string) => {
		said += text;
	});
	await once(asked, 'close');
	t.is(asked.exitCode, 1);
	t.regex(said, /code: CONTROL_DENIED/);
	await end(daemon, 'SIGTERM');
});
