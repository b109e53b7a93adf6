import test, {type ExecutionContext} from 'ava';
import {FlowFollower, type FlowPass} from '../../src/daemon/flows.ts';
import type {Commit} from '../../src/daemon/follower.ts';
import {NetError} from '../../src/errors.ts';
import type {Plan, StaleFlows} from '../../src/plan/plan.ts';
import {createEdit, finishEdit} from '../../src/plan/plan-change.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeConntrack} from '../support/fake-conntrack.ts';
import {buildStaleFlows} from '../support/flows.ts';
import {memoryLog} from '../support/memory-log.ts';

const [dns, other] = ['10.96.0.10:53', '10.96.0.11:53'];
const [a, b, c] = ['10.128.0.11:53', '10.128.0.12:53', '10.128.0.13:53'];

/** A commit that touched some frontends; `full` one that compared everything. */
function commit(staleFlows: readonly StaleFlows[], {full = false, first = false, operations = 1} = {}): Commit {
	const frontends = new Map([['10.96.0.10 UDP 53', {key: '10.96.0.10 UDP 53', ...buildStaleFlows(dns, b)}]]);
	return {
		plan: {frontends} as unknown as Plan, // nothing else of it is read
		change: full ? undefined : finishEdit(createEdit()),
		...{staleFlows, triggers: [], first, outcome: {operations, refused: []}, queuedAt: 0, startedAt: 0, endedAt: 0},
	};
}

function start(t: ExecutionContext, kernel = new FakeConntrack()) {
	const [clock, {log, lines}, passes] = [new FakeClock(1), memoryLog(), [] as FlowPass[]];
	const follower = new FlowFollower({
		...{door: kernel, log, clock, retryCeilingMs: () => 30_000},
		observe: (pass) => passes.push(pass),
	});
	const [stop, force] = [new AbortController(), new AbortController()];
	const running = follower.run(stop.signal, force.signal);
	t.teardown(() => {
		stop.abort();
		force.abort();
	});
	return {clock, lines, passes, follower, kernel, stop, running};
}

test('behind a commit the flows that it made stale are deleted, counted and logged', async (t) => {
	const {clock, follower, kernel, passes, lines} = start(t, new FakeConntrack([{to: dns, by: a}]));
	follower.committed(commit([buildStaleFlows(dns, b)]));
	for (let step = 0; step < 20; step++) {
		await Promise.resolve();
	}

	t.deepEqual(kernel.asked, [], 'not in the turn of the commit');
	await clock.settle();
	t.deepEqual(kernel.left, []);
	t.deepEqual(passes, [{family: 'IPv4', deleted: 1, walked: 1, durationMs: 0}]);
	t.like(JSON.parse(lines[0] ?? ''), {
		...{level: 'debug', msg: 'stale flows were deleted', deleted: 1, more: 0},
		frontends: {'10.96.0.10 UDP 53': 1},
	});
	t.is(clock.timers, 0);
});

test('when rules that others took away are mended, flows that began without them are looked for', async (t) => {
	const {clock, follower, kernel} = start(t);
	follower.committed(commit([buildStaleFlows(dns, b)]));
	await clock.settle();
	kernel.add({to: dns, by: dns});
	const {plan, outcome} = commit([]);
	const moments = {edits: 1, inARow: 1, startedAt: 0, endedAt: 0};
	follower.mended({plan, outcome: {...outcome, operations: 0}, edit: {what: 'nothing'}, ...moments});
	await clock.advance(1000);
	t.is(kernel.left.length, 1, 'nothing was missing');
	follower.mended({plan, outcome, edit: {what: 'the table deleted'}, ...moments});
	await clock.advance(1000);
	t.deepEqual(kernel.left, []);
});

test('a commit that made none stale has nobody look: no UDP, or backends that only came', async (t) => {
	const {clock, follower, kernel} = start(t);
	follower.committed(commit([buildStaleFlows(dns, a)], {full: true, first: true}));
	await clock.settle();
	follower.committed(commit([]));
	follower.committed(commit([buildStaleFlows(dns, a, b)]));
	await follower.idle();
	await clock.advance(10_000);
	t.is(kernel.asked.length, 1);
});

test('a frontend whose last backend went is looked at when it goes and when one comes', async (t) => {
	const {clock, follower, kernel} = start(t);
	for (const flows of [buildStaleFlows(dns, a), buildStaleFlows(dns), buildStaleFlows(dns, a)]) {
		follower.committed(commit([flows]));
		await clock.settle();
	}

	t.is(kernel.asked.length, 3);
});

