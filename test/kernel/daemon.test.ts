import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {oldNode, program, runProgram} from '../support/program.ts';

const demoObjects = new URL('../../scripts/demo-objects/', import.meta.url).pathname;
const health = 'http://127.0.0.1:10256';
const cluster = ['--hostname-override', 'n1', '--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];

type Running = {readonly child: ChildProcess; readonly log: () => string; readonly objects: string};

/** A folder of objects that this test may change. */
function copyObjects(t: ExecutionContext): {readonly objects: string; readonly state: string} {
	const root = mkdtempSync(join(tmpdir(), 'fairlead-'));
	t.teardown(() => rmSync(root, {recursive: true}));
	cpSync(join(demoObjects, 'start'), join(root, 'objects'), {recursive: true});
	return {objects: join(root, 'objects'), state: join(root, 'state')};
}

function start(t: ExecutionContext, folder = copyObjects(t), node = process.execPath): Running {
	const flags = ['--objects', folder.objects, '--state-dir', folder.state, ...cluster];
	const child = spawn(node, [program, 'run', ...flags], {stdio: ['ignore', 'ignore', 'pipe']});
	t.teardown(() => child.kill('SIGKILL'));
	let said = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		said += text;
	});
	return {child, log: () => said, objects: folder.objects};
}

async function ready({child, log}: Running): Promise<void> {
	while (child.exitCode === null) {
		const answer = await fetch(`${health}/readyz`).catch(() => undefined);
		if (answer?.status === 200) {
			return;
		}

		await setTimeout(20); // a poll, not a guess: the loop ends with the condition
	}

	throw new Error(`the daemon ended:\n${log()}`);
}

async function end({child}: Running, signal: NodeJS.Signals): Promise<number | null> {
	const exit = once(child, 'exit');
	child.kill(signal);
	await exit;
	return child.exitCode;
}

function ruleset(): string {
	return execFileSync('/usr/sbin/nft', ['list', 'ruleset'], {encoding: 'utf8'});
}

