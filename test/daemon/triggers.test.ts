import test from 'ava';
import {Triggers} from '../../src/daemon/triggers.ts';
import {buildEndpoint, buildSlice} from '../support/builders.ts';

const web = buildSlice('shop/web', [buildEndpoint('10.129.0.1')]);
const db = buildSlice('shop/db', [buildEndpoint('10.129.0.2')]);

test('what was read before the first commit was brought about before anybody was there to see it', (t) => {
	const triggers = new Triggers();
	triggers.note(web, 1);
	t.deepEqual(triggers.take(), []);
	triggers.note(web, 2);
	t.deepEqual(triggers.take(), [{family: 'IPv4', at: 2}]);
	t.deepEqual(triggers.take(), []);
});

test('a slice that goes takes along what waits of its Service, and of no other', (t) => {
	const triggers = new Triggers();
	triggers.take();
	triggers.note(web, 1);
	triggers.note(db, 2);
	triggers.note(web, 3);
	triggers.forget(web);
	t.deepEqual(triggers.take(), [{family: 'IPv4', at: 2}]);
});

test('while no commit succeeds, ten thousand wait and no more; what was taken or went makes room', (t) => {
	const triggers = new Triggers();
	triggers.take();
	const fill = (slice: typeof web, count: number) => {
		for (let at = 0; at < count; at++) {
			triggers.note(slice, at);
		}
	};
	fill(web, 6000);
	fill(db, 6000);
	triggers.forget(web);
	fill(web, 7000);
	t.is(triggers.take().length, 10_000);
	fill(db, 12_000);
	t.is(triggers.take().length, 10_000);
});
