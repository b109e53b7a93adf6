import type {NetError} from '../errors.ts';
import type {SourceName} from '../model/change.ts';

/** What is known of one source's state. Moments are the clock's milliseconds. */
export type SourceFreshness = {
	/** When it had told everything it knew at its start. */
	syncedAt: number | undefined;
	/** Whether its last word was that nothing is missing. */
	complete: boolean;
	lastChangeAt: number | undefined;
	/** How often it was opened again. */
	restarts: number;
	/** Why it is not open just now, and when it is opened again. */
	failure: {readonly error: NetError; readonly retryAt: number} | undefined;
	/** What of it cannot be used: files, objects. */
	readonly problems: Set<NetError>;
};

/** How fresh every source is. Written by those who run them, read by the status; costs nothing for each object. */
export class Freshness {
	readonly #sources = new Map<SourceName, SourceFreshness>();
	readonly #onChange: () => void;
	readonly #onTrouble: (problem: NetError) => void;

	/**
	 * @param onChange called behind each change
	 * @param onTrouble called with each new problem
	 */
	constructor(onChange: () => void = () => undefined, onTrouble: (problem: NetError) => void = () => undefined) {
		this.#onChange = onChange;
		this.#onTrouble = onTrouble;
	}

	/** In the order in which they were opened first. */
	get sources(): ReadonlyMap<SourceName, SourceFreshness> {
		return this.#sources;
	}

	/** It begins to tell what it knows, its problems too: those from before are forgotten. */
	opened(name: SourceName): void {
		const known = this.#sources.get(name);
		if (known === undefined) {
			this.#sources.set(name, unheard());
			this.#onChange();
			return;
		}

		known.restarts++;
		known.problems.clear();
		this.#onChange();
	}

	/** It told of changes, and is open. */
	changed(name: SourceName, at: number): void {
		this.#edit(name, (source) => {
			source.lastChangeAt = at;
			source.failure = undefined;
		});
	}

	synced(name: SourceName, complete: boolean, at: number): void {
		this.#edit(name, (source) => {
			source.syncedAt ??= at;
			source.complete = complete;
			source.failure = undefined;
		});
	}

	/** It stopped: what it told stays in force, but is no more sure to be all. */
	failed(name: SourceName, error: NetError, retryAt: number): void {
		this.#edit(name, (source) => {
			source.complete = false;
			source.failure = {error, retryAt};
		});
	}

	troubled(name: SourceName, problem: NetError): void {
		this.#edit(name, ({problems}) => problems.add(problem));
		this.#onTrouble(problem);
	}

	mended(name: SourceName, problem: NetError): void {
		this.#edit(name, ({problems}) => problems.delete(problem));
	}

	#edit(name: SourceName, edit: (source: SourceFreshness) => void): void {
		const source = this.#sources.get(name);
		if (source !== undefined) {
			edit(source);
			this.#onChange();
		}
	}
}

function unheard(): SourceFreshness {
	return {
		syncedAt: undefined,
		complete: false,
		lastChangeAt: undefined,
		restarts: 0,
		failure: undefined,
		problems: new Set(),
	};
}
