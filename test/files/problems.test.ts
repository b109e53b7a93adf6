import {renameSync, unlinkSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import type {NetError} from '../../src/errors.ts';
import {readFiles} from '../../src/files/read.ts';
import {serviceYaml, temporaryDirectory, WatchedFiles, writeFiles} from '../support/watched-files.ts';

test.serial(
	'a file that no longer parses stays in force as it was, and is told once with document and line',
	async (t) => {
		const directory = temporaryDirectory(t);
		writeFiles(directory, {'a.yaml': serviceYaml('a'), 'b.yaml': serviceYaml('b', '10.96.0.2')});
		const files = new WatchedFiles(t, directory);
		await files.untilSynced();
		writeFiles(directory, {'a.yaml': `${serviceYaml('a')}---\nkind: [Service\n`});
		await files.until(() => files.problems.size === 1);
		const [problem] = files.problems;
		t.is(problem?.code, 'FILE_INVALID');
		t.like(problem?.details, {file: join(directory, 'a.yaml'), document: 2, line: 10});
		t.regex(problem?.message ?? '', /^cannot parse ".*a\.yaml" \(document 2, line 10\): /);
		writeFiles(directory, {'b.yaml': serviceYaml('b', '10.96.0.3')});
		await files.until(() => files.inForce.get('Service default/b') === '10.96.0.3');
		t.is(files.inForce.size, 2);
		writeFiles(directory, {'a.yaml': serviceYaml('a')});
		await files.until(() => files.problems.size === 0);
		t.deepEqual(files.reports, ['+ FILE_INVALID', '- FILE_INVALID']);
		t.is(
			files.told.filter((change) => change.endsWith('default/a')).length,
			1,
			'the mended file says what it said before',
		);
	},
);

test.serial('a file that is emptied is not taken for one that deletes its objects', async (t) => {
	const directory = temporaryDirectory(t);
	writeFiles(directory, {'a.yaml': serviceYaml('a')});
	const files = new WatchedFiles(t, directory);
	await files.untilSynced();
	writeFiles(directory, {'a.yaml': ''}); // what `kubectl get -o yaml > a.yaml` does first
	await files.until(() => files.problems.size === 1);
	t.deepEqual([files.codes, files.inForce.size], [['FILE_INVALID'], 1]);
	writeFiles(directory, {'a.yaml': '# nothing any more\n'});
	await files.until(() => files.inForce.size === 0);
	t.deepEqual(files.codes, []);
});

test.serial('a list that is cut off keeps the file in force', async (t) => {
	const directory = temporaryDirectory(t);
	const items = ['a', 'b'].map(
		(name, i) => `- ${serviceYaml(name, `10.96.0.${i}`).trimEnd().replaceAll('\n', '\n  ')}\n`,
	);
	writeFiles(directory, {'list.yaml': `apiVersion: v1\nitems:\n${items.join('')}kind: List\n`});
	const files = new WatchedFiles(t, directory);
	await files.untilSynced();
	t.is(files.inForce.size, 2);
	writeFiles(directory, {'list.yaml': `apiVersion: v1\nitems:\n${items[0]}`});
	await files.until(() => files.problems.size === 1);
	const [problem] = files.problems;
	t.is(problem?.code, 'OBJECT_INVALID');
	t.is(files.inForce.size, 2);
});

test.serial(
	'a refused object is told with file, document, item and field, keeps its last good version, and the others are applied',
	async (t) => {
		const directory = temporaryDirectory(t);
		const list = (ports: readonly number[]) =>
			JSON.stringify({
				kind: 'ServiceList',
				apiVersion: 'v1',
				items: ports.map((port, i) => ({
					metadata: {name: `s${i}`},
					spec: {clusterIP: `10.96.${port % 256}.1`, ports: [{port}]},
				})),
			});
		writeFiles(directory, {'list.json': list([1, 2, 3])});
		const files = new WatchedFiles(t, directory);
		await files.untilSynced();
		writeFiles(directory, {'list.json': list([11, 70_000, 13, 70_001])});
		await files.until(() => files.inForce.get('Service default/s2') === '10.96.13.1');
		await files.until(() => files.problems.size === 2);
		t.is(files.inForce.get('Service default/s0'), '10.96.11.1');
		t.is(files.inForce.get('Service default/s1'), '10.96.2.1', 'the last good version');
		t.false(files.inForce.has('Service default/s3'), 'it had none');
		const [problem] = files.problems;
		t.like(problem?.details, {
			file: join(directory, 'list.json'),
			document: 1,
			item: 2,
			object: 'Service default/s1',
			field: 'spec.ports[0].port',
		});
		t.is(problem?.code, 'OBJECT_INVALID');
		t.regex(
			problem?.message ?? '',
			/^cannot read Service default\/s1 in ".*list\.json": spec\.ports\[0\]\.port is 70000/,
		);
		writeFiles(directory, {'list.json': list([11, 12, 13])});
		await files.until(() => files.problems.size === 0);
		t.is(files.inForce.get('Service default/s1'), '10.96.12.1');
	},
);

test.serial(
	'an object that does not say its name may be any of the file: none of them is deleted until it does',
	async (t) => {
		const directory = temporaryDirectory(t);
		writeFiles(directory, {'a.yaml': `${serviceYaml('a')}---\n${serviceYaml('b', '10.96.0.2')}`});
		const files = new WatchedFiles(t, directory);
		await files.untilSynced();
		writeFiles(directory, {'a.yaml': `${serviceYaml('a', '10.96.0.9')}---\n${serviceYaml('7', '10.96.0.2')}`});
		await files.until(() => files.problems.size === 1);
		t.deepEqual(Object.fromEntries(files.inForce), {
			'Service default/a': '10.96.0.9',
			'Service default/b': '10.96.0.2',
		});
		const [problem] = files.problems;
		t.like(problem?.details, {document: 2, field: 'metadata.name'});
	},
);

test.serial('a file that is broken from the start is missing from `synced` until it is mended', async (t) => {
	const directory = temporaryDirectory(t);
	writeFiles(directory, {'a.yaml': 'kind: [', 'b.yaml': serviceYaml('b')});
	const files = new WatchedFiles(t, directory);
	await files.untilSynced();
	t.false(files.complete);
	t.is(files.inForce.size, 1);
	writeFiles(directory, {'a.yaml': serviceYaml('a', '10.96.0.1', 99_999)});
	await files.until(() => files.reports.length === 3);
	t.false(files.complete, 'the object is refused and was never in force');
	writeFiles(directory, {'a.yaml': serviceYaml('a', '10.96.0.1')});
	await files.until(() => files.complete === true);
	writeFiles(directory, {'a.yaml': 'kind: ['});
	await files.until(() => files.problems.size === 1);
	t.is(files.told.filter((change) => change.startsWith('synced')).length, 2, 'what broke later is in force still');
});

test.serial('a broken file that is deleted leaves nothing to wait for', async (t) => {
	const directory = temporaryDirectory(t);
	writeFiles(directory, {'a.yaml': 'kind: ['});
	const files = new WatchedFiles(t, directory);
	await files.untilSynced();
	unlinkSync(join(directory, 'a.yaml'));
	await files.until(() => files.complete === true);
	t.deepEqual(files.reports, ['+ FILE_INVALID', '- FILE_INVALID']);
});

test.serial(
	'of two files with one object the first stays in force, the error names both, and the second takes over',
	async (t) => {
		const directory = temporaryDirectory(t);
		writeFiles(directory, {'a.yaml': serviceYaml('web', '10.96.0.1'), 'b.yaml': serviceYaml('web', '10.96.0.2')});
		const files = new WatchedFiles(t, directory);
		await files.untilSynced();
		t.true(files.complete);
		t.is(files.inForce.get('Service default/web'), '10.96.0.1');
		const [problem] = files.problems;
		t.is(problem?.code, 'FILE_DUPLICATE');
		t.like(problem?.details, {
			file: join(directory, 'b.yaml'),
			other: join(directory, 'a.yaml'),
			object: 'Service default/web',
		});
		t.regex(problem?.message ?? '', /^cannot take Service default\/web from ".*b\.yaml": ".*a\.yaml" had it first$/);
		writeFiles(directory, {'b.yaml': serviceYaml('web', '10.96.0.3')});
		writeFiles(directory, {'0.yaml': serviceYaml('web', '10.96.0.4')});
		await files.until(() => files.problems.size === 2);
		t.is(files.inForce.get('Service default/web'), '10.96.0.1', 'first in time, not by name');
		unlinkSync(join(directory, 'a.yaml'));
		await files.until(() => files.inForce.get('Service default/web') !== '10.96.0.1');
		t.false(
			files.told.some((change) => change.startsWith('delete')),
			'no moment without the Service',
		);
		await files.until(() => files.problems.size === 1);
	},
);

test.serial('an object that moves to another file is not deleted, and told again only when it differs', async (t) => {
	const directory = temporaryDirectory(t);
	writeFiles(directory, {'b.yaml': serviceYaml('web', '10.96.0.1')});
	const files = new WatchedFiles(t, directory, {settleMs: 100});
	await files.untilSynced();
	renameSync(join(directory, 'b.yaml'), join(directory, 'c.yaml'));
	writeFiles(directory, {'d.yaml': serviceYaml('d', '10.96.0.4')});
	await files.until(() => files.inForce.size === 2);
	t.deepEqual(files.told, ['put Service default/web', 'synced true', 'put Service default/d']);
	writeFiles(directory, {'c.yaml': '# moved\n', 'a.yaml': serviceYaml('web', '10.96.0.2')});
	await files.until(() => files.inForce.get('Service default/web') === '10.96.0.2');
	t.false(files.told.some((change) => change.startsWith('delete')));
	t.deepEqual(files.reports, []);
});

test.serial('an object that stands twice in one file is told, the first is in force', async (t) => {
	const directory = temporaryDirectory(t);
	writeFiles(directory, {'a.yaml': `${serviceYaml('web', '10.96.0.1')}---\n${serviceYaml('web', '10.96.0.2')}`});
	const {changes, problems} = await readFiles(directory);
	t.is(changes.length, 2);
	t.is(problems[0]?.code, 'FILE_DUPLICATE');
	t.regex(problems[0]?.message ?? '', /document 1 stays in force, not document 2$/);
});

test.serial('1,000 objects malformed in as many ways are refused by name, and nothing else changes', async (t) => {
	const directory = temporaryDirectory(t);
	const broken = [
		{spec: {clusterIP: 'no', ports: [{port: 80}]}},
		{spec: {clusterIP: '10.96.0.1', ports: [{port: 'http'}]}},
		{spec: {clusterIP: '10.96.0.1', ports: {port: 1}}},
		{spec: {type: 'Other', clusterIP: '10.96.0.1', ports: [{port: 80}]}},
		{spec: 7},
	];
	const good = {
		apiVersion: 'v1',
		kind: 'Service',
		metadata: {name: 'good'},
		spec: {clusterIP: '10.96.0.1', ports: [{port: 80}]},
	};
	const items = Array.from({length: 1000}, (_, i) => ({
		apiVersion: 'v1',
		kind: 'Service',
		metadata: {name: `s${i}`},
		...broken[i % broken.length],
	}));
	writeFiles(directory, {'list.json': JSON.stringify({apiVersion: 'v1', kind: 'List', items: [...items, good]})});
	const {changes, problems} = await readFiles(directory);
	t.deepEqual(
		changes.map(({verb}) => verb),
		['put', 'synced'],
	);
	t.like(changes[1], {complete: false});
	const names = problems.map(({details}: NetError) => details['object']);
	t.deepEqual(new Set(names), new Set(items.map(({metadata}) => `Service default/${metadata.name}`)));
	t.true(problems.every(({code, details}) => code === 'OBJECT_INVALID' && String(details['field']).startsWith('spec')));
});

test.serial('reading a path that is not there says so, and that this is not all', async (t) => {
	const {changes, problems} = await readFiles(join(temporaryDirectory(t), 'nowhere'));
	t.deepEqual(changes, [{verb: 'synced', source: 'files', complete: false}]);
	t.is(problems[0]?.code, 'FILE_UNREADABLE');
});

test.serial('what kube-proxy skips inside an object is a warning', async (t) => {
	const directory = temporaryDirectory(t);
	writeFiles(directory, {'a.yaml': serviceYaml('a').replace('spec:', 'spec:\n  externalIPs: [nonsense]')});
	const {problems, warnings} = await readFiles(directory);
	t.deepEqual(problems, []);
	t.is(warnings.length, 1);
	t.regex(warnings[0] ?? '', /Service default\/a.*externalIPs\[0\].*nonsense/);
});
