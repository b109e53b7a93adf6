import test, {type ExecutionContext} from 'ava';
import {Cluster} from '../../src/daemon/cluster.ts';
import type {Commit} from '../../src/daemon/follower.ts';
import {type Condition, isHealthy, isReady, newCondition} from '../../src/daemon/health.ts';
import {Inbox} from '../../src/daemon/inbox.ts';
import {Reconciler} from '../../src/daemon/reconciler.ts';
import {logFollower} from '../../src/daemon/report.ts';
import {NetError} from '../../src/errors.ts';
import type {Change, SourceName} from '../../src/model/change.ts';
import type {KubeObject} from '../../src/model/objects.ts';
import {parseAddress} from '../../src/net/address.ts';
import type {Frontend} from '../../src/plan/frontend.ts';
import {buildEndpoint, buildPort, buildService, buildSlice, thisNode} from '../support/builders.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeDataplane} from '../support/fake-dataplane.ts';
import {memoryLog} from '../support/memory-log.ts';

/** A reconciler at work between an inbox and a fake dataplane. */
type Rig = {
	readonly clock: FakeClock;
	readonly inbox: Inbox;
	readonly dataplane: FakeDataplane;
	readonly condition: Condition;
	readonly commits: readonly Commit[];
	readonly lines: readonly string[];
	/** What a configuration file may change under way. */
	readonly pace: {retryCeilingMs: number; minPeriodMs: number};
	readonly say: (...changes: readonly Change[]) => Promise<void>;
	readonly synced: (complete?: boolean) => Promise<void>;
	readonly stop: () => Promise<void>;
};

function start(t: ExecutionContext, {minPeriodMs = 0} = {}): Rig {
	const [clock, dataplane, condition] = [new FakeClock(1), new FakeDataplane(), newCondition()];
	const inbox = new Inbox(clock);
	const {log, lines} = memoryLog();
	const cluster = new Cluster({
		nodeName: thisNode,
		families: ['IPv4', 'IPv6'],
		detector: {kind: 'none'},
		masqueradeAll: false,
		nodePortAddresses: ['primary'],
		nodeIps: [],
	});
	const sources: readonly SourceName[] = ['files', 'nodeAddresses'];
	const commits: Commit[] = [];
	const followers = [
		logFollower(log, () => cluster.serviceCount),
		{committed: (commit: Commit) => commits.push(commit)},
	];
	const pace = {retryCeilingMs: 1000, minPeriodMs};
	const reconciler = new Reconciler({
		...{sources, inbox, cluster, dataplane, condition, followers, log, clock},
		retryCeilingMs: () => pace.retryCeilingMs,
		minPeriodMs: () => pace.minPeriodMs,
	});
	const stop = new AbortController();
	const running = reconciler.run(stop.signal, new AbortController().signal);
	t.teardown(() => stop.abort());
	const push = async (source: SourceName, changes: readonly Change[] | 'restarted') => {
		inbox.push({source, changes});
		await clock.settle();
	};
	return {
		...{clock, inbox, dataplane, condition, commits, lines, pace},
		say: async (...changes) => await push('files', changes),
		synced: async (complete = true) => {
			await push('nodeAddresses', [{verb: 'synced', source: 'nodeAddresses', complete: true}]);
			await push('files', [{verb: 'synced', source: 'files', complete}]);
		},
		stop: async () => {
			stop.abort();
			await running;
		},
	};
}

const put = (object: KubeObject): Change => ({verb: 'put', object});
const gone = (kind: KubeObject['kind'], key: string): Change => ({verb: 'delete', kind, key});
/** The Service `shop/<name>` at one cluster IP. */
const service = (name: string, address: string) => buildService(`shop/${name}`, {clusterIps: [address]});

const web = put(service('web', '10.96.0.1'));
const db = put(service('db', '10.96.0.2'));
const webKey = '10.96.0.1 TCP 80';
const dbKey = '10.96.0.2 TCP 80';

