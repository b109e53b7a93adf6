import test, {type ExecutionContext} from 'ava';
import {Cluster} from '../../src/daemon/cluster.ts';
import {newCondition} from '../../src/daemon/health.ts';
import {Inbox, type Receipt} from '../../src/daemon/inbox.ts';
import {Reconciler} from '../../src/daemon/reconciler.ts';
import {NetError} from '../../src/errors.ts';
import type {Change, SourceName} from '../../src/model/change.ts';
import type {WorldObject} from '../../src/model/objects.ts';
import {buildOptions} from '../plan/planned.ts';
import {buildAttachment, buildService} from '../support/builders.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeDataplane} from '../support/fake-dataplane.ts';
import {memoryLog} from '../support/memory-log.ts';

/** A reconciler of pods and Services at work. `send` returns what is heard of the mail; nothing yet is an empty list. */
function start(t: ExecutionContext, minPeriodMs = 0) {
	const [clock, dataplane, condition] = [new FakeClock(1), new FakeDataplane(), newCondition()];
	const inbox = new Inbox(clock);
	const {log, lines} = memoryLog();
	const sources: readonly SourceName[] = ['files', 'cni'];
	const reconciler = new Reconciler({
		...{sources, inbox, dataplane, condition, log, clock, followers: []},
		cluster: new Cluster(buildOptions()),
		retryCeilingMs: () => 1000,
		minPeriodMs: () => minPeriodMs,
	});
	const stop = new AbortController();
	const running = reconciler.run(stop.signal, new AbortController().signal);
	t.teardown(() => stop.abort());
	const send = async (...changes: readonly Change[]) => {
		const heard: string[] = [];
		inbox.push({source: 'cni', changes, settled: (receipt) => void heard.push(printReceipt(receipt))});
		await clock.settle();
		return heard;
	};
	const synced = async () => {
		for (const source of sources) {
			inbox.push({source, changes: [{verb: 'synced', source, complete: true}]});
		}

		await clock.settle();
	};
	const end = async () => {
		stop.abort();
		await running;
	};
	return {clock, dataplane, inbox, lines, send, synced, end};
}

function printReceipt(receipt: Receipt): string {
	return receipt.kind === 'refused'
		? `refused ${receipt.refused.map(({error}) => error.message).join('; ')}`
		: receipt.kind;
}

const put = (object: WorldObject): Change => ({verb: 'put', object});
const web = put(buildAttachment('shop/web', {hostPorts: ['127.0.0.1 80:8080']}));
const plain = put(buildAttachment('shop/plain'));
const gone = (name: string): Change => ({verb: 'delete', kind: 'PodAttachment', key: `${name}-container/eth0`});

test('a host port is in force when its pod is told so: once the commit that carried it is acknowledged', async (t) => {
	const {clock, dataplane, send, synced} = start(t);
	await synced();
	const release = dataplane.hold();
	const heard = await send(web);
	t.deepEqual(heard, []);
	release();
	await clock.settle();
	t.deepEqual(heard, ['inForce']);
	t.true(dataplane.kernel.has('127.0.0.1 TCP 80'));
	t.deepEqual(await send(gone('web')), ['inForce']);
	t.false(dataplane.kernel.has('127.0.0.1 TCP 80'));
	t.deepEqual(heard, ['inForce'], 'once');
});

test('before the first sync nobody is told anything, not even of a pod without host ports', async (t) => {
	const {send, synced} = start(t);
	const heard = await send(plain);
	t.deepEqual(heard, []);
	await synced();
	t.deepEqual(heard, ['inForce']);
});

test('mail that comes while a commit is in flight waits for the next one', async (t) => {
	const {clock, dataplane, send, synced} = start(t);
	await synced();
	const release = dataplane.hold();
	const first = await send(web);
	const second = await send(put(buildAttachment('shop/api', {hostPorts: ['127.0.0.1 81:8080']})));
	release();
	const releaseSecond = dataplane.hold();
	await clock.settle();
	t.deepEqual([first, second], [['inForce'], []]);
	releaseSecond();
	await clock.settle();
	t.deepEqual(second, ['inForce']);
});

test('a pod without host ports waits for no commit and for no pause between commits, unless something of it is on its way', async (t) => {
	const {clock, dataplane, send, synced} = start(t, 1000);
	await synced();
	t.deepEqual(await send(plain), ['inForce']);
	t.deepEqual(await send(gone('plain')), ['inForce']);
	await clock.advance(1000);
	const release = dataplane.hold();
	const opened = await send(web);
	t.deepEqual(await send(plain), ['inForce']);
	const closed = await send(gone('web'));
	t.deepEqual([opened, closed], [[], []]);
	release();
	await clock.settle();
	t.deepEqual([opened, closed], [['inForce'], ['inForce']]);
	t.deepEqual(dataplane.calls, ['sync and prune', 'update 127.0.0.1 TCP 80', 'update 127.0.0.1 TCP 80']);
});

test('a pod that waits for its host port is not held back by the least time between two commits', async (t) => {
	const {send, synced} = start(t, 60_000);
	await synced();
	t.deepEqual(await send(web), ['inForce']);
	t.deepEqual(await send(gone('web')), ['inForce']);
});

test('a pod that goes while its coming waits behind a commit is not told of its end before', async (t) => {
	const {clock, dataplane, send, synced} = start(t);
	await synced();
	const release = dataplane.hold();
	await send(put(buildAttachment('shop/api', {hostPorts: ['127.0.0.1 81:8080']})));
	const [opened, closed] = [await send(web), await send(gone('web'))];
	t.deepEqual([opened, closed], [[], []]);
	release();
	await clock.settle();
	t.deepEqual([opened, closed], [['inForce'], ['inForce']]);
});

test('a commit that fails is tried again before anybody is told', async (t) => {
	const {clock, dataplane, send, synced} = start(t);
	await synced();
	dataplane.failures.push(new NetError('KERNEL_REFUSED', 'commit'));
	const heard = await send(web);
	t.deepEqual(heard, []);
	await clock.advance(2000);
	t.deepEqual(heard, ['inForce']);
});

test('who sent what the kernel refuses is told so, and nobody else', async (t) => {
	const {dataplane, inbox, send, synced, clock} = start(t);
	await synced();
	dataplane.refusing.add('Pod shop/web:80').add('shop/db:http');
	t.deepEqual(await send(web), ['refused cannot add Pod shop/web:80']);
	inbox.push({source: 'files', changes: [put(buildService('shop/db'))]});
	await clock.settle();
	t.deepEqual(await send(put(buildAttachment('shop/api', {hostPorts: ['127.0.0.1 81:8080']}))), ['inForce']);
});

test('with the end of the daemon everybody is told of it, those too who come later', async (t) => {
	const {dataplane, send, synced, end} = start(t);
	const early = await send(web);
	await end();
	t.deepEqual(early, ['ended']);
	t.deepEqual(await send(gone('web')), ['ended']);
	await synced();
	t.deepEqual(dataplane.calls, []);
});

test('a receipt that trips a bug is named, and others are told', async (t) => {
	const {clock, inbox, lines, send, synced} = start(t);
	inbox.push({
		...{source: 'cni', changes: [plain]},
		settled: () => {
			throw new Error('a bug');
		},
	});
	const heard = await send(web);
	await synced();
	await clock.settle();
	t.deepEqual(heard, ['inForce']);
	t.is(lines.filter((line) => line.includes('a receipt was not taken')).length, 1);
});
