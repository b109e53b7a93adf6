import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {builtPlugin} from '../../src/cni/install.ts';
import type {AddressRow, CniAnswer} from '../../src/control/cni.ts';
import type {Ask} from '../../src/control/protocol.ts';
import {serveControl} from '../../src/control/server.ts';
import {controlPath} from '../../src/control/socket-file.ts';
import {silentLog} from '../../src/observe/log.ts';
import {controlFolder} from '../support/control-folder.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {runHere} from '../support/program.ts';

const ready: CniAnswer = {exitCode: 0, output: null};
const refusal = (msg: string): CniAnswer => ({exitCode: 1, output: {cniVersion: '1.1.0', code: 50, msg}});
const awaited = refusal('cannot attach pods: nodes is awaited');
const [plugin, conflist] = ['opt/cni/bin/fairlead-cni', 'etc/cni/net.d/10-fairlead.conflist'];

type Node = {readonly root: string; readonly flags: readonly string[]; readonly calls: Ask<'cni'>[]};

/** The folders of a node. */
function buildNode(t: ExecutionContext): Node {
	const root = controlFolder(t);
	const [stateDir, binDir, confDir] = ['run', 'opt/cni/bin', 'etc/cni/net.d'].map((name) => join(root, name));
	mkdirSync(String(stateDir));
	const flags = [`--state-dir=${stateDir}`, `--bin-dir=${binDir}`, `--conf-dir=${confDir}`];
	return {root, flags, calls: []};
}

/** A daemon that gives these answers to the plugin, the last one for ever, and has these addresses. */
async function serve(t: ExecutionContext, {root, calls}: Node, answers: readonly CniAnswer[], rows: AddressRow[] = []) {
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	const handlers = {
		// biome-ignore lint/correctness/useYield: this verb has no parts
		async *cni(call: Ask<'cni'>) {
			calls.push(call);
			return await Promise.resolve(answers[Math.min(calls.length, answers.length) - 1] ?? ready);
		},
		async *addresses() {
			yield rows;
			return await Promise.resolve(null);
		},
	};
	const after = new FakeClock();
	const path = controlPath(join(root, 'run'));
	await serveControl({path, handlers, log: silentLog, after: after.after.bind(after)}, stop.signal);
}

const has = ({root}: Node, path: string) => readdirSync(join(root, path, '..')).includes(path.split('/').at(-1) ?? '');

test('the plugin is installed at once, and the configuration when the daemon can attach pods', async (t) => {
	const node = buildNode(t);
	await serve(t, node, [awaited, awaited, ready]);
	const seen: boolean[] = [];
	const onErr = () => seen.push(has(node, plugin));
	const {code, stdout, stderr} = await runHere(['cni', 'install', ...node.flags], {onErr});
	t.is(code, 0, stderr);
	t.is(stdout, `${join(node.root, plugin)} written\n${join(node.root, conflist)} written\n`);
	t.is(stderr, 'fairlead: waiting until pods can be attached: cannot attach pods: nodes is awaited\n');
	t.deepEqual(seen, [true]);
	t.is(node.calls.length, 3);
	t.deepEqual(node.calls[0]?.env, {CNI_COMMAND: 'STATUS', CNI_PATH: ''});
	t.deepEqual(readFileSync(join(node.root, plugin)), readFileSync(builtPlugin));
});

test('what the daemon is asked about is what the configuration then says', async (t) => {
	const node = buildNode(t);
	await serve(t, node, [ready]);
	await runHere(['cni', 'install', ...node.flags, '--mode', 'bridge', '--mtu', '1400']);
	const list = JSON.parse(readFileSync(join(node.root, conflist), 'utf8'));
	const {capabilities, ...said} = list.plugins[0];
	t.deepEqual(JSON.parse(node.calls[0]?.config ?? ''), {cniVersion: '1.1.0', name: list.name, ...said});
	t.is(said.stateDir, join(node.root, 'run'));
});

test('a second install changes nothing and says so', async (t) => {
	const node = buildNode(t);
	await serve(t, node, [ready]);
	await runHere(['cni', 'install', ...node.flags]);
	const {stdout} = await runHere(['cni', 'install', ...node.flags, '-o', 'json']);
	t.deepEqual(JSON.parse(stdout), {
		plugin: {change: 'unchanged', path: join(node.root, plugin)},
		conflist: {change: 'unchanged', path: join(node.root, conflist)},
	});
});

