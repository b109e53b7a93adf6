import {join} from 'node:path';
import test from 'ava';
import {systemClock} from '../../src/files/clock.ts';
import {Reader} from '../../src/files/reader.ts';
import {watchFiles} from '../../src/files/watch.ts';
import {Watches} from '../../src/files/watches.ts';
import type {EndpointSlice} from '../../src/model/objects.ts';
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

/** Endpoints in one batch: the thread sends some 256 KiB of JSON at once. */
const mostEndpoints = 2500;

test('a long list comes in chunks of bounded size, and each in a turn of the loop of its own', async (t) => {
	const file = join(temporaryDirectory(t), 'list.json');
	writeFiles(join(file, '..'), {'list.json': sliceList(1500)});
	const stop = new AbortController();
	let turn = 0;
	const count = () => {
		turn++;
		if (!stop.signal.aborted) {
			setImmediate(count);
		}
	};
	count();
	const objects: EndpointSlice[] = [];
	const turns: number[] = [];
	for await (const batch of watchFiles(file, {settleMs: 1}, stop.signal)) {
		const slices = batch.flatMap((change) =>
			change.verb === 'put' && change.object.kind === 'EndpointSlice' ? [change.object] : [],
		);
		objects.push(...slices);
		turns.push(...(slices.length > 0 ? [turn] : []));
		const endpoints = slices.reduce((sum, slice) => sum + slice.endpoints.length, 0);
		t.true(endpoints <= mostEndpoints, `${endpoints} endpoints`);
		if (batch.some(({verb}) => verb === 'synced')) {
			stop.abort();
		}
	}

	t.is(objects.length, 1500);
	t.is(new Set(turns).size, turns.length, 'no two chunks in one turn');
	const [first, last] = [objects[0], objects.at(-1)];
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
