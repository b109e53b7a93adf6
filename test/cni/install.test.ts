import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {earlierConfigs, installPlugin, uninstall, writeConflist} from '../../src/cni/install.ts';
import {FolderWatch} from '../support/folder-watch.ts';

const confName = '10-fairlead.conflist';

function folder(t: ExecutionContext): string {
	const path = mkdtempSync(join(tmpdir(), 'cni-'));
	t.teardown(() => rmSync(path, {recursive: true, force: true}));
	return path;
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

/** Events after which each runtime reads the folder again. Source: containerd, cni_conf_syncer.go; CRI-O, ocicni */
const readAgain = {containerd: ['write', 'rename', 'remove'], 'CRI-O': ['create', 'write', 'rename']};

for (const before of [undefined, 'old']) {
	const what = before === undefined ? 'a new configuration' : 'a configuration in the place of an older one';
	test(`${what} is whole when it appears, and each runtime reads the folder after that`, async (t) => {
		const confDir = folder(t);
		if (before !== undefined) {
			writeFileSync(join(confDir, confName), before);
		}

		const watch = await FolderWatch.start(t, confDir);
		t.is(await writeConflist(confDir, confName, 'new'), 'written');
		const events = await watch.events();
		const appears = events.findIndex(({name}) => name === confName);
		t.deepEqual(
			events.filter(({name}) => name === confName),
			[{op: 'create', name: confName}],
			'moved into place, not written there',
		);
		for (const [runtime, ops] of Object.entries(readAgain)) {
			t.true(
				events.some(({op}, index) => index >= appears && ops.includes(op)),
				`${runtime}: ${JSON.stringify(events)}`,
			);
		}

		t.false(
			events.some(({op}, index) => index < appears && readAgain.containerd.includes(op)),
			'containerd does not look before the file is there',
		);
		t.is(readFileSync(join(confDir, confName), 'utf8'), 'new');
		t.deepEqual(readdirSync(confDir), [confName]);
	});
}

test('a configuration that is there as it should be is not touched, and no runtime looks again', async (t) => {
	const confDir = folder(t);
	await writeConflist(confDir, confName, 'text');
	const watch = await FolderWatch.start(t, confDir);
	const {mtimeNs, ino} = statSync(join(confDir, confName), {bigint: true});
	t.is(await writeConflist(confDir, confName, 'text'), 'unchanged');
	t.like(statSync(join(confDir, confName), {bigint: true}), {mtimeNs, ino});
	t.deepEqual(await watch.events(), []);
});

test('a configuration is readable for root alone, and is made so again', async (t) => {
	const confDir = folder(t);
	const path = join(confDir, confName);
	await writeConflist(confDir, confName, 'text');
	t.is(modeOf(path), 0o600);
	chmodSync(path, 0o666);
	t.is(await writeConflist(confDir, confName, 'text'), 'written');
	t.is(modeOf(path), 0o600);
});

test('several that write one configuration at once leave it whole, and nothing else', async (t) => {
	const confDir = folder(t);
	const text = 'x'.repeat(100_000);
	await Promise.all(Array.from({length: 8}, async () => await writeConflist(confDir, confName, text)));
	t.is(readFileSync(join(confDir, confName), 'utf8'), text);
	t.deepEqual(readdirSync(confDir), [confName]);
});

test('the plugin is executable in a folder that was not there, and is not written again', async (t) => {
	const binDir = join(folder(t), 'opt/cni/bin');
	const built = join(folder(t), 'built');
	writeFileSync(built, 'first');
	t.is(await installPlugin(binDir, built), 'written');
	const path = join(binDir, 'fairlead-cni');
	t.is(modeOf(path), 0o755);
	t.is(await installPlugin(binDir, built), 'unchanged');
	writeFileSync(built, 'other'); // as long as the first
	const {ino} = statSync(path);
	t.is(await installPlugin(binDir, built), 'written');
	t.is(readFileSync(path, 'utf8'), 'other');
	t.not(statSync(path).ino, ino, 'what runs meanwhile keeps its file');
	t.deepEqual(readdirSync(binDir), ['fairlead-cni']);
});

test('what cannot be written is refused with the path and the reason, and leaves nothing', async (t) => {
	const confDir = folder(t);
	mkdirSync(join(confDir, confName, 'full'), {recursive: true});
	const error = await t.throwsAsync(writeConflist(confDir, confName, 'text'));
	t.like(error, {code: 'CNI_INSTALL', details: {path: join(confDir, confName)}});
	t.deepEqual(readdirSync(confDir), [confName]);
	const missing = await t.throwsAsync(installPlugin(join(confDir, 'bin'), join(confDir, 'not-built')));
	t.like(missing, {code: 'CNI_INSTALL', cause: {code: 'ENOENT'}});
});

test('configurations that runtimes read first are named, in their order; others and other files are not', async (t) => {
	const confDir = folder(t);
	for (const name of ['05-b.conf', '00-a.conflist', '09-c.json', '00-note.txt', confName, '87-podman.conflist']) {
		writeFileSync(join(confDir, name), '');
	}

	t.deepEqual(await earlierConfigs(confDir, confName), ['00-a.conflist', '05-b.conf', '09-c.json']);
});

test('uninstalling removes the configuration before the plugin, and both runtimes notice', async (t) => {
	const parent = folder(t);
	const [confDir, binDir] = [join(parent, 'net.d'), join(parent, 'bin')];
	mkdirSync(confDir);
	writeFileSync(join(confDir, '87-podman.conflist'), 'theirs');
	writeFileSync(join(parent, 'built'), '');
	await installPlugin(binDir, join(parent, 'built'));
	await writeConflist(confDir, confName, 'text');
	mkdirSync(join(confDir, '.fairlead-killed'));
	writeFileSync(join(confDir, '.fairlead-killed/fairlead-cni'), 'half');
	const watch = await FolderWatch.start(t, confDir);
	t.deepEqual(await uninstall({confDir, confName, binDir}), [
		join(confDir, confName),
		join(confDir, '.fairlead-killed'),
		join(binDir, 'fairlead-cni'),
	]);
	t.deepEqual((await watch.events())[0], {op: 'remove', name: confName});
	t.deepEqual([readdirSync(confDir), readdirSync(binDir)], [['87-podman.conflist'], []]);
});

test('uninstalling what is not installed removes nothing, with the folders and without', async (t) => {
	const parent = folder(t);
	t.deepEqual(await uninstall({confDir: parent, confName, binDir: parent}), []);
	const away = join(parent, 'away');
	t.deepEqual(await uninstall({confDir: away, confName, binDir: away}), []);
	t.false(existsSync(away));
});
