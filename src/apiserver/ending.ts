import {NetError} from '../errors.ts';
import type {WatchedKind} from './kinds.ts';
import type {Refusal} from './refusal.ts';

/** Why a round, which is one list or watch or both, ended. */
export type Ending =
	/** The API server closed the answer behind a whole line. */
	| {readonly kind: 'over'}
	| {readonly kind: 'lost'; readonly problem: NetError}
	/** The API server is in a state before one that it told already: etcd was restored. */
	| {readonly kind: 'older'; readonly reason: string}
	| {readonly kind: 'refused'; readonly refusal: Refusal};

/** What the round was. */
export type Round = {
	/** Whether it was to read everything, and did not come to the end of that. */
	readonly isUnread: boolean;
	/** Whether it asked for the list as a stream. */
	readonly isStream: boolean;
	/** Whether a byte came of its watch. */
	readonly wasHeard: boolean;
	/** How long it took, and how long its watch was to last. */
	readonly livedMs: number;
	readonly watchMs: number;
};

/** What follows from the end of a round. */
export type Verdict = {
	/** When the next one begins: at once, after the backoff, or when a watch would have ended. */
	readonly next: 'now' | 'backoff' | 'watchEnd';
	readonly retryAfterMs?: number | undefined;
	/** Everything has to be read anew, and why; what is in force stays so meanwhile. */
	readonly startOver?: string;
	/**
	 * Whether it must be seen first that the API server still knows the state to go on from: it takes one that is yet
	 * to come, and is silent until then. So it is after etcd was restored to an older state.
	 */
	readonly mustVerify?: boolean;
	/** From now on: lists come in pages, or in one piece. */
	readonly listBy?: 'pages' | 'whole';
	readonly standing?: 'absent' | 'forbidden';
	/** Absent: what was wrong with the connection is no more. */
	readonly problem?: NetError;
};

/** An API server's own timer is not more exact than this. Milliseconds. */
const timerErrorMs = 5000;

/** Pure: what to do after a round that ended so. */
export function judge(kind: WatchedKind, ending: Ending, round: Round): Verdict {
	switch (ending.kind) {
		case 'over':
			return judgeOver(round);
		case 'lost':
			return {next: 'backoff', problem: ending.problem, mustVerify: true};
		case 'older':
			return {next: 'backoff', startOver: ending.reason};
		case 'refused':
			return judgeRefusal(kind, ending.refusal, round);
	}
}

/** A server that shuts down ends its watches early: its clients may not come back all at once. */
function judgeOver({isUnread, wasHeard, livedMs, watchMs}: Round): Verdict {
	if (isUnread) {
		return {next: 'backoff', listBy: 'pages'}; // it ended before it had told everything
	}

	return {next: livedMs >= watchMs - timerErrorMs ? 'now' : 'backoff', mustVerify: !wasHeard};
}

function judgeRefusal(kind: WatchedKind, refusal: Refusal, {isUnread, isStream}: Round): Verdict {
	const {code, isTooNew, retryAfterMs} = refusal;
	if (code === 410 || isTooNew) {
		const startOver = printRefusal(refusal);
		return isUnread && !isStream
			? {next: 'backoff', retryAfterMs, startOver, listBy: 'whole'} // its pages expired before all were read
			: {next: 'backoff', retryAfterMs, startOver};
	}

	if (isStream && isUnread && (code === 400 || code === 422)) {
		return {next: 'now', listBy: 'pages'}; // it streams no lists
	}

	const problem = refused(kind, refusal);
	if (!kind.isNeeded && code === 404) {
		return {next: 'watchEnd', standing: 'absent'}; // an older API server: it may be upgraded
	}

	if (!kind.isNeeded && code === 403) {
		return {next: 'backoff', standing: 'forbidden', problem};
	}

	return {next: 'backoff', retryAfterMs, problem};
}

function refused({kind, path}: WatchedKind, refusal: Refusal): NetError {
	const {code, reason, message} = refusal;
	return new NetError('API_REFUSED', `list or watch ${kind}s: ${printRefusal(refusal)}`, {
		kind,
		path,
		status: code,
		reason,
		message,
	});
}

function printRefusal({code, reason, message}: Refusal): string {
	return [code, reason, message && `(${message})`].filter((word) => word !== '').join(' ');
}
