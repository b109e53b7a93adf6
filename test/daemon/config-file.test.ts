import {mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {type Config, resolveConfig} from '../../src/config/config.ts';
import {parseConfigFile} from '../../src/config/file.ts';
import {systemClock} from '../../src/daemon/clock.ts';
import {followConfigFile, type LiveConfig} from '../../src/daemon/config-file.ts';
import {logTo} from '../../src/observe/log.ts';
import {kubeProxyFile} from '../config/said.ts';

type Line = Readonly<Record<string, unknown>> & {readonly msg: string};

/** A file that is followed, as the daemon does it, from the start of a test to its end. */
class Followed {
	readonly live: LiveConfig;
	/** Why the daemon would end. */
	readonly restarts: string[] = [];
	/** Verbosity before and after each change that came into force. */
	readonly changes: [number, number][] = [];
	readonly lines: Line[] = [];
	readonly #stop = new AbortController();
	readonly #done: Promise<void>;
	#wake = () => {};

	constructor(t: ExecutionContext, path: string, text: string) {
		const sources = {flags: new Map([['objects', '/objects']]), environment: {}, hostname: 'n1'};
		const resolve = (now: string) => resolveConfig({...sources, file: parseConfigFile(path, now)});
		this.live = {current: resolve(text)};
		const parts = {
			log: logTo({write: (line: string) => this.#took(line)}, 'trace'),
			clock: systemClock,
			restart: (reason: string) => {
				this.restarts.push(reason);
				this.#wake();
			},
			changed: (before: Config, after: Config) => {
				this.changes.push([before.verbosity, after.verbosity]);
			},
			settleMs: 20,
		};
		this.#done = followConfigFile({path, text, resolve}, this.live, parts, this.#stop.signal);
		t.teardown(async () => await this.stop());
	}

	async stop(): Promise<void> {
		this.#stop.abort();
		await this.#done;
	}

	/** Resolves once `holds`, which is asked at each line of log; a test that waits in vain runs into ava's timeout. */
	async until(holds: () => boolean): Promise<void> {
		while (!holds()) {
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}

	said(message: string): Line | undefined {
		return this.lines.find(({msg}) => msg === message);
	}

	#took(line: string): void {
		this.lines.push(JSON.parse(line));
		queueMicrotask(() => this.#wake()); // what the line tells of is done when its turn is over
	}
}

function folder(t: ExecutionContext): string {
	const path = mkdtempSync(join(tmpdir(), 'fairlead-config-'));
	t.teardown(() => rmSync(path, {recursive: true, force: true}));
	return path;
}

/** A file that is followed, in a folder of its own. */
function follow(t: ExecutionContext, text: string): {readonly path: string; readonly followed: Followed} {
	const path = join(folder(t), 'config.conf');
	writeFileSync(path, text);
	return {path, followed: new Followed(t, path, text)};
}

const detector = 'clusterCIDR: 10.0.0.0/8';
const start = kubeProxyFile('mode: nftables', detector);
const livelier = kubeProxyFile('mode: nftables', detector, 'logging: {verbosity: 6}', 'nftables: {minSyncPeriod: 1s}');

test('verbosity and the sync periods are followed, and the log says from what to what', async (t) => {
	const {path, followed} = follow(t, start);
	writeFileSync(path, livelier);
	await followed.until(() => followed.live.current.verbosity === 6);
	t.is(followed.live.current.minSyncPeriodMs, 1000);
	t.deepEqual(followed.said('the configuration has changed')?.['changes'], [
		{field: 'nftables.minSyncPeriod', from: '0s', to: '1s'},
		{field: 'logging.verbosity', from: 2, to: 6},
	]);
	t.deepEqual(followed.restarts, []);
	t.deepEqual(followed.changes, [[2, 6]]);
});

test('any other setting ends the daemon, which says which field, from what to what', async (t) => {
	const {path, followed} = follow(t, start);
	writeFileSync(path, livelier.replace('10.0.0.0/8', '11.0.0.0/8'));
	await followed.until(() => followed.restarts.length > 0);
	t.deepEqual(followed.restarts, [
		'the configuration file has changed: clusterCIDR from "10.0.0.0/8" to "11.0.0.0/8", nftables.minSyncPeriod from "0s" to "1s", logging.verbosity from 2 to 6',
	]);
	t.is(followed.live.current.verbosity, 2, 'what it cannot follow whole it does not follow in part');
	t.deepEqual(followed.changes, []);
});

test('a file that becomes wrong changes nothing and is named with its code; mended, it is followed again', async (t) => {
	const {path, followed} = follow(t, start);
	const before = followed.live.current;
	writeFileSync(path, kubeProxyFile('mode: magic', detector, 'conntrack: {min: x}'));
	const wrong = 'the configuration file is wrong; what it said before stays in force';
	await followed.until(() => followed.said(wrong) !== undefined);
	t.like(followed.said(wrong), {level: 'error', error: {code: 'CONFIG_INVALID'}});
	t.regex(JSON.stringify(followed.said(wrong)), /conntrack\.min .*mode /);
	t.is(followed.live.current, before);
	t.deepEqual(followed.restarts, []);
	writeFileSync(path, livelier);
	await followed.until(() => followed.live.current.verbosity === 6);
});

test('a file that goes away changes nothing and is named; back as it was, the log says so', async (t) => {
	const {path, followed} = follow(t, start);
	rmSync(path);
	await followed.until(() => followed.lines.length > 0);
	t.like(followed.lines[0], {level: 'error', error: {code: 'CONFIG_UNREADABLE'}});
	writeFileSync(path, start);
	await followed.until(() => followed.said('the configuration file says the same as before') !== undefined);
	t.deepEqual(followed.restarts, []);
});

test('a file that says the same in other words changes nothing', async (t) => {
	const {path, followed} = follow(t, start);
	writeFileSync(path, `# a word to the reader\n${start}nftables: {syncPeriod: 0m30s}\n`);
	await followed.until(() => followed.said('the configuration file says the same as before') !== undefined);
	t.deepEqual(followed.restarts, []);
});

test('a warning that the file did not earn before is logged', async (t) => {
	const {path, followed} = follow(t, start);
	writeFileSync(path, `${start}oomScoreAdj: 5\n`);
	await followed.until(() => followed.lines.length === 2);
	t.deepEqual(
		followed.lines.map(({msg}) => msg),
		[
			'KubeProxyConfiguration.oomScoreAdj is not used: the pod or unit that runs the daemon sets it',
			'the configuration file says the same as before',
		],
	);
});

/** Fills a mounted ConfigMap as kubelet does: a folder with the time as its name, and `..data` led there by a rename. */
function mount(volume: string, stamp: string, text: string): void {
	mkdirSync(join(volume, stamp), {recursive: true});
	writeFileSync(join(volume, stamp, 'config.conf'), text);
	symlinkSync(stamp, join(volume, '..data_tmp'));
	renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
}

test('a ConfigMap that kubelet mounts anew is followed, again and again, though the file itself is never written', async (t) => {
	const volume = folder(t);
	mount(volume, '..2026_11_28_01', start);
	symlinkSync('..data/config.conf', join(volume, 'config.conf'));
	const followed = new Followed(t, join(volume, 'config.conf'), start);
	for (const [index, verbosity] of [4, 5, 6].entries()) {
		const stamp = `..2026_11_28_0${index + 2}`;
		mount(volume, stamp, `${start}logging: {verbosity: ${verbosity}}\n`);
		rmSync(join(volume, `..2026_11_28_0${index + 1}`), {recursive: true});
		await followed.until(() => followed.live.current.verbosity === verbosity);
	}

	t.false(
		followed.lines.some(({level}) => level === 'error'),
		JSON.stringify(followed.lines),
	);
});

test('a rename over the file is followed, and so is a swap of a link to its folder', async (t) => {
	const root = folder(t);
	for (const [name, text] of [
		['one', start],
		['two', livelier],
	] as const) {
		mkdirSync(join(root, name));
		writeFileSync(join(root, name, 'config.conf'), text);
	}

	symlinkSync('one', join(root, 'current'));
	const followed = new Followed(t, join(root, 'current/config.conf'), start);
	writeFileSync(join(root, 'one/new'), `${start}logging: {verbosity: 4}\n`);
	renameSync(join(root, 'one/new'), join(root, 'one/config.conf'));
	await followed.until(() => followed.live.current.verbosity === 4);
	symlinkSync('two', join(root, 'next'));
	renameSync(join(root, 'next'), join(root, 'current'));
	await followed.until(() => followed.live.current.verbosity === 6);
	t.deepEqual(followed.restarts, []);
});

test('a file that a link leads to is followed where it is written', async (t) => {
	const root = folder(t);
	mkdirSync(join(root, 'elsewhere'));
	writeFileSync(join(root, 'elsewhere/real'), start);
	symlinkSync('elsewhere/real', join(root, 'config.conf'));
	const followed = new Followed(t, join(root, 'config.conf'), start);
	for (const verbosity of [4, 5, 6, 7]) {
		writeFileSync(join(root, 'elsewhere/real'), `${start}logging: {verbosity: ${verbosity}}\n`);
		await followed.until(() => followed.live.current.verbosity === verbosity);
	}

	t.deepEqual(followed.restarts, []);
});

test('what was written between the first reading and the watch is seen', async (t) => {
	const path = join(folder(t), 'config.conf');
	writeFileSync(path, livelier);
	const followed = new Followed(t, path, start);
	await followed.until(() => followed.live.current.verbosity === 6);
	t.deepEqual(followed.restarts, []);
});

test('the signal ends it, and it has nothing to say', async (t) => {
	const {followed} = follow(t, start);
	await followed.stop();
	t.deepEqual(followed.lines, []);
});