/** What a daemon before this one left in the kernel. */
const left: Frontend = {
	...{key: webKey, kind: 'clusterIP', address: parseAddress('10.96.0.1'), protocol: 'TCP', port: 80},
	service: {namespace: 'shop', name: 'web', port: 'http', protocol: 'TCP'},
	...{target: {kind: 'reject'}, masquerade: 'never', because: []},
};

test('nothing is written before every source told all it knows; then one full sync, which prunes', async (t) => {
	const {say, inbox, clock, dataplane, condition} = start(t);
	await say(web, db, {verb: 'synced', source: 'files', complete: true});
	t.deepEqual(dataplane.calls, []);
	t.deepEqual(condition.awaiting, ['source nodeAddresses', 'first sync']);
	t.false(isReady(condition));
	inbox.push({source: 'nodeAddresses', changes: [{verb: 'synced', source: 'nodeAddresses', complete: true}]});
	await clock.settle();
	t.deepEqual(dataplane.calls, ['sync and prune']);
	t.deepEqual([...dataplane.kernel.keys()], [webKey, dbKey]);
	t.true(isReady(condition));
	t.is(clock.timers, 0, 'an idle daemon sets no timer');
});

test('after the first sync a change sends only what it touched, at once', async (t) => {
	const {say, synced, dataplane} = start(t);
	await say(web);
	await synced();
	await say(db);
	await say(put(buildSlice('shop/web', [buildEndpoint('10.128.0.1')])));
	await say(gone('Service', 'shop/db'));
	t.deepEqual(dataplane.calls, ['sync and prune', `update ${dbKey}`, `update ${webKey}`, `update ${dbKey}`]);
	t.deepEqual([...dataplane.kernel.keys()], [webKey]);
});

test('a change that changes nothing about the plan sends nothing', async (t) => {
	const {say, synced, dataplane} = start(t);
	await say(web);
	await synced();
	await say(web);
	await say(put(buildService('shop/hidden', {clusterIps: []})));
	t.deepEqual(dataplane.calls, ['sync and prune']);
});

test('changes during a commit wait, become one batch, and the last state wins', async (t) => {
	const {say, synced, clock, dataplane} = start(t);
	await say(web);
	await synced();
	const release = dataplane.hold();
	await say(put(buildSlice('shop/web', [buildEndpoint('10.128.0.1')])));
	await say(db);
	await say(put(service('other', '10.96.0.3')));
	await say(gone('Service', 'shop/other'));
	await say(put(service('db', '10.96.0.4')));
	t.deepEqual(dataplane.calls, ['sync and prune', `update ${webKey}`]);
	release();
	await clock.settle();
	t.deepEqual(dataplane.calls.slice(2), ['update 10.96.0.4 TCP 80']);
	t.deepEqual([...dataplane.kernel.keys()], [webKey, '10.96.0.4 TCP 80']);
});

test('what a source could not read is not pruned, until it is complete', async (t) => {
	const {say, synced, clock, dataplane, inbox} = start(t);
	await say(web);
	await synced(false);
	await say(db);
	t.deepEqual(dataplane.calls, ['sync', `update ${dbKey}`]);
	inbox.push({source: 'files', changes: [{verb: 'synced', source: 'files', complete: true}]});
	await clock.settle();
	t.deepEqual(dataplane.calls, ['sync', `update ${dbKey}`, 'sync and prune']);
});

test('a commit that fails is mended by a full sync after a growing wait; what comes meanwhile goes with it', async (t) => {
	const {say, synced, clock, dataplane, condition, lines} = start(t);
	await say(web);
	await synced();
	const error = new NetError('KERNEL_REFUSED', 'send a batch');
	dataplane.failures.push(error, error);
	await say(db);
	t.false(isReady(condition));
	await say(put(service('other', '10.96.0.3')));
	t.deepEqual(dataplane.calls, ['sync and prune', `update ${dbKey}`]);
	await clock.advance(100);
	t.is(dataplane.calls.length, 3, 'the second try, which fails too');
	await clock.advance(199);
	t.is(dataplane.calls.length, 3);
	await clock.advance(1);
	t.deepEqual(dataplane.calls.slice(2), ['sync and prune', 'sync and prune']);
	t.deepEqual([...dataplane.kernel.keys()], [webKey, dbKey, '10.96.0.3 TCP 80']);
	t.true(isReady(condition));
	t.is(lines.filter((line) => line.includes('KERNEL_REFUSED')).length, 2);
});

