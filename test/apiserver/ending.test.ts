import test from 'ava';
import {type Ending, judge, type Round} from '../../src/apiserver/ending.ts';
import {type WatchedKind, watchedKinds} from '../../src/apiserver/kinds.ts';
import {NetError} from '../../src/errors.ts';

const [services, , nodes] = watchedKinds('here') as [WatchedKind, WatchedKind, WatchedKind];
const round: Round = {isUnread: false, isStream: true, wasHeard: true, livedMs: 400_000, watchMs: 400_000};
const refused = (code: number, parts: object = {}): Ending => ({
	kind: 'refused',
	refusal: {code, reason: '', message: 'no', retryAfterMs: undefined, isTooNew: false, ...parts},
});

test('a watch that was over in its time goes on at once; one that was over early waits, as all others do', (t) => {
	t.deepEqual(judge(services, {kind: 'over'}, round), {next: 'now', mustVerify: false});
	t.deepEqual(judge(services, {kind: 'over'}, {...round, livedMs: 60_000}), {next: 'backoff', mustVerify: false});
	t.deepEqual(judge(services, {kind: 'over'}, {...round, wasHeard: false}), {next: 'now', mustVerify: true});
});

test('a list that streams and ends before it is complete comes in pages from then on', (t) => {
	t.deepEqual(judge(services, {kind: 'over'}, {...round, isUnread: true}), {next: 'backoff', listBy: 'pages'});
});

test('a connection that is lost goes on from where it was, once the API server is seen to know that state', (t) => {
	const problem = new NetError('API_UNREACHABLE', 'reach it');
	t.deepEqual(judge(services, {kind: 'lost', problem}, round), {next: 'backoff', problem, mustVerify: true});
});

test('a version that is not kept, or not reached yet, starts over without a problem', (t) => {
	t.deepEqual(judge(services, refused(410), round), {next: 'backoff', retryAfterMs: undefined, startOver: '410 (no)'});
	t.like(judge(services, refused(504, {isTooNew: true, retryAfterMs: 1000}), round), {
		startOver: '504 (no)',
		retryAfterMs: 1000,
	});
	t.like(judge(services, refused(410), {...round, isUnread: true, isStream: false}), {listBy: 'whole'});
});

test('an API server that streams no lists is asked for pages at once', (t) => {
	const unread = {...round, isUnread: true};
	t.deepEqual(judge(services, refused(422), unread), {next: 'now', listBy: 'pages'});
	t.deepEqual(judge(services, refused(400), unread), {next: 'now', listBy: 'pages'});
	t.is(judge(services, refused(422), round).problem?.code, 'API_REFUSED');
});

test('what is not needed may be absent or forbidden; what is needed may not', (t) => {
	t.like(judge(nodes, refused(404), round), {next: 'watchEnd', standing: 'absent'});
	t.like(judge(nodes, refused(403), round), {next: 'backoff', standing: 'forbidden'});
	t.is(judge(services, refused(404), round).standing, undefined);
	t.is(judge(services, refused(403), round).standing, undefined);
});

test('every other refusal is a problem that names kind, code and reason, and waits as long as it is asked to', (t) => {
	const verdict = judge(services, refused(503, {reason: 'ServiceUnavailable', retryAfterMs: 9000}), round);
	t.is(verdict.problem?.message, 'cannot list or watch Services: 503 ServiceUnavailable (no)');
	t.is(verdict.retryAfterMs, 9000);
});
