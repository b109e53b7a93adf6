import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import type {NetError} from '../../src/errors.ts';
import {jsonReply, textReply} from '../../src/observe/http.ts';
import {type ServeOptions, serveHttp} from '../../src/observe/http-paths.ts';

type Parts = Partial<ServeOptions>;

/** Serves on a port that the kernel chose, unless `parts` say otherwise, until the test ends; the port it took. */
async function serve(t: ExecutionContext, answers: ServeOptions['answers'], parts: Parts = {}): Promise<number> {
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	const {promise, resolve, reject} = Promise.withResolvers<number>();
	serveHttp(
		{
			...{what: 'health', code: 'HEALTH_BIND', bind: {address: '127.0.0.1', port: 0}, answers},
			...{bound: resolve, refused: reject, clock: {after: () => () => undefined}},
			...parts,
		},
		stop.signal,
	);
	return await promise;
}

test('a path answers as it is now and not as it was at the start', async (t) => {
	let ready = false;
	const answer = () => (ready ? textReply(200, 'ok') : textReply(503, 'waiting for files'));
	const port = await serve(t, {'/readyz': answer});
	const url = `http://127.0.0.1:${port}/readyz`;
	const before = await fetch(url);
	t.deepEqual([before.status, await before.text()], [503, 'waiting for files']);
	ready = true;
	const after = await fetch(`${url}?verbose`);
	t.deepEqual([after.status, await after.text()], [200, 'ok']);
	t.is(after.headers.get('content-type'), 'text/plain; charset=utf-8');
	t.is(after.headers.get('x-content-type-options'), 'nosniff');
});

test('a value is sent as JSON, to HEAD no body is sent, and any other method is answered as GET is', async (t) => {
	const port = await serve(t, {'/healthz': () => jsonReply(200, {healthy: true})});
	const url = `http://127.0.0.1:${port}/healthz`;
	const get = await fetch(url);
	t.is(get.headers.get('content-type'), 'application/json');
	t.deepEqual(await get.json(), {healthy: true});
	const head = await fetch(url, {method: 'HEAD'});
	t.deepEqual([head.status, await head.text()], [200, '']);
	t.deepEqual(await (await fetch(url, {method: 'OPTIONS'})).json(), {healthy: true});
});

test('other paths are 404 and name those that are there; an answer that throws, or rejects, is 500', async (t) => {
	const port = await serve(t, {
		'/livez': () => {
			throw new Error('no plan yet');
		},
		'/metrics': () => Promise.reject(new Error('no metrics yet')),
	});
	const at = async (path: string) => {
		const response = await fetch(`http://127.0.0.1:${port}${path}`);
		return [response.status, await response.text()];
	};
	t.deepEqual(await at('/toString'), [404, 'nothing here; try /livez /metrics\n']);
	t.deepEqual(await at('/livez'), [500, 'no plan yet\n']);
	t.deepEqual(await at('/metrics'), [500, 'no metrics yet\n']);
});

test('0.0.0.0 and [::] answer IPv4 clients', async (t) => {
	for (const address of ['0.0.0.0', '::']) {
		const port = await serve(t, {'/livez': () => textReply(200, address)}, {bind: {address, port: 0}});
		t.is(await (await fetch(`http://127.0.0.1:${port}/livez`)).text(), address);
	}
});

test('an address in use is told, tried again after 5 s, and served once it is free', async (t) => {
	const other = createServer();
	const {port} = await new Promise<AddressInfo>((resolve) =>
		other.listen(0, '127.0.0.1', () => resolve(other.address() as AddressInfo)),
	);
	const {promise: refused, resolve: refuse} = Promise.withResolvers<NetError>();
	const {promise: retry, resolve: plan} = Promise.withResolvers<{delayMs: number; run: () => void}>();
	const after = (delayMs: number, run: () => void) => {
		plan({delayMs, run});
		return () => {};
	};
	const parts = {what: 'metrics', code: 'METRICS_BIND', bind: {address: '127.0.0.1', port}} as const;
	const bound = serve(t, {}, {...parts, refused: refuse, clock: {after}});
	const error = await refused;
	t.is(error.code, 'METRICS_BIND');
	t.is(error.message, `cannot serve metrics on 127.0.0.1:${port}`);
	const {delayMs, run} = await retry;
	t.is(delayMs, 5000);
	await new Promise((resolve) => other.close(resolve));
	run();
	t.is(await bound, port);
});

test('the signal frees the port and ends open connections', async (t) => {
	const stop = new AbortController();
	const port = await new Promise<number>((bound, refused) =>
		serveHttp(
			{
				...{what: 'health', code: 'HEALTH_BIND', bind: {address: '127.0.0.1', port: 0}},
				answers: {'/livez': () => textReply(200, 'ok')},
				...{bound, refused, clock: {after: () => () => undefined}},
			},
			stop.signal,
		),
	);
	await (await fetch(`http://127.0.0.1:${port}/livez`)).text(); // leaves a kept-alive connection
	stop.abort();
	await t.throwsAsync(fetch(`http://127.0.0.1:${port}/livez`));
});
