import test, {type ExecutionContext} from 'ava';
import {type Status, StatusAssembly} from '../../src/control/status.ts';
import {Bell} from '../../src/daemon/bell.ts';
import {Cluster} from '../../src/daemon/cluster.ts';
import {controlHandlers} from '../../src/daemon/control.ts';
import {Freshness} from '../../src/daemon/freshness.ts';
import {newCondition} from '../../src/daemon/health.ts';
import {Inbox} from '../../src/daemon/inbox.ts';
import {Reconciler} from '../../src/daemon/reconciler.ts';
import {runSource} from '../../src/daemon/source-runner.ts';
import {StatusKeeper} from '../../src/daemon/status.ts';
import {NetError} from '../../src/errors.ts';
import type {Change} from '../../src/model/change.ts';
import type {KubeObject} from '../../src/model/objects.ts';
import {silentLog} from '../../src/observe/log.ts';
import {buildOptions} from '../plan/planned.ts';
import {buildEndpoint, buildService, buildSlice} from '../support/builders.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeDataplane} from '../support/fake-dataplane.ts';
import {FakeSource} from '../support/fake-source.ts';

/** A daemon without a process: two sources, a world, a fake kernel, and what answers for its status. */
function start(t: ExecutionContext) {
	const [clock, dataplane, condition, changes] = [new FakeClock(1), new FakeDataplane(), newCondition(), new Bell()];
	const cluster = new Cluster(buildOptions());
	const freshness = new Freshness(() => changes.ring());
	const [inbox, log, retryCeilingMs] = [new Inbox(clock), silentLog, () => 1000];
	const identity = {
		version: '1.2.3',
		nodeName: 'here',
		mode: {name: 'nftables', because: 'it was asked for'},
		families: ['IPv4'],
	} as const;
	const undone = () => [{service: 'shop/lb', what: 'port 30001', because: 'it is taken'}];
	const keeper = new StatusKeeper({identity, cluster, dataplane, condition, freshness, clock, changes, undone});
	const [files, addresses] = [new FakeSource('files'), new FakeSource('nodeAddresses')];
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	for (const {door} of [files, addresses]) {
		void runSource(door, {inbox, freshness, log, clock, retryCeilingMs}, stop.signal);
	}

	const sources = ['files', 'nodeAddresses'] as const;
	const parts = {sources, inbox, cluster, dataplane, condition, followers: [keeper], log, clock, retryCeilingMs};
	void new Reconciler({...parts, minPeriodMs: () => 0}).run(stop.signal, stop.signal);
	const handlers = controlHandlers({status: keeper, clock});
	return {clock, dataplane, files, addresses, freshness, handlers, keeper};
}

type Rig = ReturnType<typeof start>;

/** Every status that is told, one after the other. */
async function* statuses({handlers}: Rig, watch: boolean, signal: AbortSignal): AsyncGenerator<Status> {
	const assembly = new StatusAssembly();
	for await (const part of handlers.status({watch}, signal)) {
		const status = assembly.add(part);
		if (status !== undefined) {
			yield status;
		}
	}
}

async function statusOf(rig: Rig): Promise<Status> {
	await rig.clock.settle();
	const {value} = await statuses(rig, false, new AbortController().signal).next();
	return value;
}

const put = (object: KubeObject): Change => ({verb: 'put', object});
const web = put(buildService('shop/web', {clusterIps: ['10.96.0.1']}));
const sticky = put(buildService('shop/sticky', {clusterIps: ['10.96.0.2'], affinityTimeoutSeconds: 10}));
const slice = put(buildSlice('shop/web', [buildEndpoint('10.128.0.1'), buildEndpoint('10.128.0.2')]));

test('before the first sync a status says what is awaited', async (t) => {
	const rig = start(t);
	rig.addresses.synced();
	rig.files.say(web);
	const status = await statusOf(rig);
	t.like(status, {version: '1.2.3', pid: process.pid, awaiting: ['source files', 'first sync'], lastCommit: undefined});
	t.is(status.inForce, undefined);
	t.deepEqual(
		status.sources.map(({name, synced, complete}) => [name, synced?.ageSeconds, complete]),
		[
			['files', undefined, false],
			['nodeAddresses', 0, true],
		],
	);
});

test('a status counts what is in force, and names what is not as written', async (t) => {
	const rig = start(t);
	rig.addresses.synced();
	rig.files.say(web, sticky, slice);
	rig.files.synced();
	await rig.clock.advance(2000);
	const status = await statusOf(rig);
	t.like(status, {services: 2, frontends: 2, endpoints: 2, awaiting: []});
	t.deepEqual(status.inForce, {at: '1970-01-01T00:16:40.000Z', ageSeconds: 2});
	t.like(status.lastCommit, {ageSeconds: 2, operations: 2, refused: 0, full: true});
	t.deepEqual(status.dataplanes, [{name: 'fake', frontends: {clusterIP: {whole: 1, partly: 1, notAtAll: 0}}}]);
	t.deepEqual(status.notWhole, [
		{service: 'shop/lb', what: 'port 30001', because: 'it is taken'},
		{service: 'shop/sticky:http', what: '10.96.0.2 TCP 80', because: 'this version does not do session affinity'},
	]);
	t.like(status.sources[0], {
		synced: {ageSeconds: 2},
		lastChange: {ageSeconds: 2},
		objects: {Service: 2, EndpointSlice: 1, Node: 0, ServiceCIDR: 0},
	});
});

