import test from 'ava';
import {liveAnswer, newCondition, readyAnswer} from '../../src/daemon/health.ts';
import {NetError} from '../../src/errors.ts';

const date = new Date('2026-11-23T10:00:00Z');

test('ready means that nothing is awaited and the kernel takes what it is sent', (t) => {
	const condition = newCondition();
	t.deepEqual(readyAnswer(condition), {ok: false, body: {ready: false, awaiting: ['start'], refused: []}});
	condition.awaiting = [];
	t.true(readyAnswer(condition).ok);
	condition.failure = new NetError('KERNEL_DENIED', 'send a batch');
	const {ok, body} = readyAnswer(condition);
	t.false(ok);
	t.like(body as object, {ready: false, failure: {code: 'KERNEL_DENIED', message: 'cannot send a batch'}});
});

test('a Service that the kernel refused is named in an answer that is still 200', (t) => {
	const condition = {...newCondition(), awaiting: []};
	const service = {namespace: 'shop', name: 'web', port: 'http', protocol: 'TCP'} as const;
	condition.refused.set('shop/web:http', {service, error: new NetError('KERNEL_REFUSED', 'add an element')});
	const {ok, body} = readyAnswer(condition);
	t.true(ok);
	t.like(body as object, {refused: [{service: 'shop/web:http', code: 'KERNEL_REFUSED'}]});
});

test('the daemon lives while no change waits for the kernel longer than two sync periods', (t) => {
	const condition = newCondition();
	t.true(liveAnswer(condition, 0, 30_000, date).ok, 'before the first change');
	condition.pendingSince = 1000;
	t.true(liveAnswer(condition, 60_999, 30_000, date).ok);
	condition.lastCommitAt = date.getTime() - 61_000;
	t.deepEqual(liveAnswer(condition, 61_000, 30_000, date), {
		ok: false,
		body: {lastUpdated: '2026-11-23T09:58:59.000Z', currentTime: '2026-11-23T10:00:00.000Z', healthy: false},
	});
});
