import {join} from 'node:path';
import test from 'ava';
import {systemClock} from '../../src/files/clock.ts';
import {Reader} from '../../src/files/reader.ts';
import {watchFiles} from '../../src/files/watch.ts';
import {Watches} from '../../src/files/watches.ts';
import type {EndpointSlice, KubeObject} from '../../src/model/objects.ts';
import {serviceYaml, temporaryDirectory, writeFiles} from '../support/watched-files.ts';

/** A list with so many EndpointSlices of ten endpoints each, as JSON. */
function sliceList(count: number): string {
	const slice = (i: number) => ({
		apiVersion: 'discovery.k8s.io/v1',
		kind: 'EndpointSlice',
		addressType: 'IPv4',
		metadata: {name: `s${i}`, labels: {'kubernetes.io/service-name': `s${i}`}},
		ports: [{name: 'http', port: 8080}],
		endpoints: Array.from({length: 10}, (_, j) => ({
			addresses: [`10.${j}.${i >> 8}.${i & 255}`],
			nodeName: `node-${j}.example.com`,
			hints: {forZones: [{name: 'zone-a'}]},
		})),
	});
	return JSON.stringify({apiVersion: 'v1', kind: 'List', items: Array.from({length: count}, (_, i) => slice(i))});
}

test.serial('a long list comes in chunks, and no turn of the loop takes 50 ms of CPU', async (t) => {
	const file = join(temporaryDirectory(t), 'list.json');
	writeFiles(join(file, '..'), {'list.json': sliceList(1500)});
	let [longestMs, isDone] = [0, false];
	let before = process.threadCpuUsage();
	const tick = () => {
		const {user, system} = process.threadCpuUsage(before);
		longestMs = Math.max(longestMs, (user + system) / 1000);
		before = process.threadCpuUsage();
		if (!isDone) {
			setImmediate(tick);
		}
	};
	const stop = new AbortController();
	const objects: KubeObject[] = [];
	let batches = 0;
	for await (const batch of watchFiles(file, {settleMs: 1}, stop.signal)) {
		if (batches++ === 0) {
			tick();
		}

		objects.push(
			...batch.flatMap((change) =>
				change.verb === 'put' && change.object.kind !== 'NodeAddress' ? [change.object] : [],
			),
		);
		if (batch.some(({verb}) => verb === 'synced')) {
			stop.abort();
		}
	}

	isDone = true;
	t.is(objects.length, 1500);
	t.true(batches > 5, `${batches} batches`);
	t.true(longestMs < 50, `${longestMs} ms`);
	const [first, last] = [objects[0], objects.at(-1)] as EndpointSlice[];
	t.is(first?.endpoints[0]?.nodeName, last?.endpoints[0]?.nodeName);
	t.is(first?.ports, last?.ports, 'equal port lists are one');
	t.is(first?.endpoints[0]?.hintZones, last?.endpoints[9]?.hintZones, 'equal hints are one');
	t.deepEqual(Object.keys(first?.endpoints[0] ?? {}), [
		'address',
		'ready',
		'serving',
		'terminating',
		'nodeName',
		'hintZones',
		'hintNodes',
		'pod',
	]);
});

test.serial(
	'a thread that runs out of memory is the fault of its file, and the next file has a new thread',
	async (t) => {
		const directory = temporaryDirectory(t);
		writeFiles(directory, {
			'big.json': `{"kind": "Pod", "apiVersion": "v1", "x": [${'{"a":1},'.repeat(600_000)}1]}`,
			'small.yaml': serviceYaml('a'),
		});
		const reader = new Reader(systemClock, 16);
		t.teardown(() => reader.close());
		const big = await reader.read(join(directory, 'big.json'), new Map());
		t.is(big.kind, 'failed');
		t.like(big.kind === 'failed' && big.fault, {code: 'FILE_UNREADABLE', details: {file: join(directory, 'big.json')}});
		t.regex(big.kind === 'failed' ? big.fault.message : '', /memory/);
		const small = await reader.read(join(directory, 'small.yaml'), new Map());
		t.is(small.kind, 'read');
	},
);

test.serial('a thread without work for 5 s ends, and starts again with the next file', async (t) => {
	const directory = temporaryDirectory(t);
	writeFiles(directory, {'a.yaml': serviceYaml('a')});
	const timers: {readonly delayMs: number; readonly run: () => void}[] = [];
	const reader = new Reader({
		...systemClock,
		after: (delayMs, run) => {
			timers.push({delayMs, run});
			return () => {};
		},
	});
	t.teardown(() => reader.close());
	t.is((await reader.read(join(directory, 'a.yaml'), new Map())).kind, 'read');
	t.is(timers[0]?.delayMs, 5000);
	timers[0]?.run();
	t.is((await reader.read(join(directory, 'a.yaml'), new Map())).kind, 'read');
	t.is((await reader.read(join(directory, 'gone.yaml'), new Map())).kind, 'unsettled');
});

test.serial('a directory that cannot be watched is told, and tried again after 10 s', (t) => {
	const directory = join(temporaryDirectory(t), 'later');
	const touched: string[] = [];
	const faults: string[][] = [];
	const timers: {readonly delayMs: number; readonly run: () => void}[] = [];
	const clock = {
		...systemClock,
		after: (delayMs: number, run: () => void) => {
			timers.push({delayMs, run});
			return () => {};
		},
	};
	const watches = new Watches(
		(path) => touched.push(path),
		(_, each) => faults.push(each.map(({code}) => code)),
		clock,
	);
	t.teardown(() => watches.close());
	watches.watchTree(directory, 'x');
	t.deepEqual(faults, [['FILE_UNWATCHED']]);
	t.is(timers[0]?.delayMs, 10_000);
	timers[0]?.run();
	t.deepEqual(touched, [directory], 'it is looked at again, and so watched');
	writeFiles(directory, {'a.yaml': ''});
	watches.watchTree(directory, 'x');
	t.deepEqual(faults.at(-1), []);
});
