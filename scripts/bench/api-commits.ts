import {Nftables} from '../../src/kernel/nftables.ts';

/** Hears of every commit to nf_tables in this namespace, and resolves who waits for bytes in one of them. */
export class CommitWatch {
	readonly #stop = new AbortController();
	readonly #awaited = new Map<string, (at: number) => void>();

	constructor() {
		void this.#listen();
	}

	/** When a commit with these bytes was heard of, by `performance.now`. They are looked for in whole messages. */
	async commitOf(bytes: Uint8Array): Promise<number> {
		return await new Promise((resolve) => {
			this.#awaited.set(Buffer.from(bytes).toString('latin1'), resolve);
		});
	}

	/** Those that nobody waits for any more. */
	forget(bytes: Uint8Array): void {
		this.#awaited.delete(Buffer.from(bytes).toString('latin1'));
	}

	close(): void {
		this.#stop.abort();
	}

	async #listen(): Promise<void> {
		for await (const event of new Nftables().watch(this.#stop.signal)) {
			const at = performance.now();
			if (event.kind === 'transaction') {
				const text = event.messages.map(({payload}) => Buffer.from(payload).toString('latin1')).join('');
				for (const [bytes, resolve] of this.#awaited) {
					if (text.includes(bytes)) {
						this.#awaited.delete(bytes);
						resolve(at);
					}
				}
			}
		}
	}
}
