import {mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {NetError} from '../errors.ts';
import {pluginType} from './conflist.ts';

/** `unchanged`: the file had this content, and nothing was touched. */
export type Written = 'written' | 'unchanged';

/** The plugin that was built with this program. */
export const builtPlugin = fileURLToPath(new URL(`../../build/${pluginType}`, import.meta.url));

/** What is half done has a name that no runtime reads. */
const draftPrefix = '.fairlead-';

/** As the CIS benchmark wants network configurations; runtimes are root. */
const conflistMode = 0o600;

const pluginMode = 0o755;

/**
 * Puts the plugin into the runtime's folder of plugins, which is made where there is none. One that a runtime is just
 * running goes on as it was.
 *
 * @throws NetError CNI_INSTALL
 */
export async function installPlugin(binDir: string, plugin: string = builtPlugin): Promise<Written> {
	const path = join(binDir, pluginType);
	return await installing(path, async () => await replace(path, binDir, await readFile(plugin), pluginMode));
}

/**
 * Puts a network configuration where runtimes look for them. Whoever reads the folder meanwhile finds the old content
 * or the new one, and both containerd, which does not look again for a file that only appears, and CRI-O take it up.
 * Cheap when nothing is to be done.
 *
 * @throws NetError CNI_INSTALL
 */
export async function writeConflist(confDir: string, confName: string, text: string): Promise<Written> {
	const path = join(confDir, confName);
	return await installing(path, async () => await replace(path, confDir, Buffer.from(text), conflistMode));
}

/**
 * Names of the configurations that runtimes read before this one: of several the first one counts.
 *
 * @throws NetError CNI_INSTALL
 * Source: go-cni, opts.go, loadFromConfDir; libcni, ConfFiles
 */
export async function earlierConfigs(confDir: string, confName: string): Promise<readonly string[]> {
	const names = await installing(confDir, async () => await readdir(confDir));
	return names.filter((name) => /\.(?:conf|conflist|json)$/.test(name) && name < confName).toSorted();
}

export type InstalledAt = {readonly confDir: string; readonly confName: string; readonly binDir: string};

/**
 * Removes the network configuration, then the plugin, and whatever an install that was killed left; the paths of what
 * was there. In between no runtime finds a configuration whose plugin is gone.
 *
 * @throws NetError CNI_INSTALL
 */
export async function uninstall({confDir, confName, binDir}: InstalledAt): Promise<readonly string[]> {
	const paths = [
		join(confDir, confName),
		...(await draftsIn(confDir)),
		join(binDir, pluginType),
		...(await draftsIn(binDir)),
	];
	const removed: string[] = [];
	for (const path of paths) {
		if (await installing(path, async () => await remove(path))) {
			removed.push(path);
		}
	}

	return removed;
}

/**
 * The draft is written in a folder of its own, which nobody watches, and moved; the removal of that folder is what
 * makes containerd look again, after the file is there. A draft beside the file would have it look too soon.
 * Source: containerd, cni_conf_syncer.go, syncLoop; fsnotify, backend_inotify.go
 */
async function replace(path: string, folder: string, content: Buffer, mode: number): Promise<Written> {
	if (await holds(path, content, mode)) {
		return 'unchanged';
	}

	await mkdir(folder, {recursive: true});
	const draftFolder = await mkdtemp(join(folder, draftPrefix));
	try {
		const draft = join(draftFolder, pluginType);
		await writeDurably(draft, content, mode);
		await rename(draft, path);
	} finally {
		await rm(draftFolder, {recursive: true, force: true});
	}

	await syncFolder(folder);
	return 'written';
}

async function holds(path: string, content: Buffer, mode: number): Promise<boolean> {
	try {
		const {mode: found, size} = await stat(path);
		return (found & 0o777) === mode && size === content.length && content.equals(await readFile(path));
	} catch (error) {
		if (isAbsence(error)) {
			return false;
		}

		throw error;
	}
}

async function writeDurably(path: string, content: Buffer, mode: number): Promise<void> {
	await using file = await open(path, 'wx');
	await file.writeFile(content);
	await file.chmod(mode); // whatever this process' umask is
	await file.sync();
}

/** The move itself is on the disk then. */
async function syncFolder(path: string): Promise<void> {
	await using folder = await open(path, 'r');
	await folder.sync();
}

async function draftsIn(folder: string): Promise<readonly string[]> {
	const names = await installing(folder, async () => await readdir(folder).catch(noneIfAbsent));
	return names.filter((name) => name.startsWith(draftPrefix)).map((name) => join(folder, name));
}

function noneIfAbsent(error: unknown): readonly string[] {
	if (isAbsence(error)) {
		return [];
	}

	throw error;
}

async function remove(path: string): Promise<boolean> {
	try {
		await rm(path, {recursive: true});
		return true;
	} catch (error) {
		if (isAbsence(error)) {
			return false;
		}

		throw error;
	}
}

function isAbsence(error: unknown): boolean {
	return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function installing<T>(path: string, act: () => Promise<T>): Promise<T> {
	try {
		return await act();
	} catch (cause) {
		throw new NetError('CNI_INSTALL', `install the CNI plugin at ${path}`, {path}, cause);
	}
}
