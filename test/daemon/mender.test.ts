import test, {type ExecutionContext} from 'ava';
import {type Mended, Mender} from '../../src/daemon/mender.ts';
import {NetError} from '../../src/errors.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeDataplane} from '../support/fake-dataplane.ts';
import {buildFrontend, buildPlan} from '../support/frontends.ts';
import {memoryLog} from '../support/memory-log.ts';

const web = buildFrontend();
const plan = buildPlan([web]);
const {signal} = new AbortController();

async function start(t: ExecutionContext, dataplane = new FakeDataplane()) {
	const clock = new FakeClock(1);
	const {log, lines} = memoryLog();
	let woken = 0;
	const mender = new Mender({dataplane, log, clock, wake: () => woken++});
	const stop = new AbortController();
	const following = mender.follow(stop.signal);
	t.teardown(async () => {
		stop.abort();
		await following;
	});
	await dataplane.sync(plan, true);
	const edit = async () => {
		dataplane.edit(web.key);
		await clock.settle();
	};
	/** Waits until the mend is due, as the reconciler does. */
	const mendWhenDue = async (): Promise<{readonly waitMs: number; readonly mended: Mended | undefined}> => {
		const waitMs = mender.dueMs ?? Number.NaN;
		await clock.advance(waitMs);
		return {waitMs, mended: await mender.mend(plan, signal)};
	};
	return {clock, dataplane, mender, lines, edit, mendWhenDue, woken: () => woken};
}

test('a change by somebody else is mended at once; several before that are one', async (t) => {
	const {mender, dataplane, edit, mendWhenDue, woken} = await start(t);
	t.is(mender.dueMs, undefined);
	await edit();
	await edit();
	t.is(woken(), 2);
	const {waitMs, mended} = await mendWhenDue();
	t.is(waitMs, 0);
	t.like(mended, {edit: {by: {process: 'nft', pid: 7}}, edits: 2, inARow: 1, outcome: {operations: 1}});
	t.true(dataplane.kernel.has(web.key));
	t.is(mender.dueMs, undefined);
	t.is(await mender.mend(plan, signal), undefined);
});

test('who goes on and on is met at once five times, then after growing waits of a second at most', async (t) => {
	const {edit, mendWhenDue} = await start(t);
	const waits: number[] = [];
	for (let round = 0; round < 12; round++) {
		await edit();
		waits.push((await mendWhenDue()).waitMs);
	}

	t.deepEqual(waits, [0, 0, 0, 0, 0, 100, 200, 400, 800, 1000, 1000, 1000]);
});

test('never is more than half of the time spent on mending', async (t) => {
	const {clock, dataplane, mender, edit} = await start(t);
	for (let round = 0; round < 6; round++) {
		await edit();
		const release = dataplane.hold();
		const mending = mender.mend(plan, signal);
		await clock.advance(3000);
		release();
		await mending;
	}

	await edit();
	t.is(mender.dueMs, 3000);
});

test('after five quiet seconds somebody else is met at once again', async (t) => {
	const {clock, edit, mendWhenDue} = await start(t);
	for (let round = 0; round < 8; round++) {
		await edit();
		await mendWhenDue();
	}

	await clock.advance(5001);
	await edit();
	const {waitMs, mended} = await mendWhenDue();
	t.is(waitMs, 0);
	t.is(mended?.inARow, 1);
});

test('when the watch fails that is told, and it is opened again after a growing wait', async (t) => {
	const dataplane = new FakeDataplane();
	const watch = dataplane.watch.bind(dataplane);
	let opened = 0;
	dataplane.watch = (stop) => {
		opened++;
		if (opened < 3) {
			throw new NetError('KERNEL_REFUSED', 'open a netlink socket');
		}

		return watch(stop);
	};
	const {clock, mender, lines, edit} = await start(t, dataplane);
	await clock.advance(99);
	t.is(opened, 1);
	await clock.advance(1);
	t.is(opened, 2);
	await clock.advance(200);
	t.is(opened, 3);
	t.is(lines.filter((line) => line.includes('KERNEL_REFUSED')).length, 2);
	await edit();
	t.is(mender.dueMs, 0);
});

test('a watch that tells what was missed and fails is opened again after growing waits all the same', async (t) => {
	const dataplane = new FakeDataplane();
	let opened = 0;
	dataplane.watch = async function* () {
		opened++;
		yield {what: 'more than could be followed, or heard'};
		throw new NetError('KERNEL_REFUSED', 'wait for a netlink socket');
	};
	const {clock} = await start(t, dataplane);
	await clock.advance(100);
	await clock.advance(200);
	t.is(opened, 3);
	await clock.advance(399);
	t.is(opened, 3);
	await clock.advance(1);
	t.is(opened, 4);
});
