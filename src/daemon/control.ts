import {dirname} from 'node:path';
import type {Ask, Handlers, Part} from '../control/protocol.ts';
import {serveControl} from '../control/server.ts';
import type {Logger} from '../observe/log.ts';
import {Backoff} from './backoff.ts';
import {asNetError} from './bug.ts';
import {type Clock, pause} from './clock.ts';
import {makeStateDir} from './state-dir.ts';
import type {StatusKeeper} from './status.ts';

type ControlParts = {
	readonly path: string;
	readonly status: StatusKeeper;
	/** What else the daemon answers. */
	readonly handlers: Handlers;
	/** Called whenever it begins to listen. */
	readonly listening: () => void;
	readonly log: Logger;
	readonly clock: Clock;
	/** The longest wait before a socket that could not be made is tried again. */
	readonly retryCeilingMs: () => number;
};

/**
 * Whoever watches is told at most twice a second, and a moment behind what happened: a change that came in is on its
 * way to the kernel, and is told with what became of it.
 */
const [watchPeriodMs, settleMs] = [400, 100];

/**
 * Answers people and the CNI plugin at the control socket until the signal. Never rejects: a daemon that nobody can
 * ask serves all the same, says so, and tries again.
 */
export async function answerControl(parts: ControlParts, signal: AbortSignal): Promise<void> {
	const {path, log, clock, retryCeilingMs} = parts;
	const backoff = new Backoff(clock, retryCeilingMs);
	const after = clock.after.bind(clock);
	const stopped = () => signal.aborted;
	while (!stopped()) {
		try {
			await makeStateDir(dirname(path)); // the disk may have been full, or somebody may have removed it
			await serveControl({path, handlers: {...parts.handlers, ...controlHandlers(parts)}, log, after}, signal);
			parts.listening();
			return;
		} catch (caught) {
			const waitMs = backoff.next();
			const error = asNetError(caught, 'listen at the control socket');
			log.error('nobody can ask the daemon', {error, retryInMs: Math.round(waitMs)});
			await pause(clock, waitMs, signal);
		}
	}
}

/** What the daemon answers. */
export function controlHandlers(parts: Pick<ControlParts, 'status' | 'clock'>) {
	return {
		status: (ask: Ask<'status'>, signal: AbortSignal) => tellStatus(ask, parts, signal),
	} satisfies Handlers;
}

async function* tellStatus(
	{watch}: Ask<'status'>,
	{status, clock}: Pick<ControlParts, 'status' | 'clock'>,
	signal: AbortSignal,
): AsyncGenerator<Part<'status'>, null, void> {
	const ended = () => signal.aborted;
	do {
		const changed = status.changed(signal); // from here on, so that what happens while it is told is told next
		yield* status.parts();
		if (watch) {
			await pause(clock, watchPeriodMs, signal);
			await changed;
			await pause(clock, settleMs, signal);
		}
	} while (watch && !ended());

	return null;
}
