import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import type {ExecutionContext} from 'ava';

/** Compares `actual` with a checked-in file; UPDATE_GOLDEN=1 rewrites it, and review reads the difference. */
export function golden(t: ExecutionContext, path: string, actual: string): void {
	if (process.env['UPDATE_GOLDEN']) {
		mkdirSync(dirname(path), {recursive: true});
		writeFileSync(path, actual);
	}

	const [want, got] = [readFileSync(path, 'utf8').split('\n'), actual.split('\n')];
	const line = got.findIndex((text, index) => text !== want[index]);
	if (line < 0 && want.length === got.length) {
		t.pass();
	} else {
		const around = (lines: readonly string[]) => lines.slice(Math.max(0, line - 2), line + 8).join('\n');
		t.is(around(got), around(want), `${path} differs from line ${line + 1}; npm run golden rewrites it`);
	}
}
