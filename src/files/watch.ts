import {realpathSync} from 'node:fs';
import {resolve} from 'node:path';
import type {Change, Source} from '../model/change.ts';
import {type Clock, systemClock} from './clock.ts';
import type {Listing} from './listing.ts';
import type {ProblemListener} from './problems.ts';
import {Quiet} from './quiet.ts';
import {Reader} from './reader.ts';
import {FileSource} from './source.ts';
import {Watches} from './watches.ts';

export type WatchOptions = ProblemListener & {
	/** How long a path has to be left alone before it is looked at. */
	readonly settleMs?: number;
	readonly clock?: Clock;
	/** A reading thread that its owner closes; absent, the stream has one of its own. */
	readonly reader?: Reader;
};

/** An editor's steps and a rename over a file are microseconds apart, the pieces of a written stream some ms. */
export const defaultSettleMs = 100;

/**
 * The objects in a file, or in all `.yaml`, `.yml` and `.json` files of a directory and those below it, as a stream
 * of changes that follows the files. What breaks stays in force as it was and is reported; see this room's README.
 *
 * `synced` comes after the first look, and once more when that was not complete and the rest was mended.
 */
export async function* watchFiles(path: string, options: WatchOptions, signal: AbortSignal): Source {
	const {settleMs = defaultSettleMs, clock = systemClock} = options;
	const root = resolve(path);
	const reader = options.reader ?? new Reader(clock);
	const quiet = new Quiet(settleMs, clock, signal);
	const watches = new Watches(
		(touched) => quiet.touch(touched),
		(directory, faults) => source.problems.set(`watch ${directory}`, faults),
		clock,
	);
	const source: FileSource = new FileSource(root, options, reader, {
		onDirectory: (directory, identity) => watches.watchTree(directory, identity),
		onListing: (looked, listing) => follow(watches, looked, listing),
		retouch: (file) => quiet.touch(file),
		isBusy: () => quiet.isBusy,
		isFresh: (since) => {
			const ageMs = clock.wall() - since;
			return ageMs >= 0 && ageMs < settleMs; // a time to come is another machine's clock
		},
	});
	const close = () => void (options.reader === undefined && reader.close()); // ends what it reads; it does not fail
	signal.addEventListener('abort', close, {once: true});
	try {
		yield* changes(root, source, {quiet, watches}, signal);
	} finally {
		signal.removeEventListener('abort', close);
		watches.close();
		close();
	}
}

type Wake = {readonly quiet: Quiet; readonly watches: Watches};

async function* changes(root: string, source: FileSource, {quiet, watches}: Wake, signal: AbortSignal): Source {
	const isOver = () => signal.aborted;
	let synced: (Change & {verb: 'synced'}) | undefined;
	for (let touched: ReadonlySet<string> = new Set([root]); !isOver(); touched = await quiet.next()) {
		if (touched.has(root)) {
			watchWays(root, watches);
		}

		yield* source.look(touched);
		if (isOver()) {
			return;
		}

		// The first one waits for files that are being written, as long as a burst may last.
		const isDue = synced === undefined ? !quiet.isBusy : !synced.complete && source.isComplete;
		if (isDue) {
			synced = {verb: 'synced', source: 'files', complete: source.isComplete};
			yield [synced];
		}
	}
}

/**
 * Watches the way to what stands at `root`, through links too, to touch it when that changes. Called before each look,
 * so that nothing is missed between the two.
 */
export function watchWays(root: string, watches: Watches): void {
	watches.watchWay(root, root);
	try {
		const target = realpathSync(root);
		if (target !== root) {
			watches.watchWay(target, root);
		}
	} catch {
		// Nothing stands there: the way to it is watched, as far as there is one, and the look will report it.
	}
}

function follow(watches: Watches, path: string, {directories, links}: Listing): void {
	watches.keep(path, directories);
	for (const [link, target] of links) {
		watches.watchLink(target, link);
	}
}
