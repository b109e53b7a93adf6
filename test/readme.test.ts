import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {errorHints} from '../src/errors.ts';
import {metricTable} from '../src/observe/metric-table.ts';

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');

test('the README lists every error code with its hint, and no other', (t) => {
	const rows = [...readme.matchAll(/^\| `([A-Z]+(?:_[A-Z]+)+)` \| (.*) \|$/gm)];
	t.deepEqual(Object.fromEntries(rows.map(([, code, hint]) => [code, hint])), errorHints);
});

test('the README lists every metric with its type, labels and meaning, and no other', (t) => {
	const rows = [...readme.matchAll(/^\| `((?:kubeproxy|fairlead)_\w+)` \| (.*) \| (.*) \| (.*) \|$/gm)];
	const expected = Object.values(metricTable).map(({name, type, labels, help}) => [
		name,
		type,
		labels.join(', '),
		help,
	]);
	t.deepEqual(
		rows.map(([, ...cells]) => cells),
		expected,
	);
});
