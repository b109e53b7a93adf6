import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {setTimeout} from 'node:timers/promises';
import anyTest, {type ExecutionContext, type TestFn} from 'ava';
import {NetError} from '../../src/errors.ts';
import {exec} from '../../src/kernel/exec.ts';
import {kernelVersion, readNftablesFeatures} from '../../src/kernel/features.ts';
import {type BatchRefusal, Nftables} from '../../src/kernel/nftables.ts';
import type {RulesetEvent} from '../../src/kernel/transactions.ts';
import {ElementReader} from '../../src/wire/element-reader.ts';
import type {Message} from '../../src/wire/message.ts';
import {nftables} from '../../src/wire/nftables.ts';
import {Batch, elementsRequest} from './batch.ts';

type Context = {kernel: Nftables; stop: AbortController};

const test = anyTest.serial as TestFn<Context>;

/** In another user namespace net.core.wmem_max and rmem_max bound what one transaction can hold, and nft's as ours. */
const isRoot = /^ *0 +0 +4294967295$/m.test(readFileSync('/proc/self/uid_map', 'utf8'));
const testAsRoot = (title: string, run: (t: ExecutionContext<Context>) => Promise<void>) =>
	isRoot ? test(title, run) : test.skip(`${title} (left out: needs root outside of a user namespace)`, run);

test.beforeEach((t) => {
	spawnSync('/usr/sbin/nft', ['flush', 'ruleset']);
	t.context = {kernel: new Nftables(), stop: new AbortController()};
});

test.afterEach.always((t) => {
	t.context.stop.abort();
	t.context.kernel.close();
});

async function keys(parts: AsyncIterable<readonly Message[]>): Promise<number[]> {
	const reader = new ElementReader();
	const found: number[] = [];
	for await (const messages of parts) {
		for (const message of messages) {
			reader.open(message.payload);
			while (reader.next()) {
				found.push(reader.view.getUint32(reader.keyAt));
			}
		}
	}

	return found.toSorted((a, b) => a - b);
}

/** Makes the map and fills it, in batches that any user may send. */
async function fill(kernel: Nftables, count: number): Promise<void> {
	await kernel.commit(new Batch().table().map().bytes);
	for (let from = 0; from < count; from += 5000) {
		await kernel.commit(new Batch().elements(from, Math.min(from + 5000, count)).bytes);
	}
}

const upTo = (end: number) => Array.from({length: end}, (_, key) => key);

test('a batch is in force when its promise resolves, and the generation has moved by one', async (t) => {
	const {kernel} = t.context;
	const before = kernel.generation();
	t.deepEqual(await kernel.commit(new Batch().table().map().elements(0, 3).bytes), []);
	t.is(kernel.generation(), before + 1);
	const {stdout} = await exec('nft', ['list', 'table', 'ip', 'lab']);
	t.regex(stdout, /map names/);
	t.deepEqual(await keys(kernel.dump(elementsRequest())), [0, 1, 2]);
});

test('an empty batch is no transaction', async (t) => {
	const {kernel} = t.context;
	const before = kernel.generation();
	t.deepEqual(await kernel.commit(new Uint8Array()), []);
	t.is(kernel.generation(), before);
});

test('every message that the kernel refuses is named, and nothing of the batch happens', async (t) => {
	const {kernel} = t.context;
	await kernel.commit(new Batch().table().map().elements(0, 3).bytes);
	const before = kernel.generation();
	const batch = new Batch().chain('good').chain('bad', 'nowhere').elements(5, 6).elements(7, 9).elements(1, 2);
	const refusals = await kernel.commit(batch.bytes);
	t.deepEqual(
		refusals.map(({index, errno}) => [index, errno]),
		[
			[1, 'ENOENT'],
			[4, 'EEXIST'],
		],
	);
	t.is(kernel.generation(), before);
	t.deepEqual(await keys(kernel.dump(elementsRequest())), [0, 1, 2]);
});

test('the offset of a refusal lies in the element at fault', async (t) => {
	const {kernel} = t.context;
	await kernel.commit(new Batch().table().map().elements(500, 501).bytes);
	const [refused, ...rest] = (await kernel.commit(new Batch().elements(400, 600).bytes)) as BatchRefusal[];
	t.deepEqual(rest, []);
	t.is(refused?.errno, 'EEXIST');
	// each element takes as many bytes as the others: the 101st of 200 is hit
	const length = new Batch().elements(400, 600).bytes.length;
	const each = (length - new Batch().elements(400, 599).bytes.length) | 0;
	const start = length - 200 * each;
	t.is(Math.floor(((refused?.offset ?? 0) - start) / each), 100);
});