test('flows that went stale are told with the commit that the kernel took, after those that it did not', async (t) => {
	const {say, synced, clock, dataplane, commits} = start(t);
	const dns = (address: string) =>
		put(
			buildService('shop/dns', {clusterIps: [address], ports: [buildPort({name: 'dns', protocol: 'UDP', port: 53})]}),
		);
	await say(dns('10.96.0.53'));
	await synced();
	t.deepEqual(
		commits.at(-1)?.staleFlows.map(({address}) => address),
		[parseAddress('10.96.0.53')],
		'from before us',
	);
	dataplane.failures.push(new NetError('KERNEL_REFUSED', 'send a batch'));
	await say(dns('10.96.0.54'));
	await say(web);
	t.is(commits.length, 1);
	await clock.advance(1000);
	t.deepEqual(
		commits
			.at(-1)
			?.staleFlows.map(({address}) => String(address))
			.toSorted(),
		['10.96.0.53', '10.96.0.54'],
	);
	await say(db);
	t.deepEqual(commits.at(-1)?.staleFlows, [], 'they are told once');
});

test('an error that is no NetError is a bug with a code, and is mended all the same', async (t) => {
	const {say, synced, clock, dataplane, lines} = start(t);
	dataplane.failures.push(new TypeError('x is undefined'));
	await say(web);
	await synced();
	await clock.advance(100);
	t.deepEqual([...dataplane.kernel.keys()], [webKey]);
	t.true(lines.some((line) => line.includes('DAEMON_BUG')));
});

test('a Service that the kernel refuses is named once, others go on, and it is tried again', async (t) => {
	const {say, synced, clock, dataplane, condition, lines} = start(t);
	dataplane.refusing.add('shop/web:http');
	await say(web);
	await synced();
	t.true(isReady(condition), 'one bad Service does not make the node unready');
	t.deepEqual([...condition.refused.keys()], ['shop/web:http']);
	await say(db);
	t.deepEqual([...dataplane.kernel.keys()], [dbKey]);
	await clock.advance(5000);
	const named = lines.filter((line) => line.includes('refused a Service'));
	t.is(named.length, 1);
	t.true(named[0]?.includes('shop/web:http') && named[0].includes('KERNEL_REFUSED'));
	dataplane.refusing.clear();
	await clock.advance(1000);
	t.deepEqual([...dataplane.kernel.keys()], [dbKey, webKey]);
	t.is(condition.refused.size, 0);
	t.is(clock.timers, 0, 'nothing is left to retry');
});

test('a refused Service that a change mends is no longer refused', async (t) => {
	const {say, synced, dataplane, condition} = start(t);
	dataplane.refusing.add('shop/web:http');
	await say(web);
	await synced();
	dataplane.refusing.clear();
	await say(put(buildSlice('shop/web', [buildEndpoint('10.128.0.1')])));
	t.is(condition.refused.size, 0);
	t.deepEqual([...dataplane.kernel.keys()], [webKey]);
});

test('a source that begins anew deletes what it no longer tells, once it has told everything', async (t) => {
	const {say, synced, clock, dataplane, inbox} = start(t);
	await say(web, db);
	await synced();
	inbox.push({source: 'files', changes: 'restarted'});
	await say(web);
	t.deepEqual([...dataplane.kernel.keys()], [webKey, dbKey], 'what was not told again may still come');
	await say({verb: 'synced', source: 'files', complete: true});
	await clock.settle();
	t.deepEqual([...dataplane.kernel.keys()], [webKey]);
});