/** The ruleset without the name of the process that owns its tables. */
function unowned(text: string): string {
	return text.replaceAll(/ # progname.*|\tflags.*/g, '');
}

test.before(() => {
	execFileSync('/usr/sbin/ip', ['address', 'add', '172.31.1.1/24', 'dev', 'lo']);
	execFileSync('/usr/sbin/ip', ['address', 'add', 'fd00:31::1/64', 'dev', 'lo', 'nodad']);
});

test.after.always(() => {
	execFileSync('/usr/sbin/ip', ['address', 'del', '172.31.1.1/24', 'dev', 'lo']);
	execFileSync('/usr/sbin/ip', ['address', 'del', 'fd00:31::1/64', 'dev', 'lo']);
});

test.afterEach.always(async (t) => {
	const {code, stderr} = await runProgram(['cleanup']);
	t.is(code, 0, stderr);
});

test.serial(
	'the daemon serves the objects, follows their changes, and leaves them in force when it ends',
	async (t) => {
		const daemon = start(t);
		await ready(daemon);
		t.regex(ruleset(), /10\.96\.0\.10 \. tcp \. 80 comment "shop\/web:http"/);
		t.regex(ruleset(), /172\.31\.1\.1 \. tcp \. 30080/, 'the node port, on the address of the Node object');
		t.false(ruleset().includes('10.96.7.7'));
		writeFileSync(
			join(daemon.objects, 'more.yaml'),
			`apiVersion: v1
kind: Service
metadata: {name: more, namespace: shop}
spec: {type: ClusterIP, clusterIP: 10.96.7.7, ports: [{port: 80, protocol: TCP}]}
`,
		);
		while (!ruleset().includes('10.96.7.7')) {
			await setTimeout(20);
		}

		t.is(await end(daemon, 'SIGTERM'), 0, daemon.log());
		t.regex(ruleset(), /10\.96\.0\.10 \. tcp \. 80/);
		t.regex(daemon.log(), /"level":"info".*"msg":"Fairlead starts"/);
		t.regex(daemon.log(), /"msg":"everything known is in force"/);
	},
);

test.serial('a second daemon and a cleanup are refused while one runs, and do it no harm', async (t) => {
	const daemon = start(t);
	await ready(daemon);
	const before = ruleset();
	const second = await runProgram(['run', '--objects', daemon.objects, ...cluster]);
	t.is(second.code, 1);
	t.regex(
		second.stderr,
		/^fairlead: cannot start: a fairlead daemon runs in this network namespace\n {2}hint: .*\n {2}code: DAEMON_RUNNING\n$/,
	);
	const cleanup = await runProgram(['cleanup']);
	t.is(cleanup.code, 1);
	t.regex(cleanup.stderr, /^fairlead: cannot clean up: a fairlead daemon runs/);
	t.is(ruleset(), before);
	await end(daemon, 'SIGTERM');
});

test.serial('killed with -9 and started again, the daemon adopts what it finds', async (t) => {
	const folder = copyObjects(t);
	const first = start(t, folder);
	await ready(first);
	const before = unowned(ruleset());
	await end(first, 'SIGKILL');
	t.is(unowned(ruleset()), before, 'nothing is lost with the process');
	const second = start(t, folder);
	await ready(second);
	t.regex(second.log(), /"operations":0,"refused":0.*"msg":"everything known is in force"/);
	await end(second, 'SIGINT');
});

test.serial('cleanup leaves nothing, and may be run again', async (t) => {
	const daemon = start(t);
	await ready(daemon);
	await end(daemon, 'SIGTERM');
	for (let run = 0; run < 2; run++) {
		t.is((await runProgram(['cleanup'])).code, 0);
		t.is(ruleset(), '');
	}
});

test.serial('plan prints what nft accepts, names what is not in force and what is refused', async (t) => {
	const {objects} = copyObjects(t);
	const plan = async (...flags: readonly string[]) =>
		await runProgram(['plan', '--objects', objects, ...cluster, ...flags]);
	const clean = await plan();
	t.is(clean.code, 0, clean.stderr);
	const check = (text: string) => execFileSync('/usr/sbin/nft', ['-c', '-f', '-'], {input: text, encoding: 'utf8'});
	t.is(check(clean.stdout), '');
	t.true(clean.stdout.includes('172.31.1.1 . tcp . 30080'));
	t.is(ruleset(), '', 'nothing was written');

	mkdirSync(join(objects, 'sub'));
	copyFileSync(join(objects, 'services.yaml'), join(objects, 'sub/again.yaml'));
	writeFileSync(
		join(objects, 'claims.yaml'),
		`apiVersion: v1
kind: Service
metadata: {name: early, namespace: shop, creationTimestamp: "2026-05-04T09:12:00Z"}
spec: {clusterIP: 10.96.7.7, externalIPs: [198.51.100.7], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: late, namespace: shop, creationTimestamp: "2026-05-04T09:13:00Z"}
spec: {clusterIP: 10.96.7.8, externalIPs: [198.51.100.7], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: broken, namespace: shop}
spec: {clusterIP: 10.96.7.9, ports: [{port: 99999}]}
`,
	);
	const dirty = await plan();
	t.is(dirty.code, 1);
	t.regex(dirty.stdout, /^# not in force: Service shop\/late, 198\.51\.100\.7 TCP 80: .*shop\/early/m);
	t.is(check(dirty.stdout), '');
	t.regex(dirty.stderr, /broken/);
	t.regex(dirty.stderr, /FILE_DUPLICATE/);
	const json = await plan('-o', 'json');
	const document = JSON.parse(json.stdout);
	t.true(document.notInForce.some((row: {service: string}) => row.service === 'shop/late'));
	t.is(document.problems.length, 2);
});

test.serial('plan for another node answers on the addresses that it is told', async (t) => {
	const {objects} = copyObjects(t);
	const flags = ['--hostname-override', 'n2', '--cluster-cidr', '10.128.0.0/16', '--nodeport-addresses', 'all'];
	const {code, stdout, stderr} = await runProgram([
		'plan',
		'--objects',
		objects,
		...flags,
		'--node-addresses',
		'192.0.2.7',
	]);
	t.is(code, 0, stderr);
	t.true(stdout.includes('192.0.2.7 . tcp . 30080'));
	t.false(stdout.includes('172.31.1.1 . tcp . 30080'));
});

const old = oldNode();
const testOld = old === undefined ? test.serial.skip : test.serial;
testOld(
	`behind an old Node the daemon ends with the process that started it${old ? '' : ' (left out: no old Node here)'}`,
	async (t) => {
		for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
			const daemon = start(t, copyObjects(t), old);
			await ready(daemon);
			t.is(await end(daemon, signal), signal === 'SIGTERM' ? 0 : null);
			while ((await runProgram(['cleanup'])).code !== 0) {
				await setTimeout(20);
			}
		}
	},
);

test.serial('an unready daemon says what it waits for', async (t) => {
	const folder = copyObjects(t);
	rmSync(folder.objects, {recursive: true});
	const daemon = start(t, folder);
	while (!daemon.log().includes('"source":"files"')) {
		await setTimeout(20);
	}

	t.regex(daemon.log(), /FILE_UNREADABLE/);
	const answer = await fetch(`${health}/readyz`);
	t.is(answer.status, 503);
	t.like(await answer.json(), {ready: false, awaiting: ['source files', 'first sync']});
	cpSync(join(demoObjects, 'start'), folder.objects, {recursive: true});
	while (!ruleset().includes('10.96.0.10 . tcp . 80')) {
		await setTimeout(20);
	}

	t.is(await end(daemon, 'SIGTERM'), 0);
});
