import test from 'ava';
import {Quiet} from '../../src/files/quiet.ts';

/** A clock that stands still until it is told, and a burst gatherer on it. */
function quietAt() {
	let time = 0;
	const timers = new Map<() => void, number>();
	const stop = new AbortController();
	const after = (delayMs: number, callback: () => void) => {
		timers.set(callback, time + delayMs);
		return () => timers.delete(callback);
	};
	const quiet = new Quiet(100, {now: () => time, wall: () => time, after}, stop.signal);
	const advance = (ms: number) => {
		time += ms;
		for (const [callback, at] of timers) {
			if (at <= time) {
				timers.delete(callback);
				callback();
			}
		}
	};
	return {quiet, advance, stop, timers};
}

test('a path is given out once nothing touched it for the time to settle', async (t) => {
	const {quiet, advance} = quietAt();
	let given: readonly string[] = [];
	const next = quiet.next().then((paths) => {
		given = [...paths];
	});
	quiet.touch('a');
	for (let step = 0; step < 5; step++) {
		advance(90);
		quiet.touch('a');
		await Promise.resolve();
		t.deepEqual(given, []);
	}

	advance(60);
	advance(40);
	await next;
	t.deepEqual(given, ['a']);
});

test('paths of one burst are given out together', async (t) => {
	const {quiet, advance} = quietAt();
	const next = quiet.next();
	quiet.touch('a');
	advance(60);
	quiet.touch('b');
	advance(60);
	await Promise.resolve();
	await Promise.resolve();
	advance(60);
	t.deepEqual([...(await next)], ['a', 'b']);
});

test('a file that never rests holds up the others for ten times as long, not for ever', async (t) => {
	const {quiet, advance} = quietAt();
	const next = quiet.next();
	quiet.touch('a');
	for (let ms = 0; ms < 1000; ms += 50) {
		quiet.touch('busy');
		advance(50);
		await new Promise(setImmediate);
	}

	t.deepEqual([...(await next)], ['a']);
	t.false(quiet.isBusy, 'nobody waits for it any longer');
});

test('a burst that does not end is told once, as nothing', async (t) => {
	const {quiet, advance} = quietAt();
	let [told, ms] = [0, 0];
	quiet.touch('busy');
	t.true(quiet.isBusy);
	const count = async () => {
		while (ms < 3000) {
			const paths = await quiet.next();
			told += 1;
			t.is(paths.size, 0);
		}
	};
	void count();
	for (; ms < 3000; ms += 50) {
		quiet.touch('busy');
		advance(50);
		await new Promise(setImmediate);
	}

	t.is(told, 1);
	t.false(quiet.isBusy);
});

test('the signal ends the waiting and leaves no timer', async (t) => {
	const {quiet, stop, timers} = quietAt();
	const next = quiet.next();
	quiet.touch('a');
	stop.abort();
	t.is((await next).size, 0);
	t.is(timers.size, 0);
	t.is((await quiet.next()).size, 0);
});

test('a path that came to rest while others were read for long is waited for', (t) => {
	const {quiet, advance} = quietAt();
	quiet.touch('a');
	advance(5000);
	t.true(quiet.isBusy);
});
