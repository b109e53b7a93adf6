import {mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {isFullDisk, makeStateDir} from '../../src/daemon/state-dir.ts';
import {NetError} from '../../src/errors.ts';

test('the state folder is made with those above it, and may exist', async (t) => {
	const root = mkdtempSync(join(tmpdir(), 'fairlead-'));
	t.teardown(() => rmSync(root, {recursive: true}));
	const path = join(root, 'a/b');
	await makeStateDir(path);
	await makeStateDir(path);
	t.is(statSync(path).mode & 0o777, 0o755);
});

test('a state folder that cannot be is named', async (t) => {
	const root = mkdtempSync(join(tmpdir(), 'fairlead-'));
	t.teardown(() => rmSync(root, {recursive: true}));
	writeFileSync(join(root, 'file'), '');
	await t.throwsAsync(makeStateDir(join(root, 'file/state')), {code: 'DAEMON_STATE_DIR', message: /file\/state"$/});
});

test('a disk without room is told from a folder that cannot be', (t) => {
	const because = (code: string) =>
		isFullDisk(new NetError('DAEMON_STATE_DIR', 'use the folder', {}, Object.assign(new Error(code), {code})));
	t.true(because('ENOSPC'));
	t.true(because('EDQUOT'));
	t.false(because('EACCES'));
	t.false(isFullDisk(new Error('ENOSPC')));
});
