/**
 * What Services claim, by key, and who of several holds one: the first in an order of the claims themselves, so
 * that no order of arrival shows. When the holder goes, the next takes over at once.
 */
export class Claims<K, V> {
	/** One claim for each key. */
	readonly held = new Map<K, V>();
	/** All claims on the keys that have several, the holder first. */
	readonly #contested = new Map<K, readonly V[]>();
	readonly #compare: (a: V, b: V) => number;

	/** @param compare never 0 for two claims on one key */
	constructor(compare: (a: V, b: V) => number) {
		this.#compare = compare;
	}

	/** Puts `after` in the place of `before`, the very value that was put before. */
	replace(key: K, before: V | undefined, after: V | undefined): Replaced<V> {
		const heldBefore = this.held.get(key);
		const contested = this.#contested.get(key);
		if (contested === undefined && (heldBefore === undefined || heldBefore === before)) {
			this.#hold(key, after);
			return {heldBefore, held: after, rivals: none};
		}

		const all = contested ?? (heldBefore === undefined ? none : [heldBefore]);
		const rivals = all.filter((claim) => claim !== before);
		this.#settle(key, after === undefined ? rivals : [...rivals, after].sort(this.#compare));
		return {heldBefore, held: this.held.get(key), rivals};
	}

	#settle(key: K, claims: readonly V[]): void {
		this.#hold(key, claims[0]);
		if (claims.length > 1) {
			this.#contested.set(key, claims);
		} else {
			this.#contested.delete(key);
		}
	}

	#hold(key: K, claim: V | undefined): void {
		if (claim === undefined) {
			this.held.delete(key);
		} else {
			this.held.set(key, claim);
		}
	}
}

/** Who held a key before, who holds it now, and the other claims on it, whose fortune may have changed. */
export type Replaced<V> = {
	readonly heldBefore: V | undefined;
	readonly held: V | undefined;
	readonly rivals: readonly V[];
};

const none: readonly never[] = [];
