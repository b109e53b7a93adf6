import {closeSync, mkdtempSync, openSync, readFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {NetError} from '../../src/errors.ts';
import {type LogLevel, logTo, openLog, silentLog} from '../../src/observe/log.ts';

/** A log into memory, and the lines it wrote. */
function memoryLog(level: LogLevel = 'info') {
	const lines: Record<string, unknown>[] = [];
	return {log: logTo({write: (line) => lines.push(JSON.parse(line))}, level), lines};
}

test('a line holds level, time and message, and the fields beside them', (t) => {
	const {log, lines} = memoryLog();
	log.info('applied 12 frontends', {tookMs: 3});
	t.like(lines[0], {level: 'info', msg: 'applied 12 frontends', tookMs: 3});
	t.regex(String(lines[0]?.['time']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
	t.deepEqual(Object.keys(lines[0] ?? {}), ['level', 'time', 'tookMs', 'msg']);
});

test('lines below the level are left out', (t) => {
	const {log, lines} = memoryLog('warn');
	log.info('no');
	log.debug('no');
	log.warn('yes');
	t.deepEqual(
		lines.map((line) => line['msg']),
		['yes'],
	);
});

test('a level that changes while the log lives changes what its children leave out too', (t) => {
	let level: LogLevel = 'info';
	const lines: string[] = [];
	const log = logTo({write: (line) => lines.push(JSON.parse(line).msg)}, () => level);
	const child = log.with({source: 'files'});
	child.debug('no');
	level = 'debug';
	child.debug('yes');
	level = 'error';
	log.info('no');
	t.deepEqual(lines, ['yes']);
});

test('a log with fields puts them on each of its lines', (t) => {
	const {log, lines} = memoryLog();
	log.with({source: 'files'}).info('read', {file: 'a.yaml'});
	t.like(lines[0], {source: 'files', file: 'a.yaml', msg: 'read'});
});

test('a NetError is printed with code, hint, details and the chain of its causes, without a stack', (t) => {
	const {log, lines} = memoryLog();
	const system = Object.assign(new Error('EACCES: permission denied'), {code: 'EACCES'});
	const inner = new NetError('KERNEL_REFUSED', 'open the socket', {errno: 13}, system);
	log.error('retry in 5 s', {error: new NetError('HEALTH_BIND', 'serve health on x', {address: 'x'}, inner)});
	t.like(lines[0]?.['error'], {
		code: 'HEALTH_BIND',
		message: 'cannot serve health on x',
		details: {address: 'x'},
		causes: [
			{code: 'KERNEL_REFUSED', message: 'cannot open the socket', details: {errno: 13}},
			{message: 'EACCES: permission denied', code: 'EACCES'},
		],
	});
	t.false(JSON.stringify(lines[0]).includes('"stack"'));
});

test('an error that is a bug of ours brings its stack, and a cause that names itself ends', (t) => {
	const {log, lines} = memoryLog();
	const loop = new Error('loop');
	loop.cause = loop;
	log.error('a', {error: loop});
	log.error('b', {error: 'only text'});
	t.regex(JSON.stringify(lines[0]), /"stack":"Error: loop/);
	t.like(lines[1]?.['error'], {message: 'only text'});
});

test('details that JSON prints badly stay readable: bytes, bigints, maps, circles', (t) => {
	const {log, lines} = memoryLog();
	const circle: Record<string, unknown> = {};
	circle['self'] = circle;
	const details = {
		bytes: new Uint8Array([1, 255]),
		long: new Uint8Array(100),
		big: 2n ** 64n,
		map: new Map([['k', 1]]),
		circle,
	};
	log.error('x', {error: new NetError('KERNEL_REFUSED', 'x', details)});
	t.like(lines[0]?.['error'], {details: {bytes: '01ff', big: '18446744073709551616', map: {k: 1}}});
	t.regex(JSON.stringify(lines[0]), /"long":"(?:00){64}… \(100 bytes\)"/);
});

test('a line is in the file when the call returns', async (t) => {
	const path = join(mkdtempSync(join(tmpdir(), 'fairlead-log-')), 'log');
	const fd = openSync(path, 'w');
	const log = await openLog({fd, level: 'debug'});
	log.debug('now');
	t.like(JSON.parse(readFileSync(path, 'utf8')), {level: 'debug', msg: 'now'});
	closeSync(fd);
});

test('a destination that refuses lines loses them and does not stop the process', async (t) => {
	const fd = openSync(import.meta.filename, 'r');
	const log = await openLog({fd});
	t.notThrows(() => log.info('EBADF'));
	closeSync(fd);
});

test('on a terminal a line is text for people', async (t) => {
	const path = join(mkdtempSync(join(tmpdir(), 'fairlead-log-')), 'log');
	const fd = openSync(path, 'w');
	const log = await openLog({fd, pretty: true});
	log.warn('file is broken', {file: 'a.yaml'});
	const text = readFileSync(path, 'utf8');
	t.regex(text, /WARN.*file is broken.*"file":"a\.yaml"/s);
	t.is(text.trimEnd().split('\n').length, 1);
	closeSync(fd);
});

test('the silent log says nothing', (t) => {
	t.is(silentLog.with({a: 1}), silentLog);
	for (const level of ['error', 'warn', 'info', 'debug', 'trace'] as const) {
		t.notThrows(() => silentLog[level]('x'));
	}
});
