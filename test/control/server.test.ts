import {existsSync} from 'node:fs';
import test, {type ExecutionContext} from 'ava';
import {ask} from '../../src/control/client.ts';
import type {Handlers} from '../../src/control/protocol.ts';
import {type ControlOptions, serveControl} from '../../src/control/server.ts';
import {controlPath} from '../../src/control/socket-file.ts';
import type {StatusPart} from '../../src/control/status.ts';
import {NetError} from '../../src/errors.ts';
import {controlFolder, RawClient} from '../support/control-folder.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {memoryLog} from '../support/memory-log.ts';
import {buildStatusHead} from '../support/status.ts';

const part: StatusPart = {kind: 'head', head: buildStatusHead()};

/** Answers one part, at once. */
const quick: Handlers = {
	async *status() {
		yield part;
		return null;
	},
};

/** Answers when the gate is opened, or the asker is gone. */
function gated(): {readonly handlers: Handlers; readonly open: () => void; readonly ended: string[]} {
	const {promise, resolve} = Promise.withResolvers<void>();
	const ended: string[] = [];
	const handlers: Handlers = {
		async *status({watch}, signal) {
			const gone = new Promise<void>((wake) => signal.addEventListener('abort', () => wake()));
			yield part;
			await Promise.race([promise, gone]);
			ended.push(`${watch ? 'watch' : 'question'} ${signal.aborted ? 'left' : 'answered'}`);
			return null;
		},
	};
	return {handlers, open: resolve, ended};
}

async function serve(t: ExecutionContext, handlers: Handlers, more: Partial<ControlOptions> = {}) {
	const path = controlPath(controlFolder(t));
	const stop = new AbortController();
	const clock = new FakeClock();
	const {log, lines} = memoryLog();
	const after = clock.after.bind(clock);
	await serveControl({path, handlers, log, after, ...more}, stop.signal);
	t.teardown(() => stop.abort());
	return {path, clock, lines, stop, client: () => new RawClient(t, path)};
}

test('a question is answered in pieces, with its own id, and the last one says so', async (t) => {
	const {client} = await serve(t, quick);
	const raw = client();
	raw.ask(5);
	t.deepEqual(await raw.next(), {id: 5, part: JSON.parse(JSON.stringify(part))});
	t.deepEqual(await raw.next(), {id: 5, result: null});
});

test('several questions on one connection are answered each for itself', async (t) => {
	const {handlers, open} = gated();
	const {client} = await serve(t, handlers);
	const raw = client();
	raw.ask(1);
	raw.ask(2);
	t.like(await raw.next(), {id: 1});
	t.like(await raw.next(), {id: 2});
	open();
	t.deepEqual(
		[await raw.next(), await raw.next()],
		[
			{id: 1, result: null},
			{id: 2, result: null},
		],
	);
});

test('a client that has said all gets its answer, and then the end', async (t) => {
	const {client} = await serve(t, quick);
	const raw = client();
	raw.ask(1);
	raw.socket.end();
	t.like(await raw.next(), {id: 1});
	t.deepEqual(await raw.next(), {id: 1, result: null});
	await raw.closed;
});

test('a watch ends when its client hangs up, and when it says that it will say no more', async (t) => {
	const {handlers, ended} = gated();
	const {client} = await serve(t, handlers);
	const [gone, silent] = [client(), client()];
	for (const raw of [gone, silent]) {
		raw.ask(1, {watch: true});
		await raw.next();
	}

	gone.socket.destroy();
	silent.socket.end();
	await Promise.all([gone.closed, silent.closed]);
	await new Promise(setImmediate);
	t.deepEqual(ended, ['watch left', 'watch left']);
});

test('an answer that fails is an error with code, hint and details; a bug of ours as well', async (t) => {
	const failing = (error: Error): Handlers => ({
		// biome-ignore lint/correctness/useYield: it fails before it has anything to say
		async *status() {
			throw error;
		},
	});
	const refusal = new NetError('DAEMON_SOURCE', 'read', {source: 'files'});
	for (const [error, wanted] of [
		[refusal, {code: 'DAEMON_SOURCE', message: 'cannot read', hint: refusal.hint, details: {source: 'files'}}],
		[new TypeError('x'), {code: 'CONTROL_FAILED', message: 'cannot answer a request'}],
	] as const) {
		const {client} = await serve(t, failing(error));
		const raw = client();
		raw.ask(1);
		const answer = await raw.next();
		t.like(answer, {id: 1, error: wanted});
	}
});

