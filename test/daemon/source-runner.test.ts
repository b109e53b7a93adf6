import test, {type ExecutionContext} from 'ava';
import {Freshness} from '../../src/daemon/freshness.ts';
import {Inbox} from '../../src/daemon/inbox.ts';
import {runSource} from '../../src/daemon/source-runner.ts';
import {NetError} from '../../src/errors.ts';
import {buildService, buildSlice} from '../support/builders.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeSource} from '../support/fake-source.ts';
import {memoryLog} from '../support/memory-log.ts';

function start(t: ExecutionContext) {
	const [clock, source] = [new FakeClock(1), new FakeSource('files')];
	const inbox = new Inbox(clock);
	const {log, lines} = memoryLog();
	const freshness = new Freshness();
	const stop = new AbortController();
	const running = runSource(source.door, {inbox, freshness, log, clock, retryCeilingMs: () => 1000}, stop.signal);
	t.teardown(() => stop.abort());
	return {clock, source, inbox, freshness, lines, stop, running};
}

test('what a source says reaches the inbox, and what it delivered is said once', async (t) => {
	const {clock, source, inbox, lines} = start(t);
	source.say({verb: 'put', object: buildService('shop/web')}, {verb: 'put', object: buildSlice('shop/web', [])});
	source.synced();
	await clock.settle();
	t.deepEqual(
		inbox.take().map(({changes}) => changes.length),
		[2, 1],
	);
	t.is(lines.length, 1);
	t.like(JSON.parse(lines[0] ?? ''), {
		level: 'info',
		source: 'files',
		complete: true,
		objects: {Service: 1, EndpointSlice: 1},
	});
});

test('a source that fails is named with its code, and opened again after a growing wait', async (t) => {
	const {clock, source, inbox, lines} = start(t);
	await clock.settle();
	source.fail(new NetError('DAEMON_SOURCE', 'watch'));
	await clock.settle();
	t.true(lines[0]?.includes('DAEMON_SOURCE'));
	t.is(source.opened, 1);
	await clock.advance(100);
	t.is(source.opened, 2);
	source.fail(new Error('again'));
	await clock.advance(199);
	t.is(source.opened, 2);
	await clock.advance(1);
	t.is(source.opened, 3);
	t.deepEqual(
		inbox.take().map(({changes}) => changes),
		['restarted', 'restarted'],
	);
});

test('a source that told everything waits the shortest time after its next failure', async (t) => {
	const {clock, source} = start(t);
	for (let failures = 0; failures < 5; failures++) {
		await clock.settle();
		source.fail(new Error('broken'));
		await clock.advance(1000);
	}

	source.synced();
	await clock.settle();
	source.fail(new Error('broken'));
	await clock.advance(100);
	t.is(source.opened, 7);
});

test('a source that ends without being told to has failed', async (t) => {
	const {clock, source, lines} = start(t);
	await clock.settle();
	source.end();
	await clock.advance(100);
	t.is(source.opened, 2);
	t.true(lines[0]?.includes('it ended'));
});

test('the end of the daemon closes the source, also while it waits to open it again', async (t) => {
	const {clock, source, stop, running} = start(t);
	await clock.settle();
	stop.abort();
	await running;
	t.true(source.closed);

	const second = start(t);
	await second.clock.settle();
	second.source.fail(new Error('broken'));
	await second.clock.settle();
	second.stop.abort();
	await second.running;
	t.is(second.clock.timers, 0);
});

test('a source that could not read a part is a warning; once it can, that is said', async (t) => {
	const {clock, source, lines} = start(t);
	source.synced(false);
	source.synced(true);
	await clock.settle();
	t.deepEqual(
		lines.map((line) => JSON.parse(line).level),
		['info', 'warn', 'info'],
	);
});
