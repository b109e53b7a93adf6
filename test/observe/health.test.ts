import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import type {NetError} from '../../src/errors.ts';
import {type HealthOptions, serveHealth} from '../../src/observe/health.ts';

/** Serves until the test ends; the port it took. */
async function serve(t: ExecutionContext, answers: HealthOptions['answers'], address = '127.0.0.1:0'): Promise<number> {
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	return await new Promise((resolve, reject) =>
		serveHealth({address, answers, bound: resolve, refused: reject}, stop.signal),
	);
}

test('a path answers 200 when ok and 503 when not, now and not as it was at the start', async (t) => {
	let ok = false;
	const port = await serve(t, {'/readyz': () => ({ok, body: ok ? 'ok' : 'waiting for files'})});
	const url = `http://127.0.0.1:${port}/readyz`;
	const before = await fetch(url);
	t.deepEqual([before.status, await before.text()], [503, 'waiting for files']);
	ok = true;
	const after = await fetch(`${url}?verbose`);
	t.deepEqual([after.status, await after.text()], [200, 'ok']);
	t.is(after.headers.get('x-content-type-options'), 'nosniff');
});

test('a body that is a value is sent as JSON, to HEAD none is sent', async (t) => {
	const port = await serve(t, {'/healthz': () => ({ok: true, body: {healthy: true}})});
	const get = await fetch(`http://127.0.0.1:${port}/healthz`);
	t.is(get.headers.get('content-type'), 'application/json');
	t.deepEqual(await get.json(), {healthy: true});
	const head = await fetch(`http://127.0.0.1:${port}/healthz`, {method: 'HEAD'});
	t.deepEqual([head.status, await head.text()], [200, '']);
});

test('other paths are 404 and name those that are there, other methods are 405, an answer that throws is 500', async (t) => {
	const port = await serve(t, {
		'/livez': () => {
			throw new Error('no plan yet');
		},
	});
	const at = async (path: string, method = 'GET') => {
		const response = await fetch(`http://127.0.0.1:${port}${path}`, {method});
		return [response.status, await response.text()];
	};
	t.deepEqual(await at('/toString'), [404, 'nothing here; try /livez\n']);
	t.deepEqual(await at('/livez', 'POST'), [405, 'only GET and HEAD\n']);
	t.deepEqual(await at('/livez'), [500, 'no plan yet\n']);
});

test('0.0.0.0 and [::] answer IPv4 clients', async (t) => {
	for (const address of ['0.0.0.0:0', '[::]:0']) {
		const port = await serve(t, {'/livez': () => ({ok: true, body: address})}, address);
		t.is(await (await fetch(`http://127.0.0.1:${port}/livez`)).text(), address);
	}
});

test('an address in use is told, tried again after 5 s, and served once it is free', async (t) => {
	const other = createServer();
	const {port} = await new Promise<AddressInfo>((resolve) =>
		other.listen(0, '127.0.0.1', () => resolve(other.address() as AddressInfo)),
	);
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	const {promise: refused, resolve: refuse} = Promise.withResolvers<NetError>();
	const {promise: retry, resolve: plan} = Promise.withResolvers<{delayMs: number; run: () => void}>();
	const {promise: bound, resolve: bind} = Promise.withResolvers<number>();
	const after = (delayMs: number, run: () => void) => {
		plan({delayMs, run});
		return () => {};
	};
	serveHealth({address: `127.0.0.1:${port}`, answers: {}, bound: bind, refused: refuse, after}, stop.signal);
	const error = await refused;
	t.is(error.code, 'HEALTH_BIND');
	t.is(error.message, `cannot serve health on 127.0.0.1:${port}`);
	const {delayMs, run} = await retry;
	t.is(delayMs, 5000);
	await new Promise((resolve) => other.close(resolve));
	run();
	t.is(await bound, port);
});

test('the signal frees the port and ends open connections', async (t) => {
	const stop = new AbortController();
	const answers = {'/livez': () => ({ok: true, body: 'ok'})};
	const port = await new Promise<number>((bound) => serveHealth({address: '127.0.0.1:0', answers, bound}, stop.signal));
	await (await fetch(`http://127.0.0.1:${port}/livez`)).text(); // leaves a kept-alive connection
	stop.abort();
	await t.throwsAsync(fetch(`http://127.0.0.1:${port}/livez`));
});

test('what is not an address and a port is refused by name', (t) => {
	for (const address of ['10256', 'localhost:80', '::1:80', '[127.0.0.1]:80', '1.2.3.4:65536', '1.2.3.4:', '']) {
		const error = t.throws(() => serveHealth({address, answers: {}}, AbortSignal.abort()));
		t.is((error as NetError).code, 'HEALTH_ADDRESS', address);
	}
});
