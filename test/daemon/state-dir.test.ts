import {mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {makeStateDir} from '../../src/daemon/state-dir.ts';

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
