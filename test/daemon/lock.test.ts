import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import test from 'ava';
import {lockNamespace} from '../../src/daemon/lock.ts';

const name = `fairlead-test-${process.pid}`;

test('the second daemon of a network namespace is told of the first, until that is gone', async (t) => {
	const release = await lockNamespace('start', name);
	await t.throwsAsync(lockNamespace('clean up', name), {
		code: 'DAEMON_RUNNING',
		message: 'cannot clean up: a fairlead daemon runs in this network namespace',
	});
	release();
	const again = await lockNamespace('start', name);
	again();
});

test('a daemon that is killed leaves no lock', async (t) => {
	const module = new URL('../../src/daemon/lock.ts', import.meta.url).href;
	const script = `import {lockNamespace} from '${module}'; await lockNamespace('start', '${name}-killed'); process.kill(process.pid, 'SIGKILL');`;
	await t.throwsAsync(promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]), {
		message: /Command failed/,
	});
	const release = await lockNamespace('start', `${name}-killed`);
	release();
	t.pass();
});
