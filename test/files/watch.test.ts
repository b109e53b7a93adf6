import {chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {systemClock} from '../../src/files/clock.ts';
import {Reader} from '../../src/files/reader.ts';
import {serviceYaml, temporaryDirectory, WatchedFiles, writeFiles} from '../support/watched-files.ts';

test.serial(
	'objects of YAML and JSON files, of lists and of several documents are in force; other and hidden files are not',
	async (t) => {
		const directory = temporaryDirectory(t);
		const service = {
			apiVersion: 'v1',
			kind: 'Service',
			metadata: {name: 'json'},
			spec: {clusterIP: '10.96.0.3', ports: [{port: 80}]},
		};
		writeFiles(directory, {
			'one.yaml': serviceYaml('one', '10.96.0.1'),
			'below/two.yml': `# two documents\n---\n${serviceYaml('two', '10.96.0.2')}---\n${serviceYaml('three', '10.96.0.4')}`,
			'list.json': JSON.stringify({apiVersion: 'v1', kind: 'List', items: [service]}),
			'README.md': serviceYaml('no'),
			'one.yaml~': serviceYaml('no'),
			'.one.yaml.swp': serviceYaml('no'),
			'.hidden.yaml': serviceYaml('no'),
			'.git/no.yaml': serviceYaml('no'),
			'pod.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n',
		});
		const files = new WatchedFiles(t, directory);
		await files.untilSynced();
		t.deepEqual(Object.fromEntries(files.inForce), {
			'Service default/one': '10.96.0.1',
			'Service default/two': '10.96.0.2',
			'Service default/three': '10.96.0.4',
			'Service default/json': '10.96.0.3',
		});
		t.true(files.complete);
		t.deepEqual(files.codes, []);
		t.is(files.told.at(-1), 'synced true');
	},
);

test.serial(
	'only what changed is told: a put for the object that differs, a delete for the one that left',
	async (t) => {
		const directory = temporaryDirectory(t);
		const all = [serviceYaml('a', '10.96.0.1'), serviceYaml('b', '10.96.0.2'), serviceYaml('c', '10.96.0.3')];
		writeFiles(directory, {'all.yaml': all.join('---\n')});
		const files = new WatchedFiles(t, directory);
		await files.untilSynced();
		const before = files.told.length;
		writeFiles(directory, {'all.yaml': [all[0], serviceYaml('b', '10.96.0.22')].join('---\n')});
		await files.until(() => files.inForce.size === 2);
		t.deepEqual(files.told.slice(before), ['put Service default/b', 'delete Service default/c']);
		t.is(files.inForce.get('Service default/b'), '10.96.0.22');
	},
);

test.serial('a new file, a new directory and a deleted file are followed', async (t) => {
	const directory = temporaryDirectory(t);
	const files = new WatchedFiles(t, directory);
	await files.untilSynced();
	t.true(files.complete, 'an empty directory is one that was read');
	writeFiles(directory, {'a.yaml': serviceYaml('a')});
	await files.until(() => files.inForce.size === 1);
	writeFiles(directory, {'deep/er/b.yaml': serviceYaml('b', '10.96.0.2')});
	await files.until(() => files.inForce.size === 2);
	writeFiles(directory, {'deep/er/b.yaml': serviceYaml('b', '10.96.0.3')});
	await files.until(() => files.inForce.get('Service default/b') === '10.96.0.3');
	rmSync(join(directory, 'deep'), {recursive: true});
	await files.until(() => files.inForce.size === 1);
	unlinkSync(join(directory, 'a.yaml'));
	await files.until(() => files.inForce.size === 0);
});

test.serial(
	'an editor that deletes the file and renames its copy over it changes an object and deletes none',
	async (t) => {
		const directory = temporaryDirectory(t);
		writeFiles(directory, {'a.yaml': serviceYaml('a', '10.96.0.1')});
		const files = new WatchedFiles(t, directory);
		await files.untilSynced();
		writeFiles(directory, {'.a.yaml.swp': 'x', 'a.yaml~': readFileSync(join(directory, 'a.yaml'), 'utf8')});
		unlinkSync(join(directory, 'a.yaml'));
		writeFiles(directory, {'4913': serviceYaml('a', '10.96.0.2')});
		renameSync(join(directory, '4913'), join(directory, 'a.yaml'));
		await files.until(() => files.inForce.get('Service default/a') === '10.96.0.2');
		t.deepEqual(files.told, ['put Service default/a', 'synced true', 'put Service default/a']);
	},
);

test.serial('a mounted ConfigMap is followed through the swap of its ..data link', async (t) => {
	const mount = temporaryDirectory(t);
	writeFiles(mount, {'..2026_01/web.yaml': serviceYaml('web', '10.96.0.1')});
	symlinkSync('..2026_01', join(mount, '..data'));
	symlinkSync('..data/web.yaml', join(mount, 'web.yaml'));
	const files = new WatchedFiles(t, mount);
	const file = new WatchedFiles(t, join(mount, 'web.yaml'), {reader: new Reader(systemClock)});
	await Promise.all([files.untilSynced(), file.untilSynced()]);
	for (const [version, address] of [
		['..2026_02', '10.96.0.2'],
		['..2026_03', '10.96.0.3'],
	] as const) {
		writeFiles(mount, {[`${version}/web.yaml`]: serviceYaml('web', address)});
		symlinkSync(version, join(mount, '..data_tmp'));
		renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
		await files.until(() => files.inForce.get('Service default/web') === address);
		await file.until(() => file.inForce.get('Service default/web') === address);
	}

	rmSync(join(mount, '..2026_02'), {recursive: true});
	t.false(files.told.some((change) => change.startsWith('delete')));
	t.deepEqual([...files.reports, ...file.reports], []);
});

test.serial('a file behind a symbolic link is followed where it lies', async (t) => {
	const [directory, elsewhere] = [temporaryDirectory(t), temporaryDirectory(t)];
	writeFiles(elsewhere, {'real.yaml': serviceYaml('web', '10.96.0.1')});
	symlinkSync(join(elsewhere, 'real.yaml'), join(directory, 'link.yaml'));
	const files = new WatchedFiles(t, directory);
	await files.untilSynced();
	writeFiles(elsewhere, {'real.yaml': serviceYaml('web', '10.96.0.2')});
	await files.until(() => files.inForce.get('Service default/web') === '10.96.0.2');
	unlinkSync(join(elsewhere, 'real.yaml'));
	await files.until(() => files.problems.size === 1);
	t.is(files.inForce.get('Service default/web'), '10.96.0.2', 'a link that leads nowhere deletes nothing');
});

test.serial('a directory behind a link that is swapped above it is followed (git-sync)', async (t) => {
	const base = temporaryDirectory(t);
	writeFiles(base, {
		'v1/objects/a.yaml': serviceYaml('a', '10.96.0.1'),
		'v2/objects/a.yaml': serviceYaml('a', '10.96.0.2'),
	});
	symlinkSync('v1', join(base, 'current'));
	const files = new WatchedFiles(t, join(base, 'current/objects'));
	await files.untilSynced();
	symlinkSync('v2', join(base, 'next'));
	renameSync(join(base, 'next'), join(base, 'current'));
	await files.until(() => files.inForce.get('Service default/a') === '10.96.0.2');
	writeFiles(base, {'v2/objects/a.yaml': serviceYaml('a', '10.96.0.3')});
	await files.until(() => files.inForce.get('Service default/a') === '10.96.0.3');
	t.deepEqual(files.reports, []);
});

test.serial(
	'when the directory vanishes all stays in force and it is told; when it returns the difference is applied',
	async (t) => {
		const base = temporaryDirectory(t);
		const directory = join(base, 'x/objects');
		writeFiles(directory, {'a.yaml': serviceYaml('a', '10.96.0.1'), 'b.yaml': serviceYaml('b', '10.96.0.2')});
		const files = new WatchedFiles(t, directory);
		await files.untilSynced();
		rmSync(join(base, 'x'), {recursive: true});
		await files.until(() => files.problems.size > 0);
		t.deepEqual(files.codes, ['FILE_UNREADABLE']);
		t.is(files.inForce.size, 2);
		mkdirSync(directory, {recursive: true});
		await files.until(() => [...files.problems].some(({message}) => message.includes('empty directory')));
		t.is(files.inForce.size, 2, 'another directory that is still empty deletes nothing');
		writeFiles(directory, {'a.yaml': serviceYaml('a', '10.96.0.1'), 'c.yaml': serviceYaml('c', '10.96.0.3')});
		await files.until(() => files.inForce.has('Service default/c') && !files.inForce.has('Service default/b'));
		t.deepEqual(files.codes, []);
		t.deepEqual(files.told.slice(-2), ['put Service default/c', 'delete Service default/b']);
	},
);

test.serial('a path that does not exist is told loudly, and waited for', async (t) => {
	const base = temporaryDirectory(t);
	const files = new WatchedFiles(t, join(base, 'not/yet'));
	await files.untilSynced();
	t.false(files.complete);
	const [problem] = files.problems;
	t.is(problem?.code, 'FILE_UNREADABLE');
	t.regex(problem?.message ?? '', /not\/yet/);
	writeFiles(join(base, 'not/yet'), {'a.yaml': serviceYaml('a')});
	await files.until(() => files.complete === true);
	t.is(files.inForce.size, 1);
	t.deepEqual(files.codes, []);
});

test.serial('a file that vanishes though it was named itself keeps its objects in force', async (t) => {
	const path = join(temporaryDirectory(t), 'objects');
	writeFileSync(path, serviceYaml('a', '10.96.0.1'));
	const files = new WatchedFiles(t, path);
	await files.untilSynced();
	unlinkSync(path);
	await files.until(() => files.problems.size === 1);
	t.is(files.inForce.size, 1);
	writeFileSync(path, serviceYaml('a', '10.96.0.2'));
	await files.until(() => files.inForce.get('Service default/a') === '10.96.0.2');
	t.deepEqual(files.codes, []);
});

test.serial('many files that come at once are all read', async (t) => {
	const directory = temporaryDirectory(t);
	const files = new WatchedFiles(t, directory);
	await files.untilSynced();
	writeFiles(
		directory,
		Object.fromEntries(Array.from({length: 400}, (_, i) => [`${i}.yaml`, serviceYaml(`s${i}`, `10.96.1.${i % 250}`)])),
	);
	await files.until(() => files.inForce.size === 400);
	t.deepEqual(files.codes, []);
});

test.serial('a file that no one may read keeps what it said, and is read again once one may', async (t) => {
	const directory = temporaryDirectory(t);
	writeFiles(directory, {'a.yaml': serviceYaml('a', '10.96.0.1')});
	const files = new WatchedFiles(t, directory);
	await files.untilSynced();
	unlinkSync(join(directory, 'a.yaml'));
	symlinkSync('a.yaml', join(directory, 'a.yaml')); // a link to itself: ELOOP, for root too
	await files.until(() => files.problems.size === 1);
	t.deepEqual([files.codes, files.inForce.size], [['FILE_UNREADABLE'], 1]);
	unlinkSync(join(directory, 'a.yaml'));
	writeFiles(directory, {'a.yaml': serviceYaml('a', '10.96.0.2')});
	await files.until(() => files.inForce.get('Service default/a') === '10.96.0.2');
	chmodSync(join(directory, 'a.yaml'), 0o600);
	t.deepEqual(files.codes, []);
});

test.serial('a wall clock that is set back, or forward, by a day delays no change and loses none', async (t) => {
	const directory = temporaryDirectory(t);
	const dayMs = 86_400_000;
	let aheadMs = 0;
	const clock = {...systemClock, wall: () => Date.now() + aheadMs};
	writeFiles(directory, {'a.yaml': serviceYaml('a', '10.96.0.1')});
	const files = new WatchedFiles(t, directory, {clock});
	await files.untilSynced();
	for (const [step, jump] of [-dayMs, dayMs, -dayMs].entries()) {
		aheadMs = jump;
		const address = `10.96.0.${step + 2}`;
		writeFiles(directory, {'a.yaml': serviceYaml('a', address), [`b${step}.yaml`]: serviceYaml(`b${step}`, address)});
		await files.until(() => files.inForce.get('Service default/a') === address && files.inForce.size === step + 2);
	}

	t.deepEqual(files.codes, []);
});
