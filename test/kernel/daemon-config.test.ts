import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {kubeProxyFile} from '../config/said.ts';
import {program, runProgram} from '../support/program.ts';

const demoObjects = new URL('../../scripts/demo-objects/start', import.meta.url).pathname;
const kubeadm = readFileSync(new URL('../config/files/kubeadm.yaml', import.meta.url), 'utf8').replace(
	'clusterCIDR: 10.244.0.0/16',
	'clusterCIDR: 10.128.0.0/16,fd00:128::/48',
);

/** A volume with a ConfigMap, and a folder of objects. */
type Node = {readonly volume: string; readonly objects: string; readonly state: string};

let mounts = 0;

/** As kubelet: a folder with the time as its name, and `..data` led there by a rename. */
function mount({volume}: Node, text: string): void {
	const stamp = `..2026_11_28_${++mounts}`;
	mkdirSync(join(volume, stamp), {recursive: true});
	writeFileSync(join(volume, stamp, 'config.conf'), text);
	symlinkSync(stamp, join(volume, '..data_tmp'));
	renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
}

function makeNode(t: ExecutionContext): Node {
	const root = mkdtempSync(join(tmpdir(), 'fairlead-'));
	t.teardown(() => rmSync(root, {recursive: true}));
	const node = {volume: join(root, 'config'), objects: join(root, 'objects'), state: join(root, 'state')};
	cpSync(demoObjects, node.objects, {recursive: true});
	mount(node, kubeadm);
	symlinkSync('..data/config.conf', join(node.volume, 'config.conf'));
	return node;
}

/** A daemon as kubeadm's DaemonSet would start it, and what it logs. */
class Running {
	readonly child: ChildProcess;
	log = '';
	#wake = () => {};

	constructor(t: ExecutionContext, {volume, objects, state}: Node) {
		const flags = ['--config', join(volume, 'config.conf'), '--hostname-override', 'n1'];
		const ours = ['--objects', objects, '--state-dir', state];
		this.child = spawn(process.execPath, [program, 'run', ...flags, ...ours], {stdio: ['ignore', 'ignore', 'pipe']});
		t.teardown(() => this.child.kill('SIGKILL'));
		this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
			this.log += text;
			this.#wake();
		});
		this.child.on('close', () => this.#wake());
	}

	/** Waits for a line of log. */
	async said(pattern: RegExp): Promise<void> {
		while (!pattern.test(this.log)) {
			if (this.child.exitCode !== null) {
				throw new Error(`the daemon ended with ${this.child.exitCode}:\n${this.log}`);
			}

			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}

	async ended(): Promise<number | null> {
		if (this.child.exitCode === null) {
			await once(this.child, 'close');
		}

		return this.child.exitCode;
	}
}

function ruleset(): string {
	const text = execFileSync('/usr/sbin/nft', ['list', 'ruleset'], {encoding: 'utf8'});
	return text.replaceAll(/ # progname.*|\tflags.*/g, ''); // the name of the process that owns the tables
}

test.before(() => {
	execFileSync('/usr/sbin/ip', ['address', 'add', '172.31.1.1/24', 'dev', 'lo']);
});

test.after.always(() => {
	execFileSync('/usr/sbin/ip', ['address', 'del', '172.31.1.1/24', 'dev', 'lo']);
});

test.afterEach.always(async (t) => {
	const {code, stderr} = await runProgram(['cleanup']);
	t.is(code, 0, stderr);
});

test.serial("the daemon serves from kubeadm's file, and follows a ConfigMap that is mounted anew", async (t) => {
	const node = makeNode(t);
	const daemon = new Running(t, node);
	await daemon.said(/"msg":"everything known is in force"/);
	t.regex(ruleset(), /10\.96\.0\.10 \. tcp \. 80/);
	t.regex(daemon.log, /clientConnection\.kubeconfig is not used/);

	mount(node, kubeadm.replace('\n  verbosity: 0', '\n  verbosity: 4'));
	await daemon.said(/"from":0,"to":4.*"msg":"the configuration has changed"/);
	rmSync(join(node.objects, 'services.yaml'));
	await daemon.said(/"level":"debug".*"msg":"commit"/);

	const before = ruleset();
	mount(node, kubeProxyFile('mode: magic'));
	await daemon.said(/"level":"error".*CONFIG_INVALID.*KubeProxyConfiguration\.mode/);
	const answer = await fetch('http://127.0.0.1:10256/readyz');
	t.is(answer.status, 200);
	t.is(ruleset(), before);
	daemon.child.kill('SIGTERM');
	t.is(await daemon.ended(), 0);
});

test.serial('a change that a daemon cannot follow ends it with 3, and the next one is in force', async (t) => {
	const node = makeNode(t);
	const daemon = new Running(t, node);
	await daemon.said(/"msg":"everything known is in force"/);
	const before = ruleset();
	mount(node, kubeadm.replaceAll('masqueradeAll: false', 'masqueradeAll: true'));
	t.is(await daemon.ended(), 3, daemon.log);
	t.regex(daemon.log, /"reason":"the configuration file has changed: iptables\.masqueradeAll from false to true"/);
	t.is(ruleset(), before, 'what is in force stays in force');
	const next = new Running(t, node);
	await next.said(/"msg":"everything known is in force"/);
	t.not(ruleset(), before);
	next.child.kill('SIGTERM');
	t.is(await next.ended(), 0);
});
