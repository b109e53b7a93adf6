import test from 'ava';
import type {NotWhole} from '../../src/control/status.ts';
import {Cluster} from '../../src/daemon/cluster.ts';
import type {Commit} from '../../src/daemon/follower.ts';
import {NotWholeLog} from '../../src/daemon/not-whole-log.ts';
import type {WorldObject} from '../../src/model/objects.ts';
import type {PlanChange} from '../../src/plan/plan.ts';
import {buildOptions} from '../plan/planned.ts';
import {buildAttachment, buildService} from '../support/builders.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeDataplane} from '../support/fake-dataplane.ts';
import {memoryLog} from '../support/memory-log.ts';

/** A log that follows the commits of one cluster. */
function start() {
	const cluster = new Cluster(buildOptions());
	const {log, lines} = memoryLog();
	const news: string[][] = [];
	const onNews = (rows: readonly NotWhole[]) => void news.push(rows.map(({service}) => service));
	const follower = new NotWholeLog(log, new FakeDataplane(), new FakeClock(), onNews);
	let first = true;
	const commit = async (full: boolean, ...objects: readonly WorldObject[]): Promise<unknown[]> => {
		for (const object of objects) {
			cluster.take({verb: 'put', object});
		}

		while (cluster.advance()) {
			// until nothing is left to plan
		}

		const before = lines.length;
		follower.committed(buildCommit(cluster, full ? undefined : cluster.changed(), first));
		await follower.settled();
		first = false;
		return lines.slice(before).map((line): unknown => JSON.parse(line));
	};
	return {
		full: async (...objects: WorldObject[]) => await commit(true, ...objects),
		update: async (...objects: WorldObject[]) => await commit(false, ...objects),
		...{cluster, news},
	};
}

function buildCommit({plan}: Cluster, change: PlanChange | undefined, first: boolean): Commit {
	const outcome = {operations: 0, refused: []};
	return {plan, change, staleFlows: [], triggers: [], first, outcome, queuedAt: undefined, startedAt: 0, endedAt: 0};
}

const plain = buildService('shop/web', {clusterIps: ['10.96.0.1']});
const sticky = buildService('shop/web', {clusterIps: ['10.96.0.1'], affinityTimeoutSeconds: 10});
/** Claims the address of `shop/web`. */
const rival = buildService('shop/zoo', {clusterIps: ['10.96.0.1']});

test('a Service that comes to be not whole is named once, and once more when it is so again', async (t) => {
	const {full, update} = start();
	t.deepEqual(await full(plain), []);
	const [line, ...more] = await update(sticky);
	t.like(line, {
		level: 'info',
		msg: 'a Service is not served as written',
		service: 'shop/web:http',
		what: '10.96.0.1 TCP 80',
		because: 'this version does not do session affinity',
	});
	t.deepEqual(more, []);
	t.deepEqual(await update(buildService('shop/other')), [], 'another commit says nothing of it');
	t.deepEqual(await full(), [], 'nor does a full sync');
	t.deepEqual(await update({...sticky, externalTrafficPolicy: 'Local'}), [], 'nor a change that leaves it so');
	t.deepEqual(await update(plain), []);
	t.is((await update(sticky)).length, 1);
});

test('what the planner left out is named once, with the object and field that decided', async (t) => {
	const {full, update} = start();
	await full(plain);
	const [line] = await update(rival);
	t.like(line, {service: 'shop/zoo:http', what: '10.96.0.1 TCP 80'});
	t.regex(JSON.stringify(line), /Service shop\/web, spec\.clusterIPs: 10\.96\.0\.1 TCP 80 is that of shop\/web:http/);
	t.deepEqual(await full(), []);
});

test('what a full sync finds is named as well: a commit that failed before it may have carried it', async (t) => {
	const {full} = start();
	await full(plain);
	t.is((await full(sticky)).length, 1);
	t.is((await full(rival)).length, 1);
});

test('the start counts Services in one line, each once', async (t) => {
	const {full, news} = start();
	const [line, ...more] = await full({...sticky, clusterIps: ['10.96.0.1', 'fd00::1'] as never}, rival);
	t.like(line, {level: 'warn', services: 2});
	t.deepEqual(more, []);
	t.deepEqual(
		news.map((services) => [...new Set(services)].toSorted()),
		[['shop/web:http', 'shop/zoo:http']],
	);
});

test('a commit that makes thousands of Services not whole names twenty, and counts the rest', async (t) => {
	const {full, update, news} = start();
	await full();
	t.deepEqual(news, []);
	const many = Array.from({length: 3000}, (_, n) =>
		buildService(`shop/s${n}`, {clusterIps: [`10.97.${n >> 8}.${n & 255}`], affinityTimeoutSeconds: 10}),
	);
	const lines = await update(...many);
	t.is(lines.length, 21);
	t.like(lines.at(-1), {more: 2980});
	t.is(news[0]?.length, 3000, 'events are told of all');
});

test('a Service that is deleted is forgotten', async (t) => {
	const {full, update, cluster} = start();
	await full(sticky);
	cluster.take({verb: 'delete', kind: 'Service', key: 'shop/web'});
	t.deepEqual(await update(), []);
	t.is((await update(sticky)).length, 1);
});

test('a host port that cannot be served is named with its pod', async (t) => {
	const {full, update} = start();
	await full();
	const [line] = await update(buildAttachment('shop/web', {addresses: ['fd01::9'], hostPorts: ['::1 8080:80']}));
	t.like(line, {
		msg: 'a host port of a pod is not served as written',
		service: 'Pod shop/web:8080',
		what: '::1 TCP 8080',
	});
});
