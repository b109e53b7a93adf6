import type {Known, ObjectId} from './reading.ts';

type Entry = {readonly objects: Map<ObjectId, number>; readonly shadowed: Set<ObjectId>};

/**
 * Who said what: for each file the objects that are in force from it, with the hash of each, and those it holds
 * though another file had them first. When the first goes, the next takes over. Keeps no object.
 */
export class Ledger {
	readonly #files = new Map<string, Entry>();
	readonly #owners = new Map<ObjectId, string>();
	/** Object → files that hold it too, in the order in which they said so. */
	readonly #shadows = new Map<ObjectId, Set<string>>();
	/** Objects that no file holds any more; a file that is still to be read may. */
	readonly #orphans = new Map<ObjectId, number>();
	/** Files that took an object over, which nobody has read out of them yet. */
	readonly #heirs = new Set<string>();

	/** What is in force from a file. */
	known(file: string): Known {
		return this.#entry(file).objects;
	}

	/** The file is read anew: it tells again which objects of other files it holds. */
	begin(file: string): void {
		const {shadowed} = this.#entry(file);
		for (const id of shadowed) {
			this.#unshadow(file, id);
		}
	}

	/** Whether this version of the object, which the file holds, comes into force and was not so before. */
	put(file: string, id: ObjectId, hash: number): boolean {
		const owner = this.#owners.get(id);
		if (owner !== undefined && owner !== file) {
			this.#entry(file).shadowed.add(id);
			this.#shadows.set(id, (this.#shadows.get(id) ?? new Set()).add(file));
			return false;
		}

		const {objects} = this.#entry(file);
		const before = objects.get(id) ?? this.#orphans.get(id);
		this.#orphans.delete(id);
		this.#owners.set(id, file);
		objects.set(id, hash);
		return before !== hash;
	}

	/** The file holds the object no more. */
	drop(file: string, id: ObjectId): void {
		const {objects} = this.#entry(file);
		const hash = objects.get(id);
		if (hash === undefined) {
			return;
		}

		objects.delete(id);
		this.#owners.delete(id);
		const [heir] = this.#shadows.get(id) ?? [];
		if (heir === undefined) {
			this.#orphans.set(id, hash);
			return;
		}

		// Until the heir is read, the old version stays in force: it may be broken just now.
		this.#unshadow(heir, id);
		this.#owners.set(id, heir);
		this.#entry(heir).objects.set(id, hash);
		this.#heirs.add(heir);
	}

	/** The file is gone with all it holds. */
	forget(file: string): void {
		this.begin(file);
		for (const id of this.#entry(file).objects.keys()) {
			this.drop(file, id);
		}

		this.#files.delete(file);
		this.#heirs.delete(file);
	}

	/** Files to be read because they took objects over; each is told once. */
	takeHeirs(): readonly string[] {
		const heirs = [...this.#heirs];
		this.#heirs.clear();
		return heirs;
	}

	/** Objects that are in force no more, now that all files were read; each is told once. */
	takeOrphans(): readonly ObjectId[] {
		const orphans = [...this.#orphans.keys()];
		this.#orphans.clear();
		return orphans;
	}

	/** File that has it in force → how many objects of it this file holds too, and one of them. */
	clashes(file: string): ReadonlyMap<string, {readonly count: number; readonly id: ObjectId}> {
		const clashes = new Map<string, {count: number; id: ObjectId}>();
		for (const id of this.#files.get(file)?.shadowed ?? []) {
			const owner = this.#owners.get(id) ?? '';
			const clash = clashes.get(owner);
			clashes.set(owner, {count: (clash?.count ?? 0) + 1, id: clash?.id ?? id});
		}

		return clashes;
	}

	/** Files that hold objects which another file has in force. */
	clashing(): readonly string[] {
		return [...new Set([...this.#shadows.values()].flatMap((files) => [...files]))];
	}

	#unshadow(file: string, id: ObjectId): void {
		this.#entry(file).shadowed.delete(id);
		const files = this.#shadows.get(id);
		files?.delete(file);
		if (files?.size === 0) {
			this.#shadows.delete(id);
		}
	}

	#entry(file: string): Entry {
		const entry = this.#files.get(file) ?? {objects: new Map(), shadowed: new Set()};
		this.#files.set(file, entry);
		return entry;
	}
}
