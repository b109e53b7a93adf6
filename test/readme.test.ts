import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {errorHints} from '../src/errors.ts';

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');

test('the README lists every error code with its hint, and no other', (t) => {
	const rows = [...readme.matchAll(/^\| `([A-Z]+(?:_[A-Z]+)+)` \| (.*) \|$/gm)];
	t.deepEqual(Object.fromEntries(rows.map(([, code, hint]) => [code, hint])), errorHints);
});