test('what commits say during a pass goes with the next, once, after four times as long as the pass took', async (t) => {
	const {clock, follower, kernel} = start(t);
	kernel.meanwhile = async () => {
		kernel.meanwhile = () => undefined;
		await clock.advance(50);
	};
	follower.committed(commit([buildStaleFlows(dns, a)]));
	await clock.settle();
	await clock.settle();
	for (const backend of [b, c, a, b]) {
		follower.committed(commit([buildStaleFlows(dns, backend), buildStaleFlows(other, backend)]));
	}

	kernel.add({to: other, by: c});
	await clock.advance(199);
	t.is(kernel.asked.length, 1);
	await clock.advance(1);
	t.deepEqual(kernel.asked.slice(1), ['IPv4 UDP 10.96.0.10 53', 'IPv4 UDP 10.96.0.11 53']);
	t.deepEqual(kernel.left, []);
});

test('a pass that fails is tried again after a growing wait, nothing is forgotten, and it is said once', async (t) => {
	const {clock, follower, kernel, lines} = start(t, new FakeConntrack([{to: dns, by: a}]));
	const missing = () => new NetError('CONNTRACK_MISSING', 'read connection tracking: EINVAL');
	kernel.failures.push(missing(), missing(), missing());
	follower.committed(commit([buildStaleFlows(dns, b)]));
	await clock.settle();
	follower.committed(commit([buildStaleFlows(dns, b, c)]));
	await clock.advance(100);
	await clock.advance(200);
	t.is(kernel.asked.length, 3);
	t.deepEqual(kernel.left, [`${dns} ${a}`]);
	await clock.advance(400);
	t.deepEqual(kernel.left, []);
	const said = lines.map((line) => JSON.parse(line) as {level: string; error?: {code: string; hint: string}});
	t.deepEqual(
		said.map(({level, error}) => [level, error?.code]),
		[
			['error', 'CONNTRACK_MISSING'],
			['debug', undefined],
			['info', undefined],
		],
	);
	t.regex(said[0]?.error?.hint ?? '', /modprobe nf_conntrack_netlink/);
});

test('a family that fails does not keep the other waiting', async (t) => {
	const kernel = new FakeConntrack([{to: '[fd00:96::a]:53', by: '[fd00:128::b]:53'}]);
	const {clock, follower, passes} = start(t, kernel);
	kernel.failures.push(new NetError('NETLINK_LOST', 'read connection tracking to the end'));
	follower.committed(commit([buildStaleFlows(dns, b), buildStaleFlows('[fd00:96::a]:53')]));
	await clock.settle();
	t.deepEqual(
		passes.map(({family, deleted}) => ({family, deleted})),
		[{family: 'IPv6', deleted: 1}],
	);
	await clock.advance(100);
	t.deepEqual(
		passes.map(({family}) => family),
		['IPv6', 'IPv4'],
	);
});

test('a full sync that had something to mend has every frontend looked at; one that had not, none', async (t) => {
	const {clock, follower, kernel} = start(t);
	follower.committed(commit([buildStaleFlows(dns, b)], {full: true, first: true}));
	await clock.settle();
	follower.committed(commit([], {full: true, operations: 0}));
	await clock.settle();
	t.is(kernel.asked.length, 1);
	kernel.add({to: dns, by: dns});
	follower.committed(commit([], {full: true, operations: 1}));
	await clock.settle();
	t.deepEqual(kernel.left, []);
});

test('a change that found rules missing and compared everything has every frontend looked at', async (t) => {
	const {clock, follower, kernel} = start(t);
	follower.committed(commit([buildStaleFlows(dns, b)], {full: true, first: true}));
	await clock.settle();
	kernel.add({to: dns, by: dns});
	const change = commit([]);
	follower.committed(change);
	await clock.settle();
	t.is(kernel.left.length, 1, 'one that found all as it was does not');
	follower.committed({...change, outcome: {...change.outcome, compared: true}});
	await clock.settle();
	t.deepEqual(kernel.left, []);
});

test('told to stop, it finishes the pass at work and begins no other', async (t) => {
	const {clock, follower, kernel, stop, running} = start(t, new FakeConntrack([{to: dns, by: a}]));
	kernel.meanwhile = () => {
		stop.abort();
		follower.committed(commit([buildStaleFlows(other, b)]));
	};
	follower.committed(commit([buildStaleFlows(dns, b)]));
	await running;
	await follower.idle();
	t.deepEqual(kernel.left, []);
	t.is(kernel.asked.length, 1);
	t.is(clock.timers, 0);
});
