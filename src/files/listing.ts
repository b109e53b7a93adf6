import type {BigIntStats, Dirent} from 'node:fs';
import {lstat, readdir, realpath, stat} from 'node:fs/promises';
import {basename, join} from 'node:path';
import type {Stamp} from './protocol.ts';
import type {Fault} from './reading.ts';
import {identityOf, stampOf} from './stamp.ts';

/** Which content a file has, and since when (milliseconds since 1970). */
type Content = {readonly stamp: Stamp; readonly since: number};

/** What stands at a path and below it. */
export type Listing = {
	/** Object files: `.yaml`, `.yml`, `.json`, not hidden. */
	readonly files: ReadonlyMap<string, Content>;
	/** Directory → its identity. */
	readonly directories: ReadonlyMap<string, string>;
	/** Object files that are symbolic links → what they lead to. */
	readonly links: ReadonlyMap<string, string>;
	/** Paths that exist and cannot be looked at: what was known at and below them stays. */
	readonly faults: ReadonlyMap<string, Fault>;
};

/** Called with each directory before its names are read, so that no change between the two is missed. */
export type OnDirectory = (path: string, identity: string) => void;

/** So many files are looked at together. */
const groupSize = 64;

/**
 * Looks at `path`, and at all below it when it is a directory. Absence is an empty listing. Symbolic links are
 * followed, but not into a directory that they lie in.
 *
 * @param isNamed whether a file at `path` counts whatever its name, because a person named it
 */
export async function list(path: string, isNamed: boolean, onDirectory: OnDirectory): Promise<Listing> {
	const walk = {files: new Map(), directories: new Map(), links: new Map(), faults: new Map(), onDirectory};
	const isLink = await isSymbolicLink(path);
	await visit({path, isWanted: isNamed || isObjectFile(path), isLink, above: []}, walk);
	return walk;
}

type Walk = {
	readonly files: Map<string, Content>;
	readonly directories: Map<string, string>;
	readonly links: Map<string, string>;
	readonly faults: Map<string, Fault>;
	readonly onDirectory: OnDirectory;
};

type Entry = {
	readonly path: string;
	/** Whether it counts when it is a file. */
	readonly isWanted: boolean;
	readonly isLink: boolean;
	/** Identities of the directories it lies in. */
	readonly above: readonly string[];
};

async function visit(entry: Entry, walk: Walk): Promise<void> {
	const {path, isWanted, isLink, above} = entry;
	try {
		const stats = await statOrAbsent(path);
		if (stats?.isDirectory()) {
			await visitDirectory(path, identityOf(stats), above, walk);
		} else if (stats?.isFile() && isWanted) {
			walk.files.set(path, {stamp: stampOf(stats), since: Number(stats.ctimeMs)});
			if (isLink) {
				walk.links.set(path, await realpath(path));
			}
		}
	} catch (error) {
		walk.faults.set(path, lookFault(path, error));
	}
}

/** Undefined when nothing is there; a link that leads nowhere is there, and throws. */
async function statOrAbsent(path: string): Promise<BigIntStats | undefined> {
	try {
		return await stat(path, {bigint: true});
	} catch (error) {
		if (isAbsence(error) && !(await isSymbolicLink(path))) {
			return undefined;
		}

		throw error;
	}
}

async function isSymbolicLink(path: string): Promise<boolean> {
	try {
		return (await lstat(path)).isSymbolicLink();
	} catch {
		return false;
	}
}

async function visitDirectory(path: string, identity: string, above: readonly string[], walk: Walk): Promise<void> {
	if (above.includes(identity)) {
		return;
	}

	walk.onDirectory(path, identity);
	walk.directories.set(path, identity);
	const dirents = (await readdir(path, {withFileTypes: true})).filter(isWorthALook);
	const entries = dirents.map((dirent) => ({
		path: join(path, dirent.name),
		isWanted: isObjectFile(dirent.name),
		isLink: dirent.isSymbolicLink(),
		above: [...above, identity],
	}));
	for (let start = 0; start < entries.length; start += groupSize) {
		await Promise.all(entries.slice(start, start + groupSize).map((entry) => visit(entry, walk)));
	}
}

function isObjectFile(path: string): boolean {
	const name = basename(path);
	return !name.startsWith('.') && /\.(?:ya?ml|json)$/.test(name);
}

function isWorthALook(entry: Dirent): boolean {
	const isOpen = !entry.name.startsWith('.');
	return isOpen && (entry.isDirectory() || entry.isSymbolicLink() || isObjectFile(entry.name));
}

function isAbsence(error: unknown): boolean {
	return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** A path that cannot be looked at. */
export function lookFault(path: string, error: unknown): Fault {
	const reason = error instanceof Error ? error.message : String(error);
	return {key: reason, code: 'FILE_UNREADABLE', message: `look at "${path}": ${reason}`, details: {file: path}};
}
