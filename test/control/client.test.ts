import {once} from 'node:events';
import {createServer, type Socket} from 'node:net';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ask} from '../../src/control/client.ts';
import {encodeFrame} from '../../src/control/framing.ts';
import {controlFolder} from '../support/control-folder.ts';
import {FakeClock} from '../support/fake-clock.ts';

const never = new AbortController().signal;

/** A daemon that does with each connection what a test says. */
async function pretend(t: ExecutionContext, onConnection: (socket: Socket) => void): Promise<string> {
	const path = join(controlFolder(t), 's');
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on('error', () => undefined);
		onConnection(socket);
	});
	server.listen({path});
	await once(server, 'listening');
	t.teardown(() => {
		server.close();
		for (const socket of sockets) {
			socket.destroy();
		}
	});
	return path;
}

const say = (socket: Socket, ...answers: readonly object[]) => {
	for (const answer of answers) {
		socket.write(encodeFrame(answer, 2 ** 20));
	}
};

/** What all pieces of one answer are, and what ended it. */
async function hear(path: string, options = {}, signal = never): Promise<readonly [parts: unknown[], result: unknown]> {
	const pieces = ask(path, 'status', {watch: false}, signal, options);
	const parts: unknown[] = [];
	for (let piece = await pieces.next(); ; piece = await pieces.next()) {
		if (piece.done === true) {
			return [parts, piece.value];
		}

		parts.push(piece.value);
	}
}

test('the pieces of an answer come one by one, and what ends it is returned', async (t) => {
	const path = await pretend(t, (socket) => say(socket, {id: 1, part: 'a'}, {id: 1, part: 'b'}, {id: 1, result: null}));
	t.deepEqual(await hear(path), [['a', 'b'], null]);
});

test('where nobody listens there is no daemon', async (t) => {
	const path = join(controlFolder(t), 's');
	t.like(await t.throwsAsync(hear(path)), {code: 'CONTROL_NO_DAEMON', cause: {code: 'ENOENT'}});
	t.like(await t.throwsAsync(hear('/dev/null')), {code: 'CONTROL_NO_DAEMON', cause: {code: 'ECONNREFUSED'}});
	t.like(await t.throwsAsync(hear('/dev/null/s')), {code: 'CONTROL_NO_DAEMON', cause: {code: 'ENOTDIR'}});
});

test('a daemon that is silent is waited for ten seconds', async (t) => {
	const clock = new FakeClock();
	const {promise: asked, resolve} = Promise.withResolvers<void>();
	const path = await pretend(t, (socket) => socket.once('data', () => resolve()));
	const heard = hear(path, {after: clock.after.bind(clock)});
	await asked;
	await clock.advance(9_999);
	t.is(clock.timers, 1);
	await Promise.all([clock.advance(1), t.throwsAsync(heard, {code: 'CONTROL_TIMEOUT'})]);
});

test('a daemon that tells of changes may be silent between them, one that answers may not', async (t) => {
	const path = await pretend(t, (socket) => say(socket, {id: 1, part: 'a'}));
	for (const patient of [true, false]) {
		const clock = new FakeClock();
		const stop = new AbortController();
		const pieces = ask(path, 'status', {watch: true}, stop.signal, {after: clock.after.bind(clock), patient});
		t.is((await pieces.next()).value as unknown, 'a');
		const next = pieces.next();
		await clock.settle();
		t.is(clock.timers, patient ? 0 : 1);
		const failed = t.throwsAsync(next);
		await clock.advance(10_000);
		stop.abort();
		t.is((await failed).name, patient ? 'AbortError' : 'NetError');
	}
});

test('an answer that breaks off is an error', async (t) => {
	const path = await pretend(t, (socket) => {
		say(socket, {id: 1, part: 'a'});
		socket.end();
	});
	t.like(await t.throwsAsync(hear(path)), {code: 'CONTROL_CLOSED'});
});

test('an answer that is none is an error', async (t) => {
	const path = await pretend(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n'));
	t.like(await t.throwsAsync(hear(path)), {code: 'CONTROL_TOO_LONG'});
});

test('what the daemon refuses with is thrown', async (t) => {
	const refusal = {code: 'CONTROL_VERSION', message: 'cannot speak version 1', hint: '', details: {daemon: 2}};
	const path = await pretend(t, (socket) => say(socket, {id: 1, error: refusal}));
	t.like(await t.throwsAsync(hear(path)), {
		code: 'CONTROL_VERSION',
		message: 'cannot speak version 1',
		details: {daemon: 2},
	});
});

test('the signal hangs up, whenever it comes', async (t) => {
	const stop = new AbortController();
	const {promise: closed, resolve} = Promise.withResolvers<void>();
	const path = await pretend(t, (socket) => {
		say(socket, {id: 1, part: 'a'});
		socket.resume().on('close', () => resolve());
	});
	const pieces = ask(path, 'status', {watch: true}, stop.signal);
	await pieces.next();
	const next = pieces.next();
	stop.abort();
	t.is((await t.throwsAsync(next)).name, 'AbortError');
	await closed;
	t.is((await t.throwsAsync(hear(path, {}, stop.signal))).name, 'AbortError');
});
