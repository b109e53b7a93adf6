import type {ObjectKey} from '../model/objects.ts';

/**
 * Which objects of one kind are in force, by name alone, and what a list shows to have vanished. Nothing vanishes
 * before a list is complete, and nothing while something in it could not even be named.
 */
export class Roster {
	readonly #told = new Set<ObjectKey>();
	/** Those whose latest version is refused; what was told of them before stays in force. */
	readonly #refused = new Set<ObjectKey>();
	/** Names that the list which is being read has so far. */
	#listed: Set<ObjectKey> | undefined;
	/** Whether there was something, in the last complete list or since, that did not say its name. */
	#isInDoubt = false;
	/** The same of the list that is being read. */
	#isListInDoubt = false;

	/** Whether nothing is missing: all that exists is in force, in its latest version or the last good one. */
	get isComplete(): boolean {
		return !this.#isInDoubt && [...this.#refused].every((key) => this.#told.has(key));
	}

	get isInDoubt(): boolean {
		return this.#isInDoubt;
	}

	beginList(): void {
		this.#listed = new Set();
		this.#isListInDoubt = false;
	}

	put(key: ObjectKey): void {
		this.#told.add(key);
		this.#refused.delete(key);
		this.#listed?.add(key);
	}

	refuse(key: ObjectKey): void {
		this.#refused.add(key);
		this.#listed?.add(key);
	}

	/** Something came that does not say which object it is. */
	doubt(): void {
		this.#isInDoubt = true;
		this.#isListInDoubt = true;
	}

	/** Whether it was in force. */
	delete(key: ObjectKey): boolean {
		this.#refused.delete(key);
		this.#listed?.delete(key);
		return this.#told.delete(key);
	}

	/** The list is complete: the objects that it shows to be gone, refused ones too. */
	endList(): readonly ObjectKey[] {
		const listed = this.#listed ?? new Set();
		this.#listed = undefined;
		this.#isInDoubt = this.#isListInDoubt;
		if (this.#isInDoubt) {
			return [];
		}

		return [...this.#told.union(this.#refused).difference(listed)];
	}
}
