import test from 'ava';
import {Backoff} from '../../src/apiserver/backoff.ts';
import {Turns} from '../../src/apiserver/clock.ts';
import {merge} from '../../src/apiserver/merge.ts';
import {Pulse} from '../../src/apiserver/pulse.ts';
import {isOlder} from '../../src/apiserver/query.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {ManualClock} from '../support/manual-clock.ts';

test('waits double up to 30 s, cut by chance to between a half and the whole', (t) => {
	const waits = (chance: number) => {
		const backoff = new Backoff(new FakeClock(chance));
		return Array.from({length: 7}, () => backoff.next());
	};
	t.deepEqual(waits(0), [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
	t.deepEqual(waits(1), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('no wait is shorter than what the API server asked for, and not all are equally long', (t) => {
	t.is(new Backoff(new FakeClock(0)).next(10_000), 10_000);
	t.is(new Backoff(new FakeClock(1)).next(10_000), 15_000);
	t.is(new Backoff(new FakeClock(0)).next(100), 500);
});

test('a watch may be silent until its end; with a bookmark each minute no longer than 100 s', (t) => {
	const clock = new ManualClock();
	const pulse = new Pulse(clock.now, 300_000);
	t.is(pulse.limitMs, 310_000);
	clock.elapse(60_000);
	pulse.beat();
	t.is(pulse.limitMs, 250_000, 'one bookmark is no habit');
	clock.elapse(75_000);
	pulse.beat();
	t.is(pulse.limitMs, 100_000);
	clock.elapse(90_000);
	pulse.beat();
	t.is(pulse.limitMs, 85_000, 'they come too seldom to rely on');
});

test('versions are numbers of any length; what is none is never older', (t) => {
	t.true(isOlder('9', '10'));
	t.false(isOlder('10', '9'));
	t.false(isOlder('10', '10'));
	t.true(isOlder('9007199254740993', '9007199254740994'));
	t.false(isOlder('', '10'));
	t.false(isOlder('abc', '10'));
});

test('a turn of the event loop that was used for 10 ms is given up', async (t) => {
	const clock = new ManualClock();
	let turnsTaken = 0;
	const turns = new Turns({...clock, now: clock.now, turn: async () => void turnsTaken++});
	await turns.next();
	t.is(turnsTaken, 0);
	clock.elapse(10);
	await turns.next();
	await turns.next();
	t.is(turnsTaken, 1);
});

async function* say<T>(...words: readonly T[]): AsyncGenerator<T> {
	yield* words;
}

test('streams are merged in the order in which they speak, and end with the last of them', async (t) => {
	const words = await Array.fromAsync(merge([say(1, 2, 3), say<number>(), say(10)]));
	t.deepEqual(
		words.toSorted((a, b) => a - b),
		[1, 2, 3, 10],
	);
	t.deepEqual(
		words.filter((word) => word < 10),
		[1, 2, 3],
	);
});

test('a stream that fails fails the merged one', async (t) => {
	async function* fail(): AsyncGenerator<number> {
		yield 1;
		throw new Error('broken');
	}

	await t.throwsAsync(Array.fromAsync(merge([fail(), say(2)])), {message: 'broken'});
});

test('a reader that leaves lets every stream end', async (t) => {
	const stop = new AbortController();
	let isClosed = false;
	async function* endless(): AsyncGenerator<number> {
		try {
			for (;;) {
				yield 1;
			}
		} finally {
			isClosed = true;
			stop.abort();
		}
	}

	for await (const word of merge([endless()])) {
		t.is(word, 1);
		break;
	}

	await new Promise((resolve) =>
		stop.signal.aborted ? resolve(undefined) : stop.signal.addEventListener('abort', resolve),
	);
	t.true(isClosed);
});
