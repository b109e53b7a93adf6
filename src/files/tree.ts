import {stat} from 'node:fs/promises';
import {dirname, sep} from 'node:path';
import {type Listing, list, lookFault, type OnDirectory} from './listing.ts';
import type {Problems} from './problems.ts';
import type {Stamp} from './protocol.ts';
import {identityOf} from './stamp.ts';

/** Who watches what is looked at. */
export type Surroundings = {
	readonly onDirectory: OnDirectory;
	/** Called with each path that was looked at, and what was found. */
	readonly onListing: (path: string, listing: Listing) => void;
	/** The file changed just now, and has to be looked at again once it is quiet. */
	readonly retouch: (file: string) => void;
	/** Whether what happened then (milliseconds since 1970) happened just now, and may still go on. */
	readonly isFresh: (since: number) => boolean;
	/** Whether files are changing just now: what has left one of them may come in another. */
	readonly isBusy: () => boolean;
};

/** Nobody watches: files are read once. */
export const unwatched: Surroundings = {
	onDirectory: () => {},
	onListing: () => {},
	retouch: () => {},
	isFresh: () => false,
	isBusy: () => false,
};

/** What differs from the look before. */
export type Findings = {
	/** Files to read, with the content they have now. */
	readonly changed: ReadonlyMap<string, Stamp>;
	/** Files that were deleted. */
	readonly gone: readonly string[];
	/** Files that changed or went just now: they may be in the middle of it. */
	readonly unsettled: readonly string[];
};

const nothing: Findings = {changed: new Map(), gone: [], unsettled: []};

type Draft = {readonly changed: Map<string, Stamp>; readonly gone: string[]; readonly unsettled: string[]};

/** When more paths were touched than this, one look at everything is cheaper, and sees what inotify's queue lost. */
const maxSinglePaths = 256;

/** Which files there are at or below a path, and which content of each was read. */
export class Tree {
	readonly #root: string;
	readonly #problems: Problems;
	readonly #around: Surroundings;
	readonly #stamps = new Map<string, Stamp>();
	/** Of what stood at the root in the last look that counted. */
	#identity: string | undefined;

	/** @param root absolute */
	constructor(root: string, problems: Problems, around: Surroundings) {
		this.#root = root;
		this.#problems = problems;
		this.#around = around;
	}

	/** Whether everything there is could be looked at. */
	get isWhole(): boolean {
		return this.#identity !== undefined && this.#problems.places('look ').length === 0;
	}

	/** The content of `file` with this stamp needs no more reading. */
	settle(file: string, stamp: Stamp): void {
		this.#stamps.set(file, stamp);
	}

	/**
	 * Looks at and below the paths that were touched. Nothing is taken for deleted because it could not be looked
	 * at, because the root is gone, or because another, empty directory stands there (a volume not yet mounted).
	 */
	async look(touched: ReadonlySet<string>): Promise<Findings> {
		const identity = await this.#standing();
		if (identity === undefined) {
			return nothing;
		}

		const isNew = identity !== this.#identity;
		const isAll = isNew || touched.has(this.#root) || touched.size > maxSinglePaths;
		const draft: Draft = {changed: new Map(), gone: [], unsettled: []};
		for (const path of isAll ? [this.#root] : coverings(touched)) {
			const listing = await list(path, path === this.#root, this.#around.onDirectory);
			this.#around.onListing(path, listing);
			if (isNew && listing.files.size === 0 && this.#stamps.size > 0) {
				this.#setRootFault('another, empty directory stands there now');
				return nothing;
			}

			await this.#compare(path, listing, draft);
		}

		if (draft.gone.length > 0 && (await this.#standing()) !== identity) {
			return nothing; // the root went away in between, and its files with it
		}

		this.#identity = identity;
		for (const file of draft.gone) {
			this.#stamps.delete(file);
		}

		return draft;
	}

	async #compare(path: string, listing: Listing, {changed, gone, unsettled}: Draft): Promise<void> {
		for (const [file, {stamp, since}] of listing.files) {
			if (this.#stamps.get(file) !== stamp) {
				this.#around.isFresh(since) ? unsettled.push(file) : changed.set(file, stamp);
			}
		}

		const faulty = [...listing.faults.keys()];
		for (const file of this.#stamps.keys()) {
			if (isWithin(file, path) && !listing.files.has(file) && !faulty.some((fault) => isWithin(file, fault))) {
				((await this.#wentJustNow(file)) ? unsettled : gone).push(file);
			}
		}

		this.#setFaults(path, listing);
	}

	#setFaults(path: string, {faults}: Listing): void {
		const places = this.#problems.places('look ').map((place) => place.slice('look '.length));
		for (const place of new Set([...places.filter((each) => isWithin(each, path)), ...faults.keys()])) {
			const fault = faults.get(place);
			this.#problems.set(`look ${place}`, fault === undefined ? [] : [fault]);
		}
	}

	/** Whether a name came or went lately in the nearest directory above: a rename over the file deletes it first. */
	async #wentJustNow(file: string): Promise<boolean> {
		for (let directory = dirname(file); isWithin(directory, this.#root); directory = dirname(directory)) {
			try {
				return this.#around.isFresh((await stat(directory)).mtimeMs);
			} catch {
				// This one went as well.
			}
		}

		return false;
	}

	/** Identity of what stands at the root; undefined, and a problem, when nothing does. */
	async #standing(): Promise<string | undefined> {
		try {
			return identityOf(await stat(this.#root, {bigint: true}));
		} catch (error) {
			this.#problems.set(`look ${this.#root}`, [lookFault(this.#root, error)]);
			return undefined;
		}
	}

	#setRootFault(reason: string): void {
		this.#problems.set(`look ${this.#root}`, [lookFault(this.#root, reason)]);
	}
}

function isWithin(path: string, directory: string): boolean {
	return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

/** The paths that lie below no other one of them. */
function coverings(paths: ReadonlySet<string>): string[] {
	return [...paths].filter((path) => {
		for (let above = dirname(path); above !== dirname(above); above = dirname(above)) {
			if (paths.has(above)) {
				return false;
			}
		}

		return true;
	});
}
