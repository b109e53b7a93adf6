/** By how much the number of users of each thing changes. */
export type Delta<K> = Map<K, number>;

/** Which things are to be made, and which nobody uses any more. */
export type Turnover<K> = {readonly added: readonly K[]; readonly unused: readonly K[]};

/** Adds `by` users of `key` to what is being counted. */
export function countUser<K>(delta: Delta<K>, key: K, by: 1 | -1): void {
	delta.set(key, (delta.get(key) ?? 0) + by);
}

/**
 * How many frontends use a thing that they share: an address in `cluster-ips`, a pair in `hairpin`, a chain. It is
 * there as long as one of them does; what the kernel was found to have is there too, used or not.
 */
export class References<K> {
	/** Users of each thing that the kernel has. */
	readonly #users: Map<K, number>;

	/** @param present what the kernel was found to have */
	constructor(present: Iterable<K> = []) {
		this.#users = new Map();
		for (const key of present) {
			this.#users.set(key, 0);
		}
	}

	/** What `delta` would bring about; changes nothing. */
	turnover(delta: Delta<K>): Turnover<K> {
		const added: K[] = [];
		const unused: K[] = [];
		for (const [key, by] of delta) {
			const users = this.#users.get(key);
			if (by > 0 && users === undefined) {
				added.push(key);
			} else if (by < 0 && users === -by) {
				unused.push(key);
			}
		}

		return {added, unused};
	}

	/** Says that the kernel took `delta`, with all that was to be added. */
	commit(delta: Delta<K>): void {
		for (const [key, by] of delta) {
			const users = this.#users.get(key);
			if (by !== 0 && (by > 0 || users !== undefined)) {
				this.#users.set(key, (users ?? 0) + by);
			}
		}
	}

	/** Says that the kernel no longer has these. */
	forget(keys: Iterable<K>): void {
		for (const key of keys) {
			this.#users.delete(key);
		}
	}

	/** Whether the kernel has it. */
	has(key: K | undefined): boolean {
		return key !== undefined && this.#users.has(key);
	}

	/** What the kernel has. */
	present(): K[] {
		return [...this.#users.keys()];
	}

	/** Whether the kernel has it and nobody uses it. */
	isUnused(key: K): boolean {
		return this.#users.get(key) === 0;
	}

	/** What is there and used by nobody. */
	unused(): K[] {
		return [...this.#users.keys()].filter((key) => this.isUnused(key));
	}
}