test('without a daemon the reason is said at once and at the end, and no pod is sent to a plugin that cannot', async (t) => {
	const node = buildNode(t);
	const {code, stdout, stderr} = await runHere(['cni', 'install', ...node.flags, '--timeout', '600ms']);
	t.is(code, 1);
	t.is(stdout, '');
	t.regex(stderr, /^fairlead: waiting until pods can be attached: cannot ask the daemon at .*control\.sock\n/);
	t.regex(stderr, /cannot attach pods on this node: waited for 600ms\n {2}because: cannot ask the daemon at /);
	t.regex(stderr, /code: CNI_NOT_READY\n$/);
	t.deepEqual(readdirSync(join(node.root)), ['opt', 'run']);
});

test('a daemon that is not ready by the end of the time is quoted', async (t) => {
	const node = buildNode(t);
	await serve(t, node, [awaited]);
	const {code, stderr} = await runHere(['cni', 'install', ...node.flags, '--timeout', '0']);
	t.is(code, 1);
	t.regex(stderr, /because: cannot attach pods: nodes is awaited/);
});

test('the plugin alone needs no daemon', async (t) => {
	const node = buildNode(t);
	const {code, stdout} = await runHere(['cni', 'install', '--binary-only', ...node.flags]);
	t.is(code, 0);
	t.is(stdout, `${join(node.root, plugin)} written\n`);
	t.deepEqual(readdirSync(join(node.root)), ['opt', 'run']);
});

test('a configuration that runtimes read before ours is named, and left as it is', async (t) => {
	const node = buildNode(t);
	await serve(t, node, [ready]);
	const [folder, name] = [join(node.root, 'etc/cni/net.d'), '05-other.conflist'];
	mkdirSync(folder, {recursive: true});
	writeFileSync(join(folder, name), '{}');
	const {code, stderr} = await runHere(['cni', 'install', ...node.flags]);
	t.is(code, 0);
	t.is(
		stderr,
		`fairlead: runtimes read ${join(folder, name)} before 10-fairlead.conflist: it counts, and ours does not\n`,
	);
	t.is(readFileSync(join(folder, name), 'utf8'), '{}');
});

test('uninstall removes both files, and the next one finds nothing', async (t) => {
	const node = buildNode(t);
	await serve(t, node, [ready]);
	await runHere(['cni', 'install', ...node.flags]);
	const first = await runHere(['cni', 'uninstall', ...node.flags]);
	t.is(first.stdout, `${join(node.root, conflist)} removed\n${join(node.root, plugin)} removed\n`);
	t.false(has(node, plugin) || has(node, conflist));
	const second = await runHere(['cni', 'uninstall', ...node.flags]);
	t.is(second.code, 0);
	t.is(second.stdout, 'nothing was installed\n');
});

const row: AddressRow = {
	...{address: '10.244.1.2', state: 'attached', network: 'fairlead', containerId: '3f8a', ifName: 'eth0'},
	...{pod: 'shop/web-1', link: 'fair3f8a', since: '2026-11-28T12:00:00.000Z'},
};

test('uninstall names the pods that are still attached, and says that a daemon may write the file again', async (t) => {
	const node = buildNode(t);
	await serve(t, node, [], [row, {...row, address: '10.244.1.3', state: 'resting'}]);
	const {stdout, stderr} = await runHere(['cni', 'uninstall', ...node.flags]);
	t.is(stdout, 'nothing was installed\nstill attached: 10.244.1.2 shop/web-1\n');
	t.regex(stderr, /a daemon runs here: with --cni-conf-dir it writes the configuration again/);
	const json = await runHere(['cni', 'uninstall', ...node.flags, '-o', 'json']);
	t.deepEqual(JSON.parse(json.stdout), {removed: [], attached: [row]});
});

test('what is no mode, MTU, duration or name of a file is wrong usage, before anything is written', async (t) => {
	const node = buildNode(t);
	const wrong = ['--mode=flat', '--mtu=1279', '--mtu=65536', '--mtu=1e4', '--timeout=5', '--conf-name=x.json'];
	for (const flag of [...wrong, '--conf-name=../x.conflist', '--conf-name=.x.conflist']) {
		const {code, stderr} = await runHere(['cni', 'install', ...node.flags, flag]);
		t.is(code, 2, flag);
		t.regex(stderr, /CLI_USAGE/, flag);
	}

	t.deepEqual(readdirSync(node.root), ['run']);
});