test('deleting a table that does not exist is refused', async (t) => {
	const refusals = await t.context.kernel.commit(new Batch().deleteTable('never-made').bytes);
	t.deepEqual(
		refusals.map(({index, errno}) => ({index, errno})),
		[{index: 0, errno: 'ENOENT'}],
	);
});

test('a batch made for another generation is refused whole', async (t) => {
	const {kernel} = t.context;
	const generation = kernel.generation();
	await kernel.commit(new Batch().table().bytes, generation);
	const error = await t.throwsAsync(kernel.commit(new Batch().table().bytes, generation), {instanceOf: NetError});
	t.is(error.code, 'NFT_STALE');
	t.deepEqual(await kernel.commit(new Batch().table().bytes, generation + 1), []);
});

test('commits that are made at once happen one after another', async (t) => {
	const {kernel} = t.context;
	await kernel.commit(new Batch().table().map().bytes);
	const before = kernel.generation();
	const results = await Promise.all(upTo(50).map((key) => kernel.commit(new Batch().elements(key, key + 1).bytes)));
	t.true(results.every((refusals) => refusals.length === 0));
	t.is(kernel.generation(), before + 50);
	t.is(JSON.stringify(await keys(kernel.dump(elementsRequest()))), JSON.stringify(upTo(50)));
});

testAsRoot('one batch of 500,000 elements is one transaction', async (t) => {
	const {kernel} = t.context;
	const before = kernel.generation();
	const batch = new Batch().table().map().elements(0, 500_000).bytes;
	t.true(batch.length > 13_000_000);
	t.deepEqual(await kernel.commit(batch), []);
	t.deepEqual(await kernel.commit(new Batch().deleteElements(0, 500_000).bytes), []);
	t.is(kernel.generation(), before + 2);
});

test('a large map that was filled this instant reads back whole, each element once', async (t) => {
	const {kernel} = t.context;
	await fill(kernel, 100_000);
	const found = await keys(kernel.dump(elementsRequest()));
	t.is(found.length, 100_000);
	t.true(found.every((key, index) => key === index));
});

testAsRoot('10,000 refused messages of one batch are all told', async (t) => {
	const {kernel} = t.context;
	const batch = new Batch().table().map();
	for (const key of upTo(10_000)) {
		batch.deleteElements(key, key + 1);
	}

	const refusals = await kernel.commit(batch.bytes);
	t.is(refusals.length, 10_000);
	t.deepEqual(new Set(refusals.map(({index}) => index)), new Set(upTo(10_002).slice(2)));
});

test('a process without CAP_NET_ADMIN is told so', async (t) => {
	const script = `
		const {Nftables} = await import('${import.meta.dirname}/../../src/kernel/nftables.ts');
		const {Batch} = await import('${import.meta.dirname}/batch.ts');
		await new Nftables().commit(new Batch().table().bytes).catch((error) => console.log(error.code));`;
	const parameters = ['--inh-caps=-all', '--bounding-set=-all', process.execPath, '--input-type=module', '-e', script];
	t.is((await exec('setpriv', parameters)).stdout.trim(), 'KERNEL_DENIED');
});

const block = (start: number, length: number) => upTo(length).map((index) => start + index);

/** Commits what `batch` gives, again and again, until it gives nothing. */
async function commitAll(batch: (round: number) => Batch | undefined): Promise<number> {
	using kernel = new Nftables();
	for (let round = 0; ; round++) {
		const next = batch(round);
		if (next === undefined) {
			return round;
		}

		await kernel.commit(next.bytes);
		await setTimeout(3);
	}
}

test('a dump that changes run into shows one state of the table', async (t) => {
	const {kernel} = t.context;
	await fill(kernel, 40_000);
	// every commit moves 500 elements: a mixed dump holds some in both of their places, or in none
	const [here, there, length] = [50_000, 60_000, 500];
	await kernel.commit(new Batch().elements(here, here + length).bytes);
	const move = (from: number, to: number) => new Batch().deleteElements(from, from + length).elements(to, to + length);
	const rounds = commitAll((round) => {
		if (round === 30) {
			return undefined;
		}

		return round % 2 ? move(there, here) : move(here, there);
	});
	const found = await keys(kernel.dump(elementsRequest()));
	t.is(await rounds, 30);
	t.deepEqual(found.slice(40_000), here === found[40_000] ? block(here, length) : block(there, length));
});

