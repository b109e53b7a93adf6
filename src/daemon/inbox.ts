import type {Refusal} from '../dataplane/dataplane.ts';
import type {Change, SourceName} from '../model/change.ts';
import type {Clock} from './clock.ts';

/** What became of mail. */
export type Receipt =
	/** What follows from it is in the kernel; it may be nothing. */
	| {readonly kind: 'inForce'}
	/** As `inForce`, but for what the kernel refused of its Services and pods, which is tried again. */
	| {readonly kind: 'refused'; readonly refused: readonly Refusal[]}
	/** The daemon ends first: the next one finds out by itself. */
	| {readonly kind: 'ended'};

/** What a source hands in: changes, or the word that it begins anew and tells everything it knows once more. */
export type Mail = {
	readonly source: SourceName;
	readonly changes: readonly Change[] | 'restarted';
	/** Called once, and maybe before `push` returns. A commit that fails is tried again first. */
	readonly settled?: (receipt: Receipt) => void;
};

/**
 * Where all sources leave what they have to say, in the order in which it came. What arrives while a commit is in
 * flight waits here and becomes one batch.
 */
export class Inbox {
	readonly #clock: Clock;
	readonly #listeners: ((mail: Mail) => void)[] = [];
	#mail: Mail[] = [];
	#wake: (() => void) | undefined;
	#oldest: number | undefined;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	push(mail: Mail): void {
		this.#oldest ??= this.#clock.now();
		this.#mail.push(mail);
		for (const listener of this.#listeners) {
			listener(mail);
		}

		this.#wake?.();
	}

	/** Ends the wait for mail: something else is to be done. */
	wake(): void {
		this.#wake?.();
	}

	/** Tells `listener` of all mail from now on, as it comes in. */
	listen(listener: (mail: Mail) => void): void {
		this.#listeners.push(listener);
	}

	/** When the oldest mail that nobody took came in, by the clock. */
	get waitingSince(): number | undefined {
		return this.#oldest;
	}

	/** What nobody took yet. */
	get waiting(): readonly Mail[] {
		return this.#mail;
	}

	/** All that came in since the last call. */
	take(): readonly Mail[] {
		const mail = this.#mail;
		this.#mail = [];
		this.#oldest = undefined;
		return mail;
	}

	/** Resolves when there is mail, after `ms`, or when the signal is aborted. One waiter at a time. */
	arrival(ms: number | undefined, signal: AbortSignal): Promise<void> {
		if (this.#mail.length > 0 || signal.aborted) {
			return Promise.resolve();
		}

		return new Promise((resolve) => {
			const cancel = ms === undefined ? undefined : this.#clock.after(ms, () => this.#wake?.());
			const wake = () => {
				this.#wake = undefined;
				cancel?.();
				signal.removeEventListener('abort', wake);
				resolve();
			};
			this.#wake = wake;
			signal.addEventListener('abort', wake);
		});
	}
}
