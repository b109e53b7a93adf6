import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {clusterObjects, type MatrixService, matrixObjects} from '../lab/matrix.ts';
import {apiServerAddress, ServedNode} from '../lab/served-node.ts';
import {ApiServerDouble} from '../support/api-server/double.ts';
import {statusOf} from '../support/api-server/status.ts';
import type {WatchStream} from '../support/api-server/watch-stream.ts';
import {kubeconfigText} from '../support/watched-api.ts';

/** A daemon that did not follow by then will not. */
const limitMs = 90_000;
/** A look at the node that failed is repeated after so long. */
const againMs = 100;
/** A test's load goes on for so long after its fault. */
const settledMs = 500;

const service = (index: number): MatrixService => ({
	...{name: `web-${index}`, index, internal: 'Cluster', external: 'Cluster', location: 'both'},
});
const busy = [1, 2, 3, 4].map(service);

const double = new ApiServerDouble();
const directory = mkdtempSync(join(tmpdir(), 'fairlead-api-faults-'));
const token = join(directory, 'token');
let node: ServedNode;

function writeKubeconfig(): {readonly kubeconfig: string} {
	const kubeconfig = join(directory, 'kubeconfig');
	writeFileSync(kubeconfig, kubeconfigText({server: double.url}, {tokenFile: token}));
	return {kubeconfig};
}

test.before(async () => {
	double.store.put(...clusterObjects(), ...busy.flatMap(matrixObjects));
	writeFileSync(token, 'old');
	double.faults.tokens = new Set(['old']);
	node = await ServedNode.build(writeKubeconfig);
	await double.start(apiServerAddress);
	const flags = {'hostname-override': 'n1', 'cluster-cidr': '10.128.0.0/16,fd00:128::/48'};
	await node.start(new Map(Object.entries(flags))).ready();
});
test.after.always(async () => {
	await node.end();
	await double.kill();
	rmSync(directory, {recursive: true, force: true});
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
	t.timeout(240_000);
	const lists = () => double.requests.filter((request) => /[?&]limit=500/.test(request)).length;
	const [{pid}, before] = [node.daemon, lists()];
	await node.load(busy);
	const table = await node.table();
	t.true(table.size > 100, `${table.size} pieces`);
	await fault();
	t.deepEqual([...table.difference(await node.table())], [], 'gone from the kernel');
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

test.serial('an API server that is slow: nothing is removed while a list trickles in, and it is taken', async (t) => {
	await survives(t, async () => {
		await node.slow(4000);
		t.teardown(async () => await node.slow(undefined));
		const [table, told] = [await node.table(), node.daemon.log.length];
		const sign = service(++signs);
		double.cutAll();
		double.store.put(...matrixObjects(sign));
		double.store.compact(); // what it has to say next is a list
		await until('what changed is in force', async () => {
			t.deepEqual([...table.difference(await node.table())], [], 'gone from the kernel');
			return await node.isInForce(sign.name);
		});
		t.regex(node.daemon.log.slice(told), /are listed anew/);
	});
});

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

test.serial('a token that is not taken any more is named, and the next one in its file is gone by', async (t) => {
	await survives(
		t,
		async () => {
			double.faults.tokens = new Set(['new']);
			double.cutAll();
			await untilNamed('401 Unauthorized');
		},
		() => writeFileSync(token, 'new'),
	);
});
