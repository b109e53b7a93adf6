import type {Logger} from '../observe/log.ts';
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
	readonly exitCode: () => number;
};

/**
 * Ends the daemon at SIGTERM, SIGINT and SIGHUP: nothing is removed from the kernel, so that connections go on. What
 * hangs is cut off: kubelet would send SIGKILL later, and the kernel is as good a keeper of its state then as now.
 */
export function watchSignals(log: Logger, clock: Clock): Shutdown {
	const [stop, force] = [new AbortController(), new AbortController()];
	let exitCode = 0;
	const end = (reason: string, code: number) => {
		if (stop.signal.aborted) {
			force.abort();
			return;
		}

		log.info('ending; what is in the kernel stays in force', {reason});
		exitCode = code;
		clock.after(forceMs, () => force.abort());
		clock.after(exitMs, () => process.exit(exitCode));
		stop.abort();
	};
	for (const signal of signals) {
		process.on(signal, () => end(signal, 0));
	}

	return {stop: stop.signal, force: force.signal, end, exitCode: () => exitCode};
}

/** A bug that nobody caught: said with its code, then the process ends, for its state may be anything. The kernel's stays. */
export function watchCrashes(log: Logger, asError: (caught: unknown) => Error): void {
	process.on('uncaughtException', (caught) => {
		log.error('the daemon crashed; what is in the kernel stays in force', {error: asError(caught)});
		process.exit(1);
	});
}
