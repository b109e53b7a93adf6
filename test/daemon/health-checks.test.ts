import {once} from 'node:events';
import {connect} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {healthCheckReply} from '../../src/daemon/health-check-port.ts';
import {HealthChecks} from '../../src/daemon/health-checks.ts';
import {parseAddress} from '../../src/net/address.ts';
import type {HealthCheck, Plan} from '../../src/plan/plan.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {freePort, holdPort} from '../support/free-port.ts';
import {buildPlan} from '../support/frontends.ts';
import {memoryLog} from '../support/memory-log.ts';

const loopback = ['127.0.0.1', '::1'];

function check(name: string, port: number, localEndpoints: HealthCheck['localEndpoints']): HealthCheck {
	return {port, namespace: 'shop', name, localEndpoints};
}

/** Health-check ports that answer on loopback until the test ends. */
function start(t: ExecutionContext) {
	const clock = new FakeClock(1);
	const {log, lines} = memoryLog();
	const state = {healthy: true, failures: 0, changes: 0, unanswered: [] as string[]};
	const checks = new HealthChecks({
		...{log, clock, retryCeilingMs: () => 1000, healthy: () => state.healthy},
		bindFailed: () => {
			state.failures++;
		},
		unanswered: ({service}) => state.unanswered.push(service),
		changed: () => {
			state.changes++;
		},
	});
	t.teardown(() => checks.close());
	const plan = (list: readonly HealthCheck[], addresses = loopback): Plan => ({
		...buildPlan([]),
		healthChecks: new Map(list.map((each) => [each.port, each])),
		healthCheckAddresses: addresses.map(parseAddress),
	});
	return {
		...{checks, clock, lines, state},
		/** Commits a plan, and lets the kernel say whether the ports are free. */
		commit: async (list: readonly HealthCheck[], addresses = loopback) => {
			checks.committed({plan: plan(list, addresses), change: undefined});
			await clock.settle();
		},
		plan,
	};
}

async function ask(port: number, host = '127.0.0.1', path = '/', init: RequestInit = {}) {
	const response = await fetch(`http://${host}:${port}${path}`, init);
	return {status: response.status, headers: response.headers, body: await response.text()};
}

test('a Service with endpoints here is told of byte for byte as kube-proxy does', (t) => {
	const {body} = healthCheckReply({...check('wp-nginx-service', 1, {IPv4: 1}), namespace: 'default'}, 'IPv4', true);
	t.is(
		body,
		'{\n\t"service": {\n\t\t"namespace": "default",\n\t\t"name": "wp-nginx-service"\n\t},\n\t"localEndpoints": 1,\n\t"serviceProxyHealthy": true\n}',
	);
	t.is(body.length, 127, 'the Content-Length that a real kube-proxy sends');
});

test('each family answers on its own address with its own count: 200 with endpoints, 503 without', async (t) => {
	const {commit} = start(t);
	const port = await freePort();
	await commit([check('web', port, {IPv4: 2, IPv6: 0})]);
	const [four, six] = [await ask(port), await ask(port, '[::1]')];
	t.deepEqual([four.status, JSON.parse(four.body).localEndpoints], [200, 2]);
	t.deepEqual([six.status, JSON.parse(six.body).localEndpoints], [503, 0]);
	t.is(four.headers.get('x-load-balancing-endpoint-weight'), '2');
	t.is(four.headers.get('content-type'), 'application/json');
	t.is(four.headers.get('x-content-type-options'), 'nosniff');
	await commit([check('web', port, {IPv4: 0, IPv6: 1})]);
	t.deepEqual([(await ask(port)).status, (await ask(port, '[::1]')).status], [503, 200]);
});

test('any path and any method are answered alike', async (t) => {
	const {commit} = start(t);
	const port = await freePort();
	await commit([check('web', port, {IPv4: 1})]);
	for (const method of ['GET', 'POST', 'OPTIONS']) {
		t.is((await ask(port, '127.0.0.1', '/any/where?x', {method})).status, 200, method);
	}
});

test('while changes do not reach the kernel every Service is 503, with its count', async (t) => {
	const {commit, state} = start(t);
	const port = await freePort();
	await commit([check('web', port, {IPv4: 3})]);
	state.healthy = false;
	const {status, body, headers} = await ask(port);
	t.is(status, 503);
	t.like(JSON.parse(body), {localEndpoints: 3, serviceProxyHealthy: false});
	t.is(headers.get('x-load-balancing-endpoint-weight'), '3');
});

test('a family in which the Service has no address, and an address that the node has not, listen nowhere', async (t) => {
	const {commit} = start(t);
	const port = await freePort();
	await commit([check('web', port, {IPv4: 1})]);
	await t.throwsAsync(ask(port, '[::1]'));
	await commit([check('web', port, {IPv4: 1})], ['::1']);
	await t.throwsAsync(ask(port));
});

test('0.0.0.0 and :: answer side by side, each with the count of its family', async (t) => {
	const {commit} = start(t);
	const port = await freePort();
	await commit([check('web', port, {IPv4: 1, IPv6: 2})], ['0.0.0.0', '::']);
	t.is(JSON.parse((await ask(port)).body).localEndpoints, 1);
	t.is(JSON.parse((await ask(port, '[::1]')).body).localEndpoints, 2);
});