test('a Service that the kernel refuses is named with its words', async (t) => {
	const rig = start(t);
	rig.dataplane.refusing.add('shop/web:http');
	rig.addresses.synced();
	rig.files.say(web);
	rig.files.synced();
	const status = await statusOf(rig);
	t.like(status.notWhole[1], {
		service: 'shop/web:http',
		what: 'its last change',
		because: 'the kernel refused it: cannot add shop/web:http (KERNEL_REFUSED)',
	});
	t.like(status.lastCommit, {refused: 1});
});

test('a commit that failed says why and when it is tried again, and nothing is in force until then', async (t) => {
	const rig = start(t);
	rig.addresses.synced();
	rig.files.say(web);
	rig.files.synced();
	await rig.clock.settle();
	rig.dataplane.failures.push(new NetError('KERNEL_DENIED', 'send a batch', {errno: 'EPERM'}));
	rig.files.say(sticky);
	await rig.clock.advance(40);
	const failed = await statusOf(rig);
	t.is(failed.inForce, undefined);
	t.like(failed.failure, {code: 'KERNEL_DENIED', details: {errno: 'EPERM'}, retryInSeconds: 0.06});
	t.is(failed.pendingSeconds, 0.04);
	await rig.clock.advance(60);
	const mended = await statusOf(rig);
	t.is(mended.failure, undefined);
	t.is(mended.inForce?.ageSeconds, 0);
});

test('a source that failed says why and when it is opened again; its problems are listed until they are mended', async (t) => {
	const rig = start(t);
	const problem = new NetError('FILE_INVALID', 'parse a.yaml', {line: 3});
	await rig.clock.settle();
	rig.freshness.troubled('files', problem);
	rig.freshness.troubled('files', new NetError('FILE_INVALID', 'parse b.yaml'));
	rig.freshness.mended('files', problem);
	const troubled = await statusOf(rig);
	t.deepEqual(
		troubled.problems.map(({source, message}) => [source, message]),
		[['files', 'cannot parse b.yaml']],
	);
	t.like(troubled.sources[0], {problems: 1});
	rig.files.fail(new NetError('FILE_UNREADABLE', 'read'));
	const failed = await statusOf(rig);
	t.like(failed.sources[0], {complete: false, restarts: 0, failure: {code: 'FILE_UNREADABLE', retryInSeconds: 0.1}});
	await rig.clock.advance(100);
	const reopened = await statusOf(rig);
	t.like(reopened.sources[0], {restarts: 1, problems: 0});
	rig.files.synced();
	const synced = await statusOf(rig);
	t.like(synced.sources[0], {complete: true, failure: undefined});
});

test('a long list comes in parts, of which none takes long to write', async (t) => {
	const rig = start(t);
	rig.addresses.synced();
	const services = Array.from({length: 2500}, (_, n) =>
		put(buildService(`shop/s${n}`, {clusterIps: [`10.97.${n >> 8}.${n & 255}`], affinityTimeoutSeconds: 10})),
	);
	rig.files.say(...services);
	rig.files.synced();
	await rig.clock.settle();
	const sizes: number[] = [];
	for await (const part of rig.handlers.status({watch: false}, new AbortController().signal)) {
		sizes.push(part.kind === 'notWhole' ? part.rows.length : 0);
	}

	t.deepEqual(sizes, [1000, 1000, 501, 0]);
});

test('a watch tells the state, then each change, at most twice a second, and nothing in between', async (t) => {
	const rig = start(t);
	const stop = new AbortController();
	const told: number[] = [];
	const watching = (async () => {
		for await (const {services} of statuses(rig, true, stop.signal)) {
			told.push(services);
		}
	})();
	rig.addresses.synced();
	rig.files.say(web);
	rig.files.synced();
	await rig.clock.advance(1000);
	t.is(told.at(-1), 1);
	const before = told.length;
	await rig.clock.advance(60_000);
	t.is(told.length, before, 'nothing happens, nothing is told');
	for (let n = 0; n < 10; n++) {
		rig.files.say(put(buildService(`shop/s${n}`, {clusterIps: [`10.97.0.${n}`]})));
		await rig.clock.advance(100);
	}

	await rig.clock.advance(1000);
	t.is(told.at(-1), 11, 'the last change is told');
	t.true(told.length - before <= 4, `${told.length - before} for a second of changes`);
	stop.abort();
	await watching;
});

test('a watch is told when a mend settled something, and when nothing waits any more', async (t) => {
	const rig = start(t);
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	for (const settled of [() => rig.keeper.mended(), () => rig.keeper.unchanged()]) {
		let isTold = false;
		void rig.keeper.changed(stop.signal).then(() => {
			isTold = true;
		});
		await rig.clock.settle();
		t.false(isTold);
		settled();
		await rig.clock.settle();
		t.true(isTold);
	}
});