test('a source that begins anew and cannot read everything deletes nothing', async (t) => {
	const {say, synced, dataplane, inbox} = start(t);
	await say(web, db);
	await synced();
	inbox.push({source: 'files', changes: 'restarted'});
	await say(web, {verb: 'synced', source: 'files', complete: false});
	t.deepEqual([...dataplane.kernel.keys()], [webKey, dbKey]);
	await say({verb: 'synced', source: 'files', complete: true});
	t.deepEqual([...dataplane.kernel.keys()], [webKey]);
});

test('the least time between two commits is kept, and the first change of a quiet time does not wait', async (t) => {
	const {say, synced, clock, dataplane} = start(t, {minPeriodMs: 500});
	await synced();
	await clock.advance(1000);
	await say(web);
	t.is(dataplane.calls.length, 2);
	await say(db);
	await say(put(service('other', '10.96.0.3')));
	t.is(dataplane.calls.length, 2);
	await clock.advance(500);
	t.deepEqual(dataplane.calls.slice(2), [`update ${dbKey}, 10.96.0.3 TCP 80`]);
});

test('a wall clock that jumps delays no commit and makes no daemon look dead', async (t) => {
	const {say, synced, clock, dataplane, condition} = start(t, {minPeriodMs: 500});
	await say(web);
	await synced();
	for (const aheadMs of [-86_400_000, 86_400_000]) {
		clock.setWallAhead(aheadMs);
		await clock.advance(500);
		const before = dataplane.calls.length;
		dataplane.failures.push(new NetError('KERNEL_REFUSED', 'send a batch'));
		await say(put(service('db', `10.96.1.${before}`)));
		t.is(dataplane.calls.length, before + 1, 'at once');
		t.true(isHealthy(condition, clock.now(), 30_000));
		await clock.advance(1000);
		t.is(dataplane.calls.at(-1), 'sync and prune', 'and tried again in time');
		t.true(isReady(condition));
	}
});

test('another least time holds from the next commit on, another ceiling from the next failure on', async (t) => {
	const {say, synced, clock, dataplane, pace} = start(t);
	await synced();
	pace.minPeriodMs = 500;
	await say(web);
	await say(db);
	t.is(dataplane.calls.length, 2, 'the first sync and the first change');
	await clock.advance(500);
	t.is(dataplane.calls.length, 3);
	pace.minPeriodMs = 0;
	pace.retryCeilingMs = 150;
	dataplane.failures.push(...Array.from({length: 10}, () => new NetError('NFT_REFUSED', 'commit')));
	await clock.advance(500);
	await say(put(service('other', '10.96.0.3')));
	const before = dataplane.calls.length;
	await clock.advance(1000);
	t.is(dataplane.calls.length - before, 7, 'after 100 ms, then each 150');
});

test('the commit in flight is finished before the daemon ends, and no other begins', async (t) => {
	const {say, synced, stop, clock, dataplane} = start(t);
	await synced();
	const release = dataplane.hold();
	await say(web);
	await say(db);
	let ended = false;
	const ending = stop().then(() => {
		ended = true;
	});
	await clock.settle();
	t.false(ended);
	release();
	await ending;
	t.deepEqual([...dataplane.kernel.keys()], [webKey]);
});

test('a change that comes with the signal to end is left to the next daemon', async (t) => {
	const {synced, stop, inbox, dataplane} = start(t);
	await synced();
	inbox.push({source: 'files', changes: [web]});
	await stop();
	t.deepEqual(dataplane.calls, ['sync and prune']);
});

test('a source that can read nothing at all is awaited: its silence says nothing of the cluster', async (t) => {
	const {say, synced, clock, dataplane, condition} = start(t);
	await synced(false);
	t.deepEqual(dataplane.calls, []);
	t.deepEqual(condition.awaiting, ['source files', 'first sync']);
	await say(web, {verb: 'synced', source: 'files', complete: true});
	await clock.settle();
	t.deepEqual(dataplane.calls, ['sync and prune']);
});