/** A connection that sends `text` and resolves once it has been closed by the other side. */
async function hold(t: ExecutionContext, port: number, text: string) {
	const socket = connect(port, '127.0.0.1');
	t.teardown(() => socket.destroy());
	const closed = once(
		socket.on('error', () => undefined), // a reset is an end too
		'close',
	);
	await once(socket, 'connect');
	socket.write(text);
	return {socket, closed};
}

const request = 'GET / HTTP/1.1\r\nHost: x\r\n';

test('a Service that goes frees its port at once and ends what is connected to it, idle or half-way', async (t) => {
	const {commit} = start(t);
	const port = await freePort();
	await commit([check('web', port, {IPv4: 1})]);
	const idle = await hold(t, port, `${request}\r\n`);
	await once(idle.socket, 'data');
	const half = await hold(t, port, request);
	await ask(port); // by now the half request has been read
	await commit([]);
	await Promise.all([idle.closed, half.closed]);
	await t.throwsAsync(ask(port));
});

test('a port goes from one Service to another in one commit, and connections of the first end', async (t) => {
	const {commit, state} = start(t);
	const [port, other] = [await freePort(), await freePort()];
	await commit([check('web', port, {IPv4: 1})]);
	const half = await hold(t, port, request);
	await ask(port); // by now the half request has been read
	await commit([check('db', port, {IPv4: 1}), check('web', other, {IPv4: 1})]);
	await half.closed;
	t.is(JSON.parse((await ask(port)).body).service.name, 'db');
	t.is(JSON.parse((await ask(other)).body).service.name, 'web');
	t.is(state.failures, 0);
});

test('of many ports a commit opens a few in its own turn and all of them soon, and the last commit wins', async (t) => {
	const {checks, plan, commit} = start(t);
	const ports = await Promise.all(Array.from({length: 60}, freePort));
	const all = ports.map((port, index) => check(`s${index}`, port, {IPv4: 1}));
	checks.committed({plan: plan(all, ['127.0.0.1']), change: undefined});
	await commit(all.slice(1), ['127.0.0.1']);
	t.is(checks.count, 59);
	t.deepEqual(new Set(await Promise.all(ports.slice(1).map(async (port) => (await ask(port)).status))), new Set([200]));
	await t.throwsAsync(ask(ports[0] ?? 0));
});

test('a commit that touches no health check is passed over', async (t) => {
	const {checks, plan, clock} = start(t);
	const port = await freePort();
	const change = {touched: new Set<string>(), node: false, healthChecks: false, unserved: new Set<string>()};
	const next = plan([check('web', port, {IPv4: 1})]);
	checks.committed({plan: next, change: {...change, staleFlows: []}});
	await clock.settle();
	t.is(checks.count, 0);
	checks.committed({plan: next, change: {...change, staleFlows: [], healthChecks: true}});
	await clock.settle();
	t.is((await ask(port)).status, 200);
});

test('a port in use is told once, counted at each try, and answered as soon as it is free', async (t) => {
	const {checks, commit, clock, lines, state} = start(t);
	const {port, server} = await holdPort();
	t.teardown(() => server.close());
	await commit([check('web', port, {IPv4: 1, IPv6: 1})]);
	t.is((await ask(port, '[::1]')).status, 200, 'on its other address it answers');
	t.like(checks.problems[0], {service: 'shop/web', port, error: {code: 'HEALTH_CHECK_BIND'}});
	t.is(checks.problems[0]?.error.message, `cannot answer health checks on 127.0.0.1:${port}`);
	await clock.advance(100);
	t.is(state.failures, 2);
	t.is(lines.filter((line) => line.includes('HEALTH_CHECK_BIND')).length, 1);
	t.is(state.changes, 1, 'whoever watches the status is told once');
	t.deepEqual(state.unanswered, ['shop/web'], 'and so is whoever reads events');
	server.close();
	await once(server, 'close');
	await clock.advance(200);
	t.is((await ask(port)).status, 200);
	t.deepEqual(checks.problems, []);
	t.true(lines.at(-1)?.includes('again'));
	t.is(state.changes, 2, 'and when it is answered');
	t.is(clock.timers, 0);
});

test('a commit that touches the Service tries its port again at once', async (t) => {
	const {commit, state} = start(t);
	const {port, server} = await holdPort();
	const web = check('web', port, {IPv4: 1});
	await commit([web]);
	await commit([web]);
	t.is(state.failures, 1, 'nothing is new about it');
	server.close();
	await once(server, 'close');
	await commit([{...web}]);
	t.is((await ask(port)).status, 200);
});

test('a port in use is given up with its Service', async (t) => {
	const {checks, commit, clock} = start(t);
	const {port, server} = await holdPort();
	t.teardown(() => server.close());
	await commit([check('web', port, {IPv4: 1})]);
	t.is(clock.timers, 1);
	await commit([]);
	t.is(clock.timers, 0);
	t.deepEqual([checks.count, checks.problems], [0, []]);
});
