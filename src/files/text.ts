import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import {type Clock, systemClock} from './clock.ts';
import {type ProblemListener, Problems} from './problems.ts';
import {Quiet} from './quiet.ts';
import {defaultSettleMs, watchWays} from './watch.ts';
import {Watches} from './watches.ts';

/** What stands in a file: its text, or why it cannot be read. */
export type TextReading = {readonly text: string} | {readonly cause: unknown};

export type TextOptions = ProblemListener & {
	/** What its owner read of it; only another text is told. */
	readonly before: string;
	/** How long it has to be left alone before it is read. */
	readonly settleMs?: number;
	readonly clock?: Clock;
};

/**
 * What one file says, each time that it says something else, until the signal: written, renamed over, or led
 * elsewhere by a link at any height, such as the `..data` that kubelet swaps in a mounted ConfigMap. A file that
 * cannot be read is told once, and once more, whatever it says then, when it can.
 */
export async function* watchText(path: string, options: TextOptions, signal: AbortSignal): AsyncGenerator<TextReading> {
	const {settleMs = defaultSettleMs, clock = systemClock} = options;
	const root = resolve(path);
	const problems = new Problems(options);
	const quiet = new Quiet(settleMs, clock, signal);
	const watches = new Watches(
		(touched) => quiet.touch(touched),
		(directory, faults) => problems.set(`watch ${directory}`, faults),
		clock,
	);
	const stopped = () => signal.aborted;
	try {
		for (let before: TextReading = {text: options.before}; !stopped(); await quiet.next()) {
			watchWays(root, watches); // before the look, so that nothing is missed between the two
			const now = await readText(root);
			if (!stopped() && !isSame(before, now)) {
				before = now;
				yield now;
			}
		}
	} finally {
		watches.close();
	}
}

async function readText(path: string): Promise<TextReading> {
	try {
		return {text: await readFile(path, 'utf8')};
	} catch (cause) {
		return {cause};
	}
}

function isSame(before: TextReading, now: TextReading): boolean {
	return 'text' in before && 'text' in now
		? before.text === now.text
		: 'cause' in before && 'cause' in now && String(before.cause) === String(now.cause);
}