const hostile: readonly [name: string, bytes: Uint8Array, code: string][] = [
	['a gigabyte', Uint8Array.of(0x40, 0, 0, 0), 'CONTROL_TOO_LONG'],
	['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'CONTROL_TOO_LONG'],
	['bytes that are no JSON', Uint8Array.of(0, 0, 0, 2, 0xff, 0xff), 'CONTROL_INVALID'],
];
for (const [name, bytes, code] of hostile) {
	test(`${name} is answered by ${code} and the end, and harms nobody else`, async (t) => {
		const {client} = await serve(t, quick);
		const [bad, good] = [client(), client()];
		bad.write(bytes);
		t.like(await bad.next(), {id: 0, error: {code}});
		await bad.closed;
		good.ask(1);
		t.like(await good.next(), {id: 1});
	});
}

test('JSON that is no request is refused with its id, and the connection goes on', async (t) => {
	const {client} = await serve(t, quick);
	const raw = client();
	raw.ask(3, {verb: 'fly'});
	t.like(await raw.next(), {id: 3, error: {code: 'CONTROL_INVALID'}});
	raw.ask(4, {protocol: 99});
	t.like(await raw.next(), {id: 4, error: {code: 'CONTROL_VERSION'}});
	raw.ask(5);
	t.like(await raw.next(), {id: 5, part: {kind: 'head'}});
});

test('a process that may not ask is told so, and said in the log', async (t) => {
	const {client, lines} = await serve(t, quick, {allows: ({uid, pid}) => uid < 0 && pid === process.pid});
	const raw = client();
	raw.ask(1);
	t.like(await raw.next(), {id: 0, error: {code: 'CONTROL_DENIED'}});
	await raw.closed;
	t.like(JSON.parse(lines[0] ?? ''), {level: 'warn', pid: process.pid, uid: process.getuid?.()});
});

test('one connection may have sixteen questions in hand', async (t) => {
	const {handlers, open} = gated();
	const {client} = await serve(t, handlers);
	const raw = client();
	for (let id = 1; id <= 17; id++) {
		raw.ask(id);
	}

	const answers = await Promise.all(Array.from({length: 17}, () => raw.next()));
	t.is(answers.filter((answer) => JSON.stringify(answer).includes('CONTROL_BUSY')).length, 1);
	open();
	for (let id = 1; id <= 16; id++) {
		t.like(await raw.next(), {result: null});
	}

	raw.ask(18);
	t.like(await raw.next(), {id: 18, part: {kind: 'head'}});
});

test('where 64 connections may be, the 65th takes the place of the oldest that asks nothing, half a message or not', async (t) => {
	const {handlers} = gated();
	const {client} = await serve(t, handlers, {connectionsMax: 64});
	const busy = client();
	busy.ask(1);
	await busy.next();
	const half = client();
	half.write(Uint8Array.of(0, 0));
	const others = Array.from({length: 62}, client);
	for (const raw of others) {
		raw.ask(1);
		await raw.next();
	}

	const late = client();
	await half.closed;
	late.ask(1);
	t.like(await late.next(), {id: 1, part: {kind: 'head'}});
	t.false(busy.socket.destroyed);
	const tooLate = client();
	t.like(await tooLate.next(), {id: 0, error: {code: 'CONTROL_BUSY'}}, 'all of them are being answered');
	await tooLate.closed;
});

test('a client that does not read its answer is waited for, and hung up on after 30 seconds', async (t) => {
	let made = 0;
	const {path, clock, client} = await serve(t, {
		async *status() {
			for (; made < 1000; made++) {
				yield {kind: 'notWhole', rows: [{service: 'x'.repeat(100_000), what: '', because: ''}]};
			}

			return null;
		},
	});
	const deaf = client();
	deaf.socket.pause();
	deaf.ask(1);
	while (clock.timers === 0) {
		await new Promise(setImmediate);
	}

	t.true(made < 20, `${made} pieces of 100 kB were made for nobody`);
	await clock.advance(30_000);
	deaf.socket.resume();
	await deaf.closed;
	t.true(made < 20);
	t.true(existsSync(path));
});

test('at the end every connection is closed and the file is gone', async (t) => {
	const {handlers} = gated();
	const {path, stop, client} = await serve(t, handlers);
	const raw = client();
	raw.ask(1);
	await raw.next();
	stop.abort();
	t.false(existsSync(path));
	await raw.closed;
	const asked = ask(path, 'status', {watch: false}, new AbortController().signal);
	t.like(await t.throwsAsync(asked.next()), {code: 'CONTROL_NO_DAEMON'});
});
