import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {createServer, type Socket} from 'node:net';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {RawCall} from '../../src/cni/call.ts';
import {forget, readQueue} from '../../src/cni/queue.ts';
import type {CniAnswer} from '../../src/control/cni.ts';
import {encodeFrame} from '../../src/control/framing.ts';
import {inOnePiece} from '../../src/control/protocol.ts';
import {serveControl} from '../../src/control/server.ts';
import {controlPath} from '../../src/control/socket-file.ts';
import {NetError} from '../../src/errors.ts';
import {callPlugin, pluginBinary} from '../lab/cni-plugin.ts';
import {controlFolder} from '../support/control-folder.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {memoryLog} from '../support/memory-log.ts';

const container = {CNI_CONTAINERID: 'c1', CNI_IFNAME: 'eth0', CNI_NETNS: '/run/netns/c1'};
const silentSeconds = 1;

/** The daemon's own server, with `answer` for what it does about pods. */
async function serve(t: ExecutionContext, stateDir: string, answer: (call: RawCall) => CniAnswer): Promise<RawCall[]> {
	const heard: RawCall[] = [];
	const stop = new AbortController();
	const clock = new FakeClock();
	await serveControl(
		{
			path: controlPath(stateDir),
			handlers: {
				cni: inOnePiece(async (call: RawCall) => {
					heard.push(call);
					return answer(call);
				}),
			},
			log: memoryLog().log,
			after: clock.after.bind(clock),
		},
		stop.signal,
	);
	t.teardown(() => stop.abort());
	return heard;
}

/** Something that listens where the daemon would, and does with a connection what a test wants. */
async function listen(t: ExecutionContext, stateDir: string, take: (socket: Socket) => void): Promise<void> {
	const server = createServer((socket) => {
		socket.on('error', () => undefined);
		take(socket);
	});
	await new Promise<void>((resolve) => server.listen(controlPath(stateDir), resolve));
	t.teardown(() => server.close());
}

const configOf = (stateDir: string, more: object = {}) => ({cniVersion: '1.0.0', name: 'net', stateDir, ...more});

test('environment and stdin reach the daemon as they are, and its answer is printed as it is', async (t) => {
	const stateDir = controlFolder(t);
	const output = {cniVersion: '1.0.0', text: 'quotes " and \\ and\nlines, ünïcode \u2028 \u0001', list: [1, {}]};
	const heard = await serve(t, stateDir, () => ({exitCode: 0, output}));
	const config = `${JSON.stringify(configOf(stateDir, {odd: 'tab\t"quoted" \\ \u0007 ünï 🦀'}))}\n`;
	const env = {...container, CNI_ARGS: 'A="1";B=\u0001é', OTHER: 'not the specification’s'};
	t.deepEqual(await callPlugin({verb: 'ADD', config, env}), {exitCode: 0, output, stderr: ''});
	const {OTHER, ...own} = env;
	t.deepEqual(heard, [{env: {CNI_COMMAND: 'ADD', CNI_PATH: '/opt/cni/bin', ...own}, config}]);
	t.truthy(OTHER);
});

test('the exit code is the daemon’s, and null prints nothing', async (t) => {
	const stateDir = controlFolder(t);
	await serve(t, stateDir, ({env}) =>
		env['CNI_COMMAND'] === 'DEL' ? {exitCode: 0, output: null} : {exitCode: 1, output: {code: 7}},
	);
	const config = configOf(stateDir);
	t.like(await callPlugin({verb: 'DEL', config, env: container}), {exitCode: 0, output: undefined});
	t.like(await callPlugin({verb: 'ADD', config, env: container}), {exitCode: 1, output: {code: 7}});
});

test('100 calls at once get an answer each, their own', async (t) => {
	const stateDir = controlFolder(t);
	await serve(t, stateDir, ({env}) => ({exitCode: 0, output: {id: env['CNI_CONTAINERID']}}));
	const ids = Array.from({length: 100}, (_, index) => `c${index}`);
	const config = configOf(stateDir);
	const called = await Promise.all(
		ids.map(async (id) => await callPlugin({verb: 'ADD', config, env: {...container, CNI_CONTAINERID: id}})),
	);
	t.deepEqual(
		called.map(({output}) => output.id),
		ids,
	);
});

test('VERSION is answered without a daemon, in the version that is asked in', async (t) => {
	const supportedVersions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'];
	t.deepEqual((await callPlugin({verb: 'VERSION', config: {cniVersion: '0.4.0'}})).output, {
		cniVersion: '0.4.0',
		supportedVersions,
	});
	for (const config of [{cniVersion: '9.9.9'}, {}, '', 'garbage', {deep: {cniVersion: '0.4.0'}}]) {
		t.is((await callPlugin({verb: 'VERSION', config})).output.cniVersion, '1.1.0');
	}
});

test('called by hand, with an empty environment, it says what it is', (t) => {
	const {status, stdout, stderr} = spawnSync(pluginBinary, {env: {}, encoding: 'utf8', input: ''});
	t.deepEqual({status, stdout}, {status: 0, stdout: ''});
	t.regex(stderr, /^fairlead-cni \d+\.\d+\.\d+: .*\n$/);
});

