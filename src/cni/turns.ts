/** Lets whoever names the same thing wait for each other, in the order in which they came; all others go at once. */
export class Turns {
	readonly #last = new Map<string, Promise<unknown>>();

	/** Resolves when all that was begun so far has ended. */
	async idle(): Promise<void> {
		await Promise.all(this.#last.values());
	}

	/** What `work` returns, begun once everything before it under this name has ended, well or not. */
	async take<T>(name: string, work: () => Promise<T>): Promise<T> {
		const before = this.#last.get(name);
		const mine = before === undefined ? work() : before.then(work, work);
		const settled = mine.catch(() => undefined);
		this.#last.set(name, settled);
		try {
			return await mine;
		} finally {
			if (this.#last.get(name) === settled) {
				this.#last.delete(name);
			}
		}
	}
}
