import type {SourceDoor} from '../../src/daemon/source-runner.ts';
import type {Change, Source, SourceName} from '../../src/model/change.ts';

/** A source that says what a test has it say, and fails or ends when it is told to. */
export class FakeSource {
	readonly name: SourceName;
	/** How often it was opened. */
	opened = 0;
	/** Whether nobody reads it any more. */
	closed = false;
	#waiting: PromiseWithResolvers<IteratorResult<readonly Change[]>> | undefined;
	#said: readonly Change[][] = [];

	constructor(name: SourceName) {
		this.name = name;
	}

	get door(): SourceDoor {
		return {name: this.name, open: (signal) => this.#open(signal)};
	}

	say(...changes: Change[]): void {
		if (this.#waiting === undefined) {
			this.#said = [...this.#said, changes];
		} else {
			this.#waiting.resolve({done: false, value: changes});
			this.#waiting = undefined;
		}
	}

	synced(complete = true): void {
		this.say({verb: 'synced', source: this.name, complete});
	}

	fail(error: Error): void {
		this.#waiting?.reject(error);
		this.#waiting = undefined;
	}

	end(): void {
		this.#waiting?.resolve({done: true, value: undefined});
		this.#waiting = undefined;
	}

	#open(signal: AbortSignal): Source {
		this.opened++;
		const next = async (): Promise<IteratorResult<readonly Change[]>> => {
			const [first, ...rest] = this.#said;
			if (first !== undefined) {
				this.#said = rest;
				return {done: false, value: first};
			}

			if (signal.aborted) {
				this.closed = true;
				return {done: true, value: undefined};
			}

			this.#waiting = Promise.withResolvers();
			return await this.#waiting.promise;
		};
		signal.addEventListener('abort', () => {
			this.closed = true;
			this.end();
		});
		return {[Symbol.asyncIterator]: () => ({next})};
	}
}
