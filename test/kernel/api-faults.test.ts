import {setTimeout} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {clusterObjects, type MatrixService, matrixObjects} from '../lab/matrix.ts';
import {apiServerAddress, ServedNode} from '../lab/served-node.ts';
import {ApiServerDouble} from '../support/api-server/double.ts';
import {statusOf} from '../support/api-server/status.ts';
import type {WatchStream} from '../support/api-server/watch-stream.ts';

/** A daemon that did not follow by then will not. */
const limitMs = 40_000;
/** A look at the node that failed is repeated after so long. */
const againMs = 100;
/** A test's load goes on for so long after its fault. */
const settledMs = 500;

const service = (index: number): MatrixService => ({
	...{name: `web-${index}`, index, internal: 'Cluster', external: 'Cluster', location: 'both'},
});
const busy = [1, 2, 3, 4].map(service);

const double = new ApiServerDouble();
let node: ServedNode;
test.before(async () => {
	double.store.put(...clusterObjects(), ...busy.flatMap(matrixObjects));
	node = await ServedNode.build(() => ({master: double.url}));
	await double.start(apiServerAddress);
	const flags = {'hostname-override': 'n1', 'cluster-cidr': '10.128.0.0/16,fd00:128::/48'};
	await node.start(new Map(Object.entries(flags))).ready();
});
test.after.always(async () => {
	await node.end();
	await double.kill();
});

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
	const began = performance.now();
	while (!(await look())) {
		if (performance.now() - began > limitMs) {
			throw new Error(
				`${what}: not after ${limitMs} ms; status: ${await node.status()}; the daemon:\n${node.daemon.log}`,
			);
		}

		await setTimeout(againMs);
	}
}

let signs = 100;

/** Traffic goes on through the fault and after it, all stays in force, and what changes from then on is followed. */
async function survives(t: ExecutionContext, fault: () => Promise<void>, mend = () => {}): Promise<void> {
	t.timeout(120_000);
	const lists = () => double.requests.filter((request) => /[?&]limit=500/.test(request)).length;
	const [{pid}, before] = [node.daemon, lists()];
	await node.load(busy);
	await fault();
	t.deepEqual(await Promise.all(busy.map(({name}) => node.isInForce(name))), [true, true, true, true]);
	mend();
	const sign = service(++signs);
	double.store.put(...matrixObjects(sign));
	await until('a change from then on is in force', async () => await node.isInForce(sign.name));
	await until('nothing is wrong any more', async () => !/API_\w+/.test(await node.status()));
	await setTimeout(settledMs); // what the fault did may show late
	const {lost, opened} = await node.unload();
	t.deepEqual(lost, []);
	t.true(opened > 20, `${opened} new connections`);
	t.is(node.daemon.pid, pid);
	t.true(lists() - before <= 2 * 4, `${lists() - before} lists of four kinds`);
}

async function untilNamed(code: string): Promise<void> {
	await until(`${code} is named`, async () => (await node.status()).includes(code));
}

test.serial('500s to everybody: they are named, and connections go on', async (t) => {
	await survives(
		t,
		async () => {
			double.faults.refuse.push({match: '/', times: 1000, status: statusOf(500, 'etcdserver: request timed out')});
			double.cutAll();
			await untilNamed('API_REFUSED');
		},
		() => {
			double.faults.refuse.length = 0;
		},
	);
});

test.serial('429 with Retry-After: the API server is left alone for so long, and connections go on', async (t) => {
	await survives(t, async () => {
		const status = statusOf(429, 'too many requests');
		double.faults.refuse.push({match: '/services?', times: 1, status, retryAfter: '3'});
		double.watchOf('services').cut();
		await untilNamed('API_REFUSED');
		const asked = double.requests.length;
		await setTimeout(2500); // less than it was told to wait
		t.is(double.requests.length, asked);
	});
});

test.serial('every version expired at once: all is listed anew, nothing is removed meanwhile', async (t) => {
	await survives(
		t,
		async () => {
			double.faults.expiresAll = true;
			double.cutAll();
			await until('it is listed anew', async () => node.daemon.log.includes('are listed anew'));
		},
		() => {
			double.faults.expiresAll = false;
		},
	);
});

test.serial('an event that cannot be decoded is named and skipped, those behind it are followed', async (t) => {
	await survives(t, async () => {
		const watch = double.watchOf('endpointslices');
		watch.write('{"type":"MODIFIED","object":{"metadata":');
		await untilNamed('API_INVALID');
		const sign = service(++signs);
		double.store.put(...matrixObjects(sign));
		await until('what comes behind it is in force', async () => await node.isInForce(sign.name));
		await end(watch);
	});
});

test.serial('a watch that is closed inside a line goes on from the last whole event', async (t) => {
	await survives(t, async () => {
		const watch = double.watchOf('services');
		watch.writeRaw('{"type":"DELETED","object":{"kind":"Service","metadata":{"namespace":"shop","name":"web-1"');
		await end(watch);
		await untilNamed('API_INVALID');
	});
});

async function end(watch: WatchStream): Promise<void> {
	watch.end();
	await until('the watch is over', async () => !double.watches.has(watch));
}

test.serial('an API server that takes connections and says nothing removes nothing, and is asked again', async (t) => {
	await survives(
		t,
		async () => {
			double.faults.isSilent = true;
			double.cutAll();
			await untilNamed('API_UNREACHABLE');
		},
		() => {
			double.faults.isSilent = false;
			double.cutAll();
		},
	);
});
