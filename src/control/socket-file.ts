import {chmodSync, lstatSync, mkdirSync, renameSync, rmSync} from 'node:fs';
import {connect, createServer, type Server, type Socket} from 'node:net';
import {join} from 'node:path';
import {NetError} from '../errors.ts';

/** sun_path without the byte that ends it. Source: include/uapi/linux/un.h, UNIX_PATH_MAX */
const pathBytesMax = 107;

/**
 * Where the daemon with this state folder listens.
 *
 * @throws NetError CONTROL_PATH when no unix socket can have so long a path
 */
export function controlPath(stateDir: string): string {
	const path = join(stateDir, 'control.sock');
	const bytes = Buffer.byteLength(path);
	if (bytes > pathBytesMax) {
		throw new NetError('CONTROL_PATH', `listen at ${JSON.stringify(path)}: ${bytes} bytes`, {path, bytes});
	}

	return path;
}

/**
 * Listens at `path`, and returns what ends that and removes the file. Nobody but this user can connect at any moment:
 * the socket is made in a folder that others cannot enter, and comes to its place, over the file of a dead daemon,
 * when its mode is 0600.
 *
 * @throws NetError CONTROL_SOCKET when a process listens there, when what stands there is no socket, or when none can
 * be made
 */
export async function listenAt(path: string, onConnection: (socket: Socket) => void): Promise<() => void> {
	try {
		await checkPlace(path);
		const server = createServer({allowHalfOpen: true}, onConnection);
		await listenAside(server, path);
		server.on('error', () => undefined); // of accept, such as EMFILE: whoever connects waits for the next one
		const {ino} = lstatSync(path);
		return () => {
			server.close();
			removeOwn(path, ino);
		};
	} catch (cause) {
		throw cause instanceof NetError ? cause : new NetError('CONTROL_SOCKET', `listen at ${path}`, {path}, cause);
	}
}

async function checkPlace(path: string): Promise<void> {
	const found = lstatSync(path, {throwIfNoEntry: false});
	if (found === undefined) {
		return;
	}

	if (!found.isSocket()) {
		throw new NetError('CONTROL_SOCKET', `listen at ${path}: what stands there is no socket`, {path});
	}

	if (await answers(path)) {
		throw new NetError('CONTROL_SOCKET', `listen at ${path}: another process does`, {path});
	}
}

/** Whether a process listens there; a dead one's socket refuses. */
function answers(path: string): Promise<boolean> {
	return new Promise((resolve, reject) => {
		const socket = connect({path});
		socket.once('connect', () => {
			socket.destroy();
			resolve(true);
		});
		socket.once('error', (error: NodeJS.ErrnoException) => {
			if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') {
				resolve(false);
			} else {
				reject(error);
			}
		});
	});
}

async function listenAside(server: Server, path: string): Promise<void> {
	const folder = join(path, '../.control');
	rmSync(folder, {recursive: true, force: true}); // of a daemon that was killed right here
	mkdirSync(folder, {mode: 0o700});
	const aside = join(folder, 's'); // a shorter path than the one it gets
	try {
		await new Promise<void>((resolve, reject) => {
			server.once('error', reject);
			server.listen({path: aside}, resolve);
		});
		chmodSync(aside, 0o600);
		renameSync(aside, path);
	} catch (error) {
		server.close();
		throw error;
	} finally {
		rmSync(folder, {recursive: true, force: true});
	}
}

/** Another daemon's socket may stand there by now: that one stays. */
function removeOwn(path: string, inode: number): void {
	if (lstatSync(path, {throwIfNoEntry: false})?.ino === inode) {
		rmSync(path, {force: true});
	}
}
