import {NetError} from '../errors.ts';
import type {Change, Source, SourceName} from '../model/change.ts';
import type {Logger} from '../observe/log.ts';
import {Backoff} from './backoff.ts';
import {asNetError} from './bug.ts';
import {type Clock, pause} from './clock.ts';
import type {Freshness} from './freshness.ts';
import type {Inbox} from './inbox.ts';

/** A source that can be opened, and opened again after it failed. */
export type SourceDoor = {readonly name: SourceName; readonly open: (signal: AbortSignal) => Source};

type RunnerParts = {
	readonly inbox: Inbox;
	/** Written here: what the source told, and how it does. */
	readonly freshness: Freshness;
	readonly log: Logger;
	readonly clock: Clock;
	/** The longest wait before a source that failed is opened again. Read at each failure. */
	readonly retryCeilingMs: () => number;
};

/** Brings what a source says to the inbox until the signal. A source that fails or ends is opened again. Never rejects. */
export async function runSource(door: SourceDoor, parts: RunnerParts, signal: AbortSignal): Promise<void> {
	const {inbox, freshness, log, clock} = parts;
	const backoff = new Backoff(clock, parts.retryCeilingMs);
	const tally = new Tally(door.name, log, clock);
	const stopped = () => signal.aborted;
	for (let round = 0; !stopped(); round++) {
		if (round > 0) {
			inbox.push({source: door.name, changes: 'restarted'});
		}

		freshness.opened(door.name);
		const failure = await drain(door, signal, (changes) => {
			inbox.push({source: door.name, changes});
			follow(freshness, door.name, changes, clock.now());
			if (tally.add(changes)) {
				backoff.reset();
			}
		});
		if (!stopped()) {
			const waitMs = backoff.next();
			freshness.failed(door.name, failure, clock.now() + waitMs);
			log.error('a source failed', {source: door.name, error: failure, retryInMs: Math.round(waitMs)});
			await pause(clock, waitMs, signal);
		}
	}
}

function follow(freshness: Freshness, name: SourceName, changes: readonly Change[], now: number): void {
	const last = changes.findLast(({verb}) => verb === 'synced');
	if (last?.verb !== 'synced' || changes.length > 1) {
		freshness.changed(name, now);
	}

	if (last?.verb === 'synced') {
		freshness.synced(name, last.complete, now);
	}
}

/** Why the source stopped. */
async function drain(
	{name, open}: SourceDoor,
	signal: AbortSignal,
	take: (changes: readonly Change[]) => void,
): Promise<NetError> {
	try {
		for await (const changes of open(signal)) {
			take(changes);
		}
	} catch (caught) {
		return asNetError(caught, `read source ${name}`);
	}

	return new NetError('DAEMON_SOURCE', `go on reading source ${name}: it ended`, {source: name});
}

/** Counts what a source tells until it said all it knew, and says so once. */
class Tally {
	readonly #source: SourceName;
	readonly #log: Logger;
	readonly #clock: Clock;
	readonly #began: number;
	readonly #counts: Record<string, number> = {};
	#complete: boolean | undefined;

	constructor(source: SourceName, log: Logger, clock: Clock) {
		this.#source = source;
		this.#log = log;
		this.#clock = clock;
		this.#began = clock.now();
	}

	/** Whether the source said `synced`. */
	add(changes: readonly Change[]): boolean {
		let synced = false;
		for (const change of changes) {
			if (change.verb === 'synced') {
				synced = true;
				this.#tell(change.complete);
			} else if (change.verb === 'put' && this.#complete === undefined) {
				this.#counts[change.object.kind] = (this.#counts[change.object.kind] ?? 0) + 1;
			}
		}

		return synced;
	}

	#tell(complete: boolean): void {
		const facts = {source: this.#source, complete};
		if (this.#complete === undefined) {
			const ms = Math.round(this.#clock.now() - this.#began);
			this.#log.info('a source told all it knows', {...facts, objects: this.#counts, ms});
		} else if (complete !== this.#complete) {
			this.#log.info('a source was read again', facts);
		}

		if (!complete && this.#complete !== false) {
			this.#log.warn('a source could not be read in full; nothing is removed from the kernel on its word', facts);
		}

		this.#complete = complete;
	}
}
