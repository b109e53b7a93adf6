import test from 'ava';
import {Backoff} from '../../src/daemon/backoff.ts';
import {FakeClock} from '../support/fake-clock.ts';

const take = (backoff: Backoff, count: number) => Array.from({length: count}, () => backoff.next());

test('waits double up to the ceiling, and begin anew after a success', (t) => {
	const backoff = new Backoff(new FakeClock(1), 1000);
	t.deepEqual(take(backoff, 6), [100, 200, 400, 800, 1000, 1000]);
	backoff.reset();
	t.deepEqual(take(backoff, 2), [100, 200]);
});

test('chance takes up to a half off a wait, so that nodes do not come back together', (t) => {
	t.deepEqual(take(new Backoff(new FakeClock(0), 1000), 3), [50, 100, 200]);
});

test('a ceiling that changes holds from the next wait on', (t) => {
	let ceilingMs = 30_000;
	const backoff = new Backoff(new FakeClock(1), () => ceilingMs);
	t.deepEqual(take(backoff, 4), [100, 200, 400, 800]);
	ceilingMs = 500;
	t.deepEqual(take(backoff, 2), [500, 500]);
	ceilingMs = 5000;
	t.deepEqual(take(backoff, 1), [5000]);
});

test('a thousand failures wait no longer than the ceiling', (t) => {
	t.is(Math.max(...take(new Backoff(new FakeClock(1), 30_000), 1000)), 30_000);
});
