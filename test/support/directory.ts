import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';

/** An empty directory, gone with the test. */
export function directoryOf(t: ExecutionContext): string {
	const directory = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
	t.teardown(() => rmSync(directory, {recursive: true, force: true}));
	return directory;
}