test('a dump ends, however often another table changes meanwhile', async (t) => {
	const {kernel} = t.context;
	await fill(kernel, 100_000);
	await kernel.commit(new Batch().table('other').bytes);
	let done = false;
	const rounds = commitAll((round) => (done ? undefined : new Batch().chain(`c${round}`, 'other')));
	const found = await keys(kernel.dump(elementsRequest()));
	done = true;
	t.is(found.length, 100_000);
	t.true((await rounds) > 10);
});

test('a dump of what is not there says so', async (t) => {
	const error = await t.throwsAsync(keys(t.context.kernel.dump(elementsRequest())), {instanceOf: NetError});
	t.is(error.code, 'NETLINK_REFUSED');
	t.is(error.details['errno'], 'ENOENT');
});

test('an aborted dump ends with the signal’s reason', async (t) => {
	const {kernel, stop} = t.context;
	await fill(kernel, 100_000);
	stop.abort();
	await t.throwsAsync(keys(kernel.dump(elementsRequest(), stop.signal)), {name: 'AbortError'});
});

async function next(events: AsyncGenerator<RulesetEvent>): Promise<RulesetEvent> {
	const {value} = await events.next();
	return value as RulesetEvent;
}

test('a commit of our own and one of nft are heard of, with who made them', async (t) => {
	const {kernel, stop} = t.context;
	const events = kernel.watch(stop.signal);
	await kernel.commit(new Batch().table().map().elements(0, 2).bytes);
	const generation = kernel.generation();
	const own = await next(events);
	t.like(own, {kind: 'transaction', generation, own: true, messages: []});
	await exec('nft', ['add table ip foreign; add chain ip foreign c; delete element ip lab names { 0 }']);
	const foreign = await next(events);
	t.like(foreign, {kind: 'transaction', generation: generation + 1, own: false, process: 'nft'});
	t.deepEqual(foreign.kind === 'transaction' && foreign.messages.map(({type}) => type), [
		nftables.table.new,
		nftables.chain.new,
		nftables.element.delete,
	]);
	stop.abort();
	t.is((await events.next()).done, true);
});

testAsRoot('a giant transaction of another process is told as one to read again', async (t) => {
	const {kernel, stop} = t.context;
	const events = kernel.watch(stop.signal);
	const lines = upTo(25_000).map((index) => `add chain ip foreign c${index}\n`);
	await exec('nft', ['-f', '-'], {input: `add table ip foreign\n${lines.join('')}`});
	t.like(await next(events), {kind: 'lost', by: {process: 'nft'}});
	await kernel.commit(new Batch().table().bytes);
	t.like(await next(events), {kind: 'transaction', own: true});
});

test('a namespace has its own ruleset', async (t) => {
	const {Netns} = await import('../../src/kernel/netns.ts');
	await exec('ip', ['netns', 'add', 'other']);
	using netns = new Netns('/run/netns/other');
	using inside = new Nftables({netns});
	await inside.commit(new Batch().table().map().elements(0, 1).bytes);
	t.is((await exec('nft', ['list', 'ruleset'])).stdout, '');
	t.regex((await exec('ip', ['netns', 'exec', 'other', 'nft', 'list', 'ruleset'])).stdout, /map names/);
	t.deepEqual(await keys(inside.dump(elementsRequest())), [0]);
	await exec('ip', ['netns', 'delete', 'other']);
});

test('what the kernel’s tables can do is found without a trace', async (t) => {
	const {kernel} = t.context;
	const before = kernel.generation();
	const {major, minor} = kernelVersion();
	const since = (wanted: number) => major * 1000 + minor >= wanted;
	t.deepEqual(await readNftablesFeatures(kernel), {ownedTables: since(5012), persistentTables: since(6009)});
	t.is(kernel.generation(), before);
	t.deepEqual(
		[kernelVersion('6.1.0-18-amd64'), kernelVersion('5.14'), kernelVersion('x')],
		[
			{major: 6, minor: 1},
			{major: 5, minor: 14},
			{major: 0, minor: 0},
		],
	);
});