for (const [what, take] of [
	['nobody listens', undefined],
	['the daemon hangs up', (socket: Socket) => socket.destroy()],
	['half an answer comes', (socket: Socket) => socket.end(encodeFrame({id: 1, result: null}, 1000).subarray(0, 12))],
	['an answer comes that is none', (socket: Socket) => socket.end(encodeFrame({id: 1, result: {exitCode: 0}}, 1000))],
	['an answer of another id comes', (socket: Socket) => socket.end(encodeFrame({id: 2, result: {}}, 1000))],
	['a gigabyte is announced', (socket: Socket) => socket.end(Uint8Array.of(0x40, 0, 0, 0, 1, 2, 3))],
] as const) {
	test(`${what}: ADD, CHECK and GC are to be tried again, STATUS is 50, a DEL is kept`, async (t) => {
		const stateDir = controlFolder(t);
		if (take !== undefined) {
			await listen(t, stateDir, take);
		}

		const config = configOf(stateDir, {cniVersion: '0.4.0'});
		for (const [verb, code] of [
			['ADD', 11],
			['CHECK', 11],
			['GC', 11],
			['STATUS', 50],
		] as const) {
			const called = await callPlugin({verb, config, env: container});
			t.like(called, {exitCode: 1, stderr: '', output: {cniVersion: '0.4.0', code}});
		}

		const called = await callPlugin({verb: 'DEL', config, env: container});
		t.deepEqual(called, {exitCode: 0, output: undefined, stderr: ''});
		const {deletes, broken} = readQueue(stateDir);
		t.deepEqual(broken, []);
		t.like(deletes, [{env: {...container, CNI_COMMAND: 'DEL'}, config: JSON.stringify(config)}]);
	});
}

test('a daemon that is silent is waited for, and then counts as none', async (t) => {
	const stateDir = controlFolder(t);
	const binary = join(stateDir, 'impatient');
	const source = join(import.meta.dirname, '../../cni-bin');
	const sources = ['main.c', 'daemon.c', 'queue.c', 'text.c'].map((name) => join(source, name));
	const flags = ['-D_GNU_SOURCE', `-DANSWER_SECONDS=${silentSeconds}`, '-DFAIRLEAD_VERSION="0"'];
	execFileSync('cc', [...flags, ...sources, '-o', binary]);
	await listen(t, stateDir, () => undefined);
	const began = performance.now();
	t.like(await callPlugin({verb: 'ADD', config: configOf(stateDir), env: container, binary}), {output: {code: 11}});
	t.true(performance.now() - began >= silentSeconds * 1000 - 10);
});

test('a refusal of the daemon is told with its words, and is to be tried again', async (t) => {
	const stateDir = controlFolder(t);
	await serve(t, stateDir, () => {
		throw new NetError('CONTROL_BUSY', 'answer "more"');
	});
	const {exitCode, output} = await callPlugin({verb: 'ADD', config: configOf(stateDir), env: container});
	t.like({exitCode, code: output.code}, {exitCode: 1, code: 11});
	t.like(JSON.parse(output.details), {code: 'CONTROL_BUSY', message: 'cannot answer "more"'});
});

test('a DEL that is asked again while nobody listens is kept once, as it was asked last', async (t) => {
	const stateDir = controlFolder(t);
	for (const name of ['first', 'second']) {
		await callPlugin({verb: 'DEL', config: configOf(stateDir, {name}), env: container});
	}

	await callPlugin({verb: 'DEL', config: configOf(stateDir), env: {...container, CNI_IFNAME: 'net1'}});
	const {deletes} = readQueue(stateDir);
	t.deepEqual(deletes.map(({config}) => JSON.parse(config).name).toSorted(), ['net', 'second']);
	const queue = join(stateDir, 'cni-queue');
	t.is(statSync(queue).mode & 0o777, 0o700);
	t.deepEqual(
		readdirSync(queue).filter((name) => !/^[0-9a-f]{16}\.json$/.test(name)),
		[],
	);
});

test('a daemon that comes while a DEL is kept is asked, and nothing stays kept', async (t) => {
	const stateDir = controlFolder(t);
	let asked = 0;
	await listen(t, stateDir, (socket) => {
		asked++;
		if (asked === 1) {
			socket.destroy(); // it ended; the next connection meets the next daemon
		} else {
			socket.once('data', () => socket.end(encodeFrame({id: 1, result: {exitCode: 0, output: null}}, 1000)));
		}
	});
	t.like(await callPlugin({verb: 'DEL', config: configOf(stateDir), env: container}), {exitCode: 0});
	t.is(asked, 2);
	t.deepEqual(readQueue(stateDir).deletes, []);
});

