import {NetError} from '../errors.ts';
import type {Change} from '../model/change.ts';
import {Backoff} from './backoff.ts';
import {type Clock, pause, type Turns} from './clock.ts';
import {decodeEvent, decodeItem, type Told} from './decode.ts';
import {type Ending, judge, type Verdict} from './ending.ts';
import {ItemSplitter} from './items.ts';
import type {WatchedKind} from './kinds.ts';
import {LineSplitter} from './lines.ts';
import type {Problems} from './problems.ts';
import {Progress} from './progress.ts';
import {Pulse} from './pulse.ts';
import {listPath, namePath, watchListPath, watchPath} from './query.ts';
import {type Answer, answerMs, type Requests} from './requests.ts';

/** What all reflectors of one source share. */
export type Surroundings = {
	readonly requests: Requests;
	readonly problems: Problems;
	readonly warn: (warning: string) => void;
	readonly clock: Clock;
	readonly turns: Turns;
};

/** Objects on one page of a list. The API server has a page in memory, we never do. As client-go. */
const pageLimit = 500;

/** As client-go: watches end after 5 to 10 minutes, by chance, so that their renewals spread over time. */
const minWatchSeconds = 300;

/** A round that lived for so long was no failure, however it ended; nor was a watch that lived longer than the wait for it. */
const steadyMs = 30_000;

const nothing: readonly Change[] = [];

/** Follows all objects of one kind: lists them, watches what changes, and starts over where it has to. */
export class Reflector {
	readonly #kind: WatchedKind;
	readonly #around: Surroundings;
	readonly #progress: Progress;
	readonly #backoff: Backoff;
	#hindrance: 'absent' | 'forbidden' | undefined;
	/** When the last round that was forbidden began. */
	#forbiddenAt = 0;
	#listBy: 'stream' | 'pages' | 'whole' = 'stream';
	/** Whether a byte came of the last watch. */
	#wasHeard = false;
	#mustVerify = false;

	constructor(kind: WatchedKind, around: Surroundings) {
		this.#kind = kind;
		this.#around = around;
		this.#progress = new Progress(kind, around.problems, around.warn);
		this.#backoff = new Backoff(around.clock);
	}

	/** Whether nothing can be served before all of the kind was told. */
	get isAwaited(): boolean {
		return this.#kind.isNeeded && !this.#progress.wasRead;
	}

	/**
	 * Whether there is nothing to wait for. An API server that is just starting forbids everything to everybody until it
	 * has read the roles: only what it forbids once all that is needed was read, at `neededAt`, is forbidden by them.
	 */
	isSettled(neededAt: number): boolean {
		if (this.#hindrance === 'forbidden') {
			return this.#forbiddenAt > neededAt;
		}

		return this.#hindrance === 'absent' || this.#progress.wasRead;
	}

	/** Whether everything that exists is in force, in its latest version or the last good one. */
	get isComplete(): boolean {
		return this.#hindrance === 'absent' || (this.#hindrance === undefined && this.#progress.isComplete);
	}

