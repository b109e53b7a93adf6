import {type FSWatcher, statSync, watch} from 'node:fs';
import {basename, dirname, join, sep} from 'node:path';
import type {Clock} from './clock.ts';
import type {Fault} from './reading.ts';
import {identityOf} from './stamp.ts';

type Watch = {readonly watcher: FSWatcher; readonly identity: string};

/** Called with the name that changed in a directory; null when it may be any. */
type Changed = (name: string | null) => void;

/** After so long a directory that could not be watched (inotify's limits) is looked at and tried again. */
const retryMs = 10_000;

/**
 * inotify watches on directories: on those of the tree that is read, on all above it (a directory that vanishes is
 * noticed by its parent alone, and a link may be swapped at any height), and on those that linked files lie in.
 * `touch` hears which path may have changed. Source: inotify(7); Node's fs.watch without `recursive`.
 */
export class Watches {
	readonly #touch: (path: string) => void;
	readonly #onFaults: (directory: string, faults: readonly Fault[]) => void;
	readonly #clock: Clock;
	readonly #tree = new Map<string, Watch>();
	/** Directories above and beside the tree. */
	readonly #around = new Map<string, Watch>();
	/** Directory around → name in it → paths that change with it. */
	readonly #meanings = new Map<string, Map<string, Set<string>>>();
	readonly #retries = new Map<string, () => void>();

	/** @param onFaults hears what is wrong with watching a directory, and an empty list when that is over */
	constructor(
		touch: (path: string) => void,
		onFaults: (directory: string, faults: readonly Fault[]) => void,
		clock: Clock,
	) {
		this.#touch = touch;
		this.#onFaults = onFaults;
		this.#clock = clock;
	}

	/** Watches a directory of the tree; nothing new when the same directory is watched already. */
	watchTree(directory: string, identity: string): void {
		this.#arm(this.#tree, directory, identity, (name) => {
			if (name === null || name.startsWith('..')) {
				this.#touch(directory); // `..data` is what a mounted ConfigMap swaps; its files are links through it
			} else if (!name.startsWith('.')) {
				this.#touch(join(directory, name));
			}
		});
	}

	/** Watches every directory above `path`, to touch `meant` when the way to it changes. */
	watchWay(path: string, meant: string): void {
		const way = [path];
		for (let above = dirname(path); above !== dirname(above); above = dirname(above)) {
			way.unshift(above);
		}

		for (const step of way) {
			this.#watchName(step, meant); // from the top: what comes below while we do this is seen
		}
	}

	/** Watches the directory of `target`, to touch the link when what it leads to changes. */
	watchLink(target: string, link: string): void {
		if (this.#meanings.get(dirname(target))?.get(basename(target))?.has(link) !== true) {
			this.#watchName(target, link);
		}
	}

	/** Ends the watches at `path` and below it, but for the directories that are still there. */
	keep(path: string, directories: ReadonlyMap<string, string>): void {
		for (const [directory, {watcher}] of this.#tree) {
			if ((directory === path || directory.startsWith(path + sep)) && !directories.has(directory)) {
				watcher.close();
				this.#tree.delete(directory);
				this.#setFault(directory, undefined);
			}
		}
	}

	close(): void {
		for (const {watcher} of [...this.#tree.values(), ...this.#around.values()]) {
			watcher.close();
		}

		for (const cancel of this.#retries.values()) {
			cancel();
		}
	}

	#watchName(path: string, meant: string): void {
		const directory = dirname(path);
		const stats = statSync(directory, {bigint: true, throwIfNoEntry: false});
		if (stats === undefined) {
			return; // the directory above it is watched, and sees it come
		}

		const names = this.#meanings.get(directory) ?? new Map<string, Set<string>>();
		names.set(basename(path), (names.get(basename(path)) ?? new Set()).add(meant));
		this.#meanings.set(directory, names);
		this.#arm(this.#around, directory, identityOf(stats), (name) => this.#touchMeant(directory, name));
	}

	#touchMeant(directory: string, changed: string | null): void {
		for (const [name, meant] of this.#meanings.get(directory) ?? []) {
			if (changed === null || changed === name || changed.startsWith('..')) {
				meant.forEach(this.#touch);
			}
		}
	}

	#arm(watches: Map<string, Watch>, directory: string, identity: string, changed: Changed): void {
		const before = watches.get(directory);
		if (before?.identity === identity) {
			return;
		}

		before?.watcher.close();
		watches.delete(directory);
		try {
			const watcher = watch(directory, (event, name) => {
				if (event === 'rename' && name === basename(directory)) {
					this.#lose(watches, directory, watcher); // deleted or moved away: libuv says its own name for that
					changed(null);
				} else {
					changed(name);
				}
			});
			watcher.on('error', () => this.#lose(watches, directory, watcher));
			watches.set(directory, {watcher, identity});
			this.#setFault(directory, undefined);
		} catch (error) {
			this.#setFault(directory, faultOf(directory, error), () => changed(null));
		}
	}

	/** What was to be touched is looked at now, and watches the directory again if it is there. */
	#lose(watches: Map<string, Watch>, directory: string, watcher: FSWatcher): void {
		watcher.close();
		if (watches.get(directory)?.watcher === watcher) {
			watches.delete(directory);
		}
	}

	#setFault(directory: string, fault: Fault | undefined, retry = () => {}): void {
		this.#retries.get(directory)?.();
		this.#retries.delete(directory);
		this.#onFaults(directory, fault === undefined ? [] : [fault]);
		if (fault !== undefined) {
			this.#retries.set(directory, this.#clock.after(retryMs, retry));
		}
	}
}

function faultOf(directory: string, error: unknown): Fault {
	const reason = error instanceof Error ? error.message : String(error);
	return {key: reason, code: 'FILE_UNWATCHED', message: `watch "${directory}": ${reason}`, details: {file: directory}};
}
