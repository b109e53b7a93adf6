import {readdir, stat} from 'node:fs/promises';
import type {Attachment} from './attachment.ts';
import type {Observation} from './leaks.ts';
import type {PodLinks} from './link-plan.ts';

/** Where containerd and CRI-O keep what they know of attachments. Source: containernetworking/cni, libcni, CacheDir */
const runtimeCacheDir = '/var/lib/cni/results';

/**
 * What is there of these attachments now: their namespaces, all links of ours, the runtime's files.
 *
 * @param now milliseconds of a clock that never goes back
 * @throws NetError from {@link PodLinks.present}
 */
export async function observe(
	attachments: readonly Pick<Attachment, 'netns'>[],
	links: Pick<PodLinks, 'present'>,
	now: () => number,
	cacheDir: string = runtimeCacheDir,
): Promise<Observation> {
	const at = now(); // when it began: what comes later is seen by the next observation
	const paths = [...new Set(attachments.map(({netns}) => netns))];
	const [present, cache, inodes] = await Promise.all([
		links.present(),
		namesIn(cacheDir),
		Promise.all(paths.map(async (path) => [path, await inodeAt(path)] as const)),
	]);
	const netns = new Map(inodes.flatMap(([path, inode]) => (inode === undefined ? [] : [[path, inode]])));
	return {at, links: present, netns, cache};
}

/** Undefined where it cannot be told. */
async function inodeAt(path: string): Promise<number | 'gone' | undefined> {
	try {
		return (await stat(path)).ino;
	} catch (error) {
		const code = error instanceof Error && 'code' in error ? error.code : undefined;
		return code === 'ENOENT' || code === 'ENOTDIR' ? 'gone' : undefined;
	}
}

async function namesIn(folder: string): Promise<ReadonlySet<string> | undefined> {
	try {
		return new Set(await readdir(folder));
	} catch {
		return undefined; // not mounted, or another runtime: the other two witnesses have to do
	}
}
