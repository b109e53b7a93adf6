import type {Nftables} from '../../kernel/nftables.ts';
import type {RulesetEvent} from '../../kernel/transactions.ts';

/** What a watch needs of the kernel. */
export type WatchedKernel = Pick<Nftables, 'watch' | 'generation'> & {readonly commits: number};

type Listening = {readonly events: AsyncIterable<RulesetEvent>; readonly stop: () => void};

/**
 * Hears what is committed to nf_tables while it is open, and knows when something was committed while it was not: each
 * commit moves the ruleset's generation on by one, and our own are counted. It is closed for large commits of our own:
 * to tell somebody of each element triples the kernel's time for it.
 */
export class RulesetWatch {
	readonly #kernel: WatchedKernel;
	#listening: Listening | undefined;
	/** Up to which generation everything is known, and how many of our own commits are part of that. */
	#generation = 0;
	#commits = 0;
	#missed = false;
	#wake: (() => void) | undefined;
	#isFollowed = false;

	constructor(kernel: WatchedKernel) {
		this.#kernel = kernel;
	}

	get isOpen(): boolean {
		return this.#listening !== undefined;
	}

	/** Says that all of the ruleset is read from now on: what was committed before does not count. */
	mark(): void {
		this.#generation = this.#kernel.generation();
		this.#commits = this.#kernel.commits;
	}

	/** Listens, where somebody follows. What others committed since the last that is known is told as a loss. */
	open(): void {
		if (this.#listening !== undefined || !this.#isFollowed) {
			return;
		}

		const controller = new AbortController();
		this.#listening = {events: this.#kernel.watch(controller.signal), stop: () => controller.abort()};
		const ours = this.#kernel.commits - this.#commits;
		const before = this.#generation;
		this.mark();
		this.#missed ||= commitsBetween(before, this.#generation) !== ours;
		this.#wake?.();
	}

	/** Says that what happened so far may not have been heard. */
	lose(): void {
		this.#missed = true;
		this.#wake?.();
	}

	/** What is committed from now on is found by {@link open}, not heard. */
	close(): void {
		this.#listening?.stop();
		this.#listening = undefined;
	}

	/** What is heard whenever the watch is open, until `signal` is aborted. One follower at a time. */
	async *events(signal: AbortSignal): AsyncGenerator<RulesetEvent> {
		this.#isFollowed = true;
		const stopped = () => signal.aborted;
		const stop = () => {
			this.close();
			this.#wake?.();
		};
		signal.addEventListener('abort', stop);
		try {
			while (!stopped()) {
				await this.#opened();
				yield* this.#heard();
			}
		} finally {
			this.#isFollowed = false;
			this.close();
			signal.removeEventListener('abort', stop);
		}
	}

	async *#heard(): AsyncGenerator<RulesetEvent> {
		if (this.#missed) {
			this.#missed = false;
			yield {kind: 'lost'};
		}

		for await (const event of this.#listening?.events ?? []) {
			if (event.kind === 'lost') {
				this.mark(); // all of it is going to be read
			} else if (((event.generation - this.#generation) | 0) > 0) {
				this.#generation = event.generation;
				this.#commits += event.own ? 1 : 0;
			}

			yield event;
		}
	}

	/** Resolves when there is something to tell or to hear, or when the watch was told to end. */
	async #opened(): Promise<void> {
		if (this.#listening === undefined && !this.#missed) {
			const {promise, resolve} = Promise.withResolvers<void>();
			this.#wake = resolve;
			await promise;
			this.#wake = undefined;
		}
	}
}

/** The kernel counts in 32 bits and leaves 0 out. */
function commitsBetween(from: number, to: number): number {
	return to >= from ? to - from : to - from + 0xffff_ffff;
}
