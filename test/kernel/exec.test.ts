import test from 'ava';
import {NetError} from '../../src/errors.ts';
import {exec, systemPath} from '../../src/kernel/exec.ts';

test('a tool gets its input and gives its output', async (t) => {
	t.deepEqual(await exec('sh', ['-c', 'cat; echo warned >&2'], {input: 'text'}), {stdout: 'text', stderr: 'warned\n'});
});

test('a tool that fails is named with its exit code and words', async (t) => {
	const error = await t.throwsAsync(exec('sh', ['-c', 'echo no such table >&2; exit 3']), {instanceOf: NetError});
	t.is(error.code, 'EXEC_FAILED');
	t.is(error.message, 'cannot run sh -c echo no such table >&2; exit 3: no such table');
	t.deepEqual(error.details, {exitCode: 3, signal: null, stderr: 'no such table\n'});
});

test('a tool that is not installed says so', async (t) => {
	const error = await t.throwsAsync(exec('no-such-tool', ['-x']), {instanceOf: NetError});
	t.is(error.code, 'EXEC_MISSING');
	t.is(error.message, 'cannot run no-such-tool -x');
});

test('an endless tool ends with the signal', async (t) => {
	const timeout = AbortSignal.timeout(50);
	const error = await t.throwsAsync(exec('sleep', ['60'], {}, timeout));
	t.is(error.name, 'TimeoutError');
	await t.throwsAsync(exec('sh', ['-c', 'sleep 2; true'], {}, AbortSignal.timeout(50)), {name: 'TimeoutError'});
	await t.throwsAsync(exec('true', [], {}, AbortSignal.abort()), {name: 'AbortError'});
});

test('a tool that never stops writing is ended at the bound', async (t) => {
	const error = await t.throwsAsync(exec('yes', [], {outputBytesMax: 100_000}), {instanceOf: NetError});
	t.is(error.message, 'cannot run yes: it wrote more than 100000 bytes');
	t.is(error.details['signal'], 'SIGKILL');
});

test('a tool that reads no input ends well all the same', async (t) => {
	t.deepEqual(await exec('true', [], {input: 'x'.repeat(1_000_000)}), {stdout: '', stderr: ''});
});

test('programs of node_modules never stand in for system tools', (t) => {
	const path = systemPath('/house/node_modules/.bin::/usr/bin');
	t.is(path, '/usr/bin:/usr/local/sbin:/usr/sbin:/sbin:/bin');
});