	/**
	 * What happens to the objects of this kind, until the signal; never throws. An empty batch says that
	 * {@link isSettled} or {@link isComplete} may have changed.
	 */
	async *follow(signal: AbortSignal): AsyncGenerator<readonly Change[]> {
		const {clock} = this.#around;
		for (const isOver = () => signal.aborted; !isOver(); ) {
			const began = clock.now();
			const watchMs = minWatchSeconds * 1000 * (1 + clock.random());
			const isStream = this.#listBy === 'stream';
			const ending = yield* this.#round(watchMs, signal);
			if (!isOver()) {
				const round = {isUnread: this.#progress.version === undefined, isStream, wasHeard: this.#wasHeard, watchMs};
				const livedMs = clock.now() - began;
				const verdict = judge(this.#kind, ending, {...round, livedMs});
				this.#forbiddenAt = verdict.standing === 'forbidden' ? began : this.#forbiddenAt;
				const waitMs = this.#settle(verdict, livedMs, watchMs);
				yield nothing;
				await pause(clock, waitMs, signal);
			}
		}
	}

	async *#round(watchMs: number, signal: AbortSignal): AsyncGenerator<readonly Change[], Ending> {
		try {
			const {version} = this.#progress;
			const mustVerify = this.#mustVerify;
			let ending: Ending | undefined;
			if (version !== undefined) {
				ending = mustVerify ? await this.#verify(signal) : undefined;
			} else if (this.#listBy !== 'stream') {
				ending = yield* this.#list(signal);
			}

			this.#mustVerify &&= ending !== undefined;
			return ending ?? (yield* this.#watch(watchMs, signal));
		} catch (error) {
			if (error instanceof NetError) {
				return {kind: 'lost', problem: error};
			}

			if (signal.aborted) {
				return {kind: 'over'};
			}

			throw error;
		}
	}

	/** Reads a list, all pages, each object told as it comes. */
	async *#list(signal: AbortSignal): AsyncGenerator<readonly Change[], Ending | undefined> {
		this.#progress.beginList();
		let token = '';
		do {
			const path = listPath(this.#kind, this.#listBy === 'whole' ? 0 : pageLimit, token);
			const answer = await this.#get(path, () => answerMs, signal);
			if (answer.kind === 'refused') {
				return answer;
			}

			const items = new ItemSplitter();
			for await (const chunk of answer.chunks) {
				yield items.push(chunk).flatMap((item) => this.#progress.take(decodeItem(this.#kind, item)));
				await this.#around.turns.next();
			}

			const {version, next} = items.end();
			token = next;
			if (token === '') {
				yield this.#progress.endList(version);
			}
		} while (token !== '');

		return undefined;
	}

	/** Why the API server cannot go on from where we are; undefined when it can. */
	async #verify(signal: AbortSignal): Promise<Ending | undefined> {
		const {witness} = this.#progress;
		const path = witness === undefined ? listPath(this.#kind, 1, '') : namePath(this.#kind, witness);
		const answer = await this.#get(path, () => answerMs, signal);
		if (answer.kind === 'refused') {
			return answer;
		}

		const items = new ItemSplitter();
		const found: Told[] = [];
		for await (const chunk of answer.chunks) {
			found.push(...items.push(chunk).map((item) => decodeItem(this.#kind, item)));
		}

		const {version: newest} = items.end();
		const [object] = witness === undefined ? [] : found;
		const version = object !== undefined && 'version' in object ? object.version : undefined;
		return this.#progress.isContradicted(newest, version)
			? {kind: 'older', reason: `etcd was restored to an older state, it is at version ${newest} now`}
			: undefined;
	}

	/** Reads a watch until it ends; it begins with all objects there are where they were not read yet. */
	async *#watch(watchMs: number, signal: AbortSignal): AsyncGenerator<readonly Change[], Ending> {
		const {version} = this.#progress;
		const seconds = Math.round(watchMs / 1000);
		const path = version === undefined ? watchListPath(this.#kind, seconds) : watchPath(this.#kind, version, seconds);
		const pulse = new Pulse(this.#around.clock.now, watchMs);
		this.#wasHeard = false;
		const answer = await this.#get(path, () => pulse.limitMs, signal);
		if (answer.kind === 'refused') {
			return answer;
		}

		if (version === undefined) {
			this.#progress.beginList();
		}

		const lines = new LineSplitter();
		for await (const chunk of answer.chunks) {
			this.#wasHeard = true;
			const {changes, ending} = this.#read(lines.push(chunk), pulse);
			yield changes;
			if (ending !== undefined) {
				return ending;
			}

			await this.#around.turns.next();
		}

		return lines.rest === 0 ? {kind: 'over'} : {kind: 'lost', problem: cutOff(this.#kind, lines.rest)};
	}

	#read(lines: readonly string[], pulse: Pulse): {readonly changes: readonly Change[]; readonly ending?: Ending} {
		const changes: Change[] = [];
		for (const line of lines) {
			const told = decodeEvent(this.#kind, line);
			if (told.verb === 'end') {
				return {changes, ending: {kind: 'refused', refusal: told.refusal}};
			}

			if (told.verb !== 'garble' && this.#progress.isBehind(told)) {
				return {changes, ending: {kind: 'older', reason: `the API server went back to version ${told.version}`}};
			}

			if (told.verb === 'bookmark') {
				pulse.beat();
			}

			changes.push(...this.#progress.take(told));
		}

		return {changes};
	}

	async #get(path: string, silenceMs: () => number, signal: AbortSignal): Promise<Answer> {
		const answer = await this.#around.requests.get(path, silenceMs, signal);
		if (answer.kind === 'body') {
			this.#around.problems.clear(this.#connection);
			this.#hindrance = undefined;
		}

		return answer;
	}

	/** Does what a verdict says, and returns for how long to wait then. Milliseconds. */
	#settle(verdict: Verdict, livedMs: number, watchMs: number): number {
		const {next, startOver, listBy, standing, problem, retryAfterMs, mustVerify} = verdict;
		if (startOver !== undefined && this.#progress.version !== undefined) {
			this.#around.warn(`${this.#kind.kind}s are listed anew: ${startOver}`);
		}

		if (startOver !== undefined || this.#progress.isInDoubt) {
			this.#progress.startOver();
		}

		if (standing === 'absent' && this.#hindrance !== 'absent') {
			this.#around.warn(`the API server has no ${this.#kind.kind}s (${this.#kind.path}): none are known`);
		}

		this.#mustVerify ||= mustVerify === true;
		this.#listBy = listBy ?? this.#listBy;
		this.#hindrance = standing ?? this.#hindrance;
		if (problem !== undefined) {
			this.#around.problems.set(this.#connection, problem);
		}

		if (livedMs >= steadyMs || (this.#wasHeard && livedMs > this.#backoff.lastMs)) {
			this.#backoff.reset();
		}

		switch (next) {
			case 'now':
				return 0;
			case 'backoff':
				return this.#backoff.next(retryAfterMs);
			case 'watchEnd':
				return Math.max(watchMs - livedMs, 0);
		}
	}

	/** Where problems with what brings the objects stand. */
	get #connection(): string {
		return `watch ${this.#kind.kind}`;
	}
}

function cutOff({kind}: WatchedKind, bytes: number): NetError {
	return new NetError('API_INVALID', `read the end of a watch of ${kind}s: it was cut off inside a line`, {
		kind,
		bytes,
	});
}
