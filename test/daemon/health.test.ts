import test from 'ava';
import {healthzAnswer, liveAnswer, newCondition, readyAnswer} from '../../src/daemon/health.ts';
import {NetError} from '../../src/errors.ts';

const wall = Date.parse('2026-11-23T10:00:00Z');

/** The proxy's facts at a moment of the clock, with the default sync period. */
function facts(condition: ReturnType<typeof newCondition>, now = 0) {
	return {condition, at: {now, wall}, syncPeriodMs: 30_000, families: ['IPv4', 'IPv6'] as const};
}

test('ready means that nothing is awaited and the kernel takes what it is sent', (t) => {
	const condition = newCondition();
	const {status, body} = readyAnswer(condition);
	t.is(status, 503);
	t.deepEqual(JSON.parse(body), {ready: false, awaiting: ['start'], refused: []});
	condition.awaiting = [];
	t.is(readyAnswer(condition).status, 200);
	condition.failure = new NetError('KERNEL_DENIED', 'send a batch');
	const failed = readyAnswer(condition);
	t.is(failed.status, 503);
	t.like(JSON.parse(failed.body), {ready: false, failure: {code: 'KERNEL_DENIED', message: 'cannot send a batch'}});
});

test('a Service that the kernel refused is named in an answer that is still 200', (t) => {
	const condition = {...newCondition(), awaiting: []};
	const service = {namespace: 'shop', name: 'web', port: 'http', protocol: 'TCP'} as const;
	condition.refused.set('shop/web:http', {service, error: new NetError('KERNEL_REFUSED', 'add an element')});
	const {status, body} = readyAnswer(condition);
	t.is(status, 200);
	t.like(JSON.parse(body), {refused: [{service: 'shop/web:http', code: 'KERNEL_REFUSED'}]});
});

test('before the first change the daemon is healthy, and no family has a status', (t) => {
	const condition = newCondition();
	t.deepEqual(healthzAnswer(facts(condition), true), {
		status: 200,
		contentType: 'application/json',
		body: '{"lastUpdated":"2026-11-23T10:00:00Z","currentTime":"2026-11-23T10:00:00Z","nodeEligible":true,"healthy":true}',
	});
	t.is(
		liveAnswer(facts(condition)).body,
		'{"lastUpdated":"2026-11-23T10:00:00Z","currentTime":"2026-11-23T10:00:00Z","healthy":true}',
	);
});

test('while all is well, lastUpdated is now, and each family says when it was committed: kube-proxy, byte for byte', (t) => {
	const condition = {...newCondition(), lastCommitAt: wall - 1880};
	const family = '{"lastUpdated":"2026-11-23T09:59:58.12Z","healthy":true}';
	t.is(
		healthzAnswer(facts(condition), true).body,
		`{"lastUpdated":"2026-11-23T10:00:00Z","currentTime":"2026-11-23T10:00:00Z","nodeEligible":true,"healthy":true,"status":{"IPv4":${family},"IPv6":${family}}}`,
	);
});

test('only families that the node serves have a status', (t) => {
	const condition = {...newCondition(), lastCommitAt: wall};
	const {body} = liveAnswer({...facts(condition), families: ['IPv4']});
	t.deepEqual(Object.keys(JSON.parse(body).status), ['IPv4']);
});

test('a change that waits for the kernel for two sync periods turns /healthz and /livez to 503, with the last commit', (t) => {
	const condition = {...newCondition(), pendingSince: 1000, lastCommitAt: wall - 61_000};
	t.is(liveAnswer(facts(condition, 60_999)).status, 200);
	const {status, body} = liveAnswer(facts(condition, 61_000));
	const family = '{"lastUpdated":"2026-11-23T09:58:59Z","healthy":false}';
	t.is(status, 503);
	t.is(
		body,
		`{"lastUpdated":"2026-11-23T09:58:59Z","currentTime":"2026-11-23T10:00:00Z","healthy":false,"status":{"IPv4":${family},"IPv6":${family}}}`,
	);
	t.is(healthzAnswer(facts(condition, 61_000), true).status, 503);
});

test("a first commit that never comes is told too, with Go's zero time", (t) => {
	const {status, body} = liveAnswer(facts({...newCondition(), pendingSince: 0}, 60_000));
	t.is(status, 503);
	t.like(JSON.parse(body), {lastUpdated: '0001-01-01T00:00:00Z', healthy: false});
	t.deepEqual(JSON.parse(body).status.IPv6, {lastUpdated: '0001-01-01T00:00:00Z', healthy: false});
});

test('a node that load balancers shall leave is 503 on /healthz alone; its proxy is as healthy as before', (t) => {
	const condition = {...newCondition(), lastCommitAt: wall - 5000};
	const {status, body} = healthzAnswer(facts(condition), false);
	t.is(status, 503);
	t.like(JSON.parse(body), {lastUpdated: '2026-11-23T09:59:55Z', nodeEligible: false, healthy: true});
	t.is(liveAnswer(facts(condition)).status, 200);
});
