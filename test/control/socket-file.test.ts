import {once} from 'node:events';
import {existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import test from 'ava';
import {controlPath, listenAt} from '../../src/control/socket-file.ts';
import {controlFolder} from '../support/control-folder.ts';

const nobody = () => undefined;

test('a path of 107 bytes is taken, one of 108 refused', (t) => {
	const name = (bytes: number) => `/${'x'.repeat(bytes - '/'.length - '/control.sock'.length)}`;
	t.is(controlPath(name(107)).length, 107);
	t.like(
		t.throws(() => controlPath(name(108))),
		{code: 'CONTROL_PATH', details: {bytes: 108}},
	);
});

test('the socket is for its user alone, leaves no folder behind, and is removed at the end', async (t) => {
	const folder = controlFolder(t);
	const close = await listenAt(controlPath(folder), nobody);
	const found = lstatSync(join(folder, 'control.sock'));
	t.true(found.isSocket());
	t.is(found.mode & 0o777, 0o600);
	t.deepEqual(readdirSync(folder), ['control.sock']);
	close();
	t.deepEqual(readdirSync(folder), []);
});

test('the longest path can be listened at', async (t) => {
	const folder = controlFolder(t);
	const long = join(folder, 'x'.repeat(107 - folder.length - '//control.sock'.length));
	mkdirSync(long);
	const path = controlPath(long);
	t.is(path.length, 107);
	const close = await listenAt(path, nobody);
	t.true(existsSync(path));
	close();
});

test('the file of a dead daemon, and a folder that it left half made, are replaced', async (t) => {
	const folder = controlFolder(t);
	const path = controlPath(folder);
	const dead = createServer();
	dead.listen({path: `${path}.dead`});
	await once(dead, 'listening');
	renameSync(`${path}.dead`, path); // node removes the file of the name that it knows, as a killed process would not
	dead.close();
	await once(dead, 'close');
	t.true(lstatSync(path).isSocket());
	mkdirSync(join(folder, '.control'));
	writeFileSync(join(folder, '.control/s'), '');
	const close = await listenAt(path, nobody);
	t.deepEqual(readdirSync(folder), ['control.sock']);
	close();
});

test('the socket of a daemon that lives is left alone', async (t) => {
	const path = controlPath(controlFolder(t));
	const close = await listenAt(path, (socket) => socket.destroy());
	const {ino} = lstatSync(path);
	await t.throwsAsync(listenAt(path, nobody), {code: 'CONTROL_SOCKET', message: /another process does/});
	t.is(lstatSync(path).ino, ino);
	close();
});

test('what is no socket is left alone', async (t) => {
	const path = controlPath(controlFolder(t));
	writeFileSync(path, 'mine');
	await t.throwsAsync(listenAt(path, nobody), {code: 'CONTROL_SOCKET', message: /is no socket/});
	t.is(readFileSync(path, 'utf8'), 'mine');
});

test('a folder that is not there is an error with its cause', async (t) => {
	const path = controlPath(join(controlFolder(t), 'none'));
	t.like(await t.throwsAsync(listenAt(path, nobody)), {code: 'CONTROL_SOCKET', cause: {code: 'ENOENT'}});
});

test('a daemon that ends leaves the socket of one that came after it', async (t) => {
	const folder = controlFolder(t);
	const path = controlPath(folder);
	const closeFirst = await listenAt(path, nobody);
	renameSync(path, join(folder, 'moved'));
	const closeSecond = await listenAt(path, nobody);
	closeFirst();
	t.true(existsSync(path));
	closeSecond();
});