test('a DEL that cannot be kept is to be tried again: nothing is lost', async (t) => {
	const stateDir = controlFolder(t);
	writeFileSync(join(stateDir, 'cni-queue'), 'a file in the place of the folder');
	const {exitCode, output} = await callPlugin({verb: 'DEL', config: configOf(stateDir), env: container});
	t.like({exitCode, code: output.code}, {exitCode: 1, code: 11});
	t.regex(output.details, /Not a directory/);
});

test('the 4097th DEL that waits is to be tried again', async (t) => {
	const stateDir = controlFolder(t);
	mkdirSync(join(stateDir, 'cni-queue'));
	for (let index = 0; index < 4096; index++) {
		writeFileSync(join(stateDir, 'cni-queue', `${index}.json`), '');
	}

	t.like(await callPlugin({verb: 'DEL', config: configOf(stateDir), env: container}), {output: {code: 11}});
	rmSync(join(stateDir, 'cni-queue', '0.json'));
	t.like(await callPlugin({verb: 'DEL', config: configOf(stateDir), env: container}), {exitCode: 0});
});

test('a DEL without a container or an interface has nothing to be kept by', async (t) => {
	const stateDir = controlFolder(t);
	for (const env of [{CNI_IFNAME: 'eth0'}, {CNI_CONTAINERID: 'c1'}]) {
		t.like(await callPlugin({verb: 'DEL', config: configOf(stateDir), env}), {exitCode: 1, output: {code: 4}});
	}
});

test('a file of the queue that is none is told apart', async (t) => {
	const stateDir = controlFolder(t);
	await callPlugin({verb: 'DEL', config: configOf(stateDir), env: container});
	mkdirSync(join(stateDir, 'cni-queue', 'folder'));
	for (const [name, text] of [
		['garbage', '{"env":'],
		['verb', '{"env":{"CNI_COMMAND":"ADD"},"config":""}'],
		['.part', 'half'],
	] as const) {
		writeFileSync(join(stateDir, 'cni-queue', name), text);
	}

	const {deletes, broken} = readQueue(stateDir);
	t.is(deletes.length, 1);
	t.deepEqual(broken.map((path) => path.split('/').at(-1)).toSorted(), ['folder', 'garbage', 'verb']);
	broken.map(forget);
	t.deepEqual(readQueue(stateDir).broken, []);
	t.deepEqual(readQueue(join(stateDir, 'nowhere')), {deletes: [], broken: []});
});

test('stdin of a mebibyte, and stdin that is no UTF-8, are refused with 6', async (t) => {
	const config = JSON.stringify({cniVersion: '0.3.1', long: 'x'.repeat(2 ** 20)});
	t.like(await callPlugin({verb: 'ADD', config, env: container}), {exitCode: 1, output: {code: 6}});
	const binary = Buffer.from([...Buffer.from('{"cniVersion":"1.0.0","x":"'), 0xff, 0xfe, 0x22, 0x7d]);
	const {status, stdout} = spawnSync(pluginBinary, {env: {CNI_COMMAND: 'ADD'}, input: binary, encoding: 'utf8'});
	t.like({status, output: JSON.parse(stdout)}, {status: 1, output: {cniVersion: '1.0.0', code: 6}});
});

test('without a stdin it is refused, not read for ever', (t) => {
	const {status, stdout} = spawnSync('sh', ['-c', `CNI_COMMAND=ADD exec ${pluginBinary} <&-`], {encoding: 'utf8'});
	t.like({status, output: JSON.parse(stdout)}, {status: 1, output: {code: 5}});
});

test('it holds nothing open but stdin, stdout, stderr and the socket, and hands on nothing', async (t) => {
	const stateDir = controlFolder(t);
	const {promise, resolve} = Promise.withResolvers<Socket>();
	await listen(t, stateDir, resolve);
	const child = spawn(pluginBinary, {env: {CNI_COMMAND: 'ADD', ...container}, stdio: ['pipe', 'ignore', 'ignore']});
	child.stdin.end(JSON.stringify(configOf(stateDir)));
	const socket = await promise;
	await new Promise((heard) => socket.once('data', heard));
	const files = (pid: string | number) =>
		readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
			try {
				return Number(fd) > 2 ? [readlinkSync(`/proc/${pid}/fd/${fd}`)] : [];
			} catch {
				return []; // closed meanwhile: that of this listing
			}
		});
	const inherited = new Set(files('self'));
	const own = files(child.pid ?? 0).filter((file) => !inherited.has(file));
	t.is(own.length, 1, own.join(' '));
	t.regex(own.join(), /^socket:/);
	const ended = new Promise((resolve) => child.once('exit', resolve));
	socket.destroy();
	await ended;
});

test('it is static, and smaller than 1 MiB', (t) => {
	const elf = readFileSync(pluginBinary);
	t.true(elf.length < 2 ** 20, `${elf.length} bytes`);
	const [first, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)];
	const types = Array.from({length: count}, (_, index) => elf.readUInt32LE(first + index * size));
	t.true(types.includes(1)); // PT_LOAD
	t.false(types.includes(3)); // PT_INTERP: the loader that it would ask for
});