test('an empty cluster is told of as such, and is in force at once', async (t) => {
	const {synced, dataplane} = start(t);
	await synced(true);
	t.deepEqual(dataplane.calls, ['sync and prune']);
});

test('a Service that trips a bug in planning stays as it was, and the others go on', async (t) => {
	const {say, synced, dataplane, lines} = start(t);
	dataplane.kernel.set(webKey, left);
	const broken = {...buildSlice('shop/web', []), endpoints: JSON.parse('null')};
	await say(web, put(broken), db);
	await synced();
	t.deepEqual([...dataplane.kernel.keys()], [webKey, dbKey]);
	t.deepEqual(dataplane.calls, ['sync']);
	t.true(lines.some((line) => line.includes('DAEMON_BUG')));
});

test('an object that trips a bug as it is taken in is left out and named; the others go on', async (t) => {
	const {say, synced, dataplane, lines} = start(t);
	await say(JSON.parse('{"verb": "put"}'), db);
	await synced();
	t.deepEqual([...dataplane.kernel.keys()], [dbKey]);
	t.true(lines.some((line) => line.includes('DAEMON_BUG')));
});

test('a daemon told to end before it began writes nothing', async (t) => {
	const {say, stop, dataplane} = start(t);
	await say(web);
	await stop();
	t.deepEqual(dataplane.calls, []);
});

test('what somebody else takes out of the kernel is put back at once, and a line says who did what', async (t) => {
	const {say, synced, clock, dataplane, commits, lines} = start(t);
	await say(web, db);
	await synced();
	dataplane.edit(webKey);
	await clock.settle();
	t.deepEqual(dataplane.calls, ['sync and prune', `mend ${webKey}`]);
	t.deepEqual([...dataplane.kernel.keys()], [dbKey, webKey]);
	t.is(commits.length, 1, 'it is no commit of anything new');
	const line = lines.find((text) => text.includes('another process changed our rules'));
	t.regex(line ?? '', /"process":"nft","pid":7,"what":"10\.96\.0\.1 TCP 80 deleted","operations":1,/);
	t.is(clock.timers, 0);
});

test('what somebody else does during a commit is mended behind it, before what came meanwhile', async (t) => {
	const {say, synced, clock, dataplane} = start(t);
	await say(web);
	await synced();
	const release = dataplane.hold();
	await say(db);
	dataplane.edit(webKey);
	await say(put(service('other', '10.96.0.3')));
	t.deepEqual(dataplane.calls.slice(1), [`update ${dbKey}`]);
	release();
	await clock.settle();
	t.deepEqual(dataplane.calls.slice(2), [`mend ${webKey}`, 'update 10.96.0.3 TCP 80']);
});

test('what cannot be mended is mended by a full sync after a wait, as any commit that failed', async (t) => {
	const {say, synced, clock, dataplane, condition} = start(t);
	await say(web);
	await synced();
	dataplane.failures.push(new NetError('NFT_REFUSED', 'add a rule'));
	dataplane.edit(webKey);
	await clock.settle();
	t.false(isReady(condition));
	await clock.advance(100);
	t.deepEqual(dataplane.calls.slice(2), ['sync and prune']);
	t.true(isReady(condition));
	t.deepEqual([...dataplane.kernel.keys()], [webKey]);
});

test('a Service that the kernel refuses while it is mended is tried again', async (t) => {
	const {say, synced, clock, dataplane, condition} = start(t);
	await say(web);
	await synced();
	dataplane.refusing.add('shop/web:http');
	dataplane.edit(webKey);
	await clock.settle();
	t.deepEqual([...condition.refused.keys()], ['shop/web:http']);
	dataplane.refusing.clear();
	await clock.advance(100);
	t.is(condition.refused.size, 0);
	t.deepEqual([...dataplane.kernel.keys()], [webKey]);
});
