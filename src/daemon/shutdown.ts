import type {Logger} from '../observe/log.ts';
import {asNetError} from './bug.ts';
import type {Clock} from './clock.ts';

/** How long the commit in flight may take before it is given up, and how long everything else before the end. */
const forceMs = 10_000;
const exitMs = 15_000;

/** The signals that end a daemon in good order. */
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export type Shutdown = {
	/** Aborted once the daemon shall end: sources stop, no new commit begins. */
	readonly stop: AbortSignal;
	/** Aborted when the commit in flight shall end too: at the second signal, or ten seconds after the first. */
	readonly force: AbortSignal;
	/** Ends the daemon from inside, with an exit code. */
	readonly end: (reason: string, exitCode: number) => void;
	/** Everything has ended in time: returns the exit code, and nothing is cut off any more. */
	readonly finish: () => number;
};

/**
 * Ends the daemon at SIGTERM, SIGINT and SIGHUP: nothing is removed from the kernel, so that connections go on. What
 * hangs is cut off: kubelet would send SIGKILL later, and the kernel is as good a keeper of its state then as now.
 */
export function watchSignals(log: Logger, clock: Clock): Shutdown {
	const [stop, force] = [new AbortController(), new AbortController()];
	const cancels: (() => void)[] = [];
	let exitCode = 0;
	const end = (reason: string, code: number) => {
		if (stop.signal.aborted) {
			force.abort();
			return;
		}

		log.info('ending; what is in the kernel stays in force', {reason});
		exitCode = code;
		cancels.push(
			clock.after(forceMs, () => force.abort()),
			clock.after(exitMs, () => process.exit(exitCode)),
		);
		stop.abort();
	};
	for (const signal of signals) {
		process.on(signal, () => end(signal, 0));
	}

	const finish = () => {
		for (const cancel of cancels) {
			cancel();
		}

		return exitCode;
	};
	return {stop: stop.signal, force: force.signal, end, finish};
}

/**
 * Has a bug that nobody caught said with its code and end the process, for its state may be anything then; what is in
 * the kernel stays in force. Returns what does that, for a promise that must not be rejected.
 */
export function watchCrashes(log: Logger): (caught: unknown) => never {
	const crash = (caught: unknown) => {
		log.error('the daemon crashed; what is in the kernel stays in force', {error: asNetError(caught, 'go on')});
		process.exit(1);
	};
	process.on('uncaughtException', crash); // also of promises: Node turns those that nobody handles into exceptions
	return crash;
}
