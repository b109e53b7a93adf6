import test from 'ava';
import {readRefusal, readStatus} from '../../src/apiserver/refusal.ts';

test('a Status says code, reason, message and how long to wait; the header goes first', (t) => {
	const body = JSON.stringify({
		kind: 'Status',
		code: 429,
		reason: 'TooManyRequests',
		message: 'please try again later',
		details: {retryAfterSeconds: 3},
	});
	const refusal = {code: 429, reason: 'TooManyRequests', message: 'please try again later', isTooNew: false};
	t.deepEqual(readRefusal(429, undefined, body), {...refusal, retryAfterMs: 3000});
	t.deepEqual(readRefusal(429, '7', body), {...refusal, retryAfterMs: 7000});
});

test('nobody makes us wait longer than five minutes, nor with words', (t) => {
	t.is(readRefusal(503, '99999999', '').retryAfterMs, 300_000);
	t.is(readRefusal(503, 'Sat, 28 Nov 2026 00:00:00 GMT', '').retryAfterMs, undefined);
	t.is(readStatus({details: {retryAfterSeconds: 86_400}}, 500).retryAfterMs, 300_000);
});

test('a version that the API server does not know yet is told by its cause', (t) => {
	const details = {
		causes: [{reason: 'ResourceVersionTooLarge', message: 'Too large resource version'}],
		retryAfterSeconds: 1,
	};
	t.true(readStatus({code: 504, reason: 'Timeout', details}, 500).isTooNew);
});

test('an answer that is no Status keeps the code of HTTP and its first line', (t) => {
	t.like(readRefusal(502, undefined, '<html>\n<body>bad gateway'), {code: 502, reason: '', message: '<html>'});
	t.like(readRefusal(500, undefined, ''), {code: 500, message: ''});
	t.like(readStatus({code: 'x', details: 7}, 500), {code: 500, reason: ''});
});
