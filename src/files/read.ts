import {resolve} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import type {NetError} from '../errors.ts';
import type {Change} from '../model/change.ts';
import {systemClock} from './clock.ts';
import {Reader} from './reader.ts';
import {FileSource} from './source.ts';
import {unwatched} from './tree.ts';

/** What files say now: their objects and, as the last change, whether that is all; and what is wrong with them. */
export type FileContents = {
	readonly changes: readonly Change[];
	readonly problems: readonly NetError[];
	readonly warnings: readonly string[];
};

/** A file that changes while it is read is read so many times, some ms apart. */
const maxTries = 20;
const retryMs = 50;

/** Reads the objects in a file, or in a directory and those below it, as {@link watchFiles} does, once. Never throws. */
export async function readFiles(path: string): Promise<FileContents> {
	const root = resolve(path);
	const changes: Change[] = [];
	const problems: NetError[] = [];
	const warnings: string[] = [];
	const listener = {
		report: (problem: NetError) => problems.push(problem),
		warn: (warning: string) => warnings.push(warning),
	};
	const reader = new Reader(systemClock);
	const source = new FileSource(root, listener, reader, unwatched);
	let touched: ReadonlySet<string> = new Set([root]);
	for (let tries = 0; touched.size > 0 && tries < maxTries; tries++) {
		for await (const batch of source.look(touched)) {
			changes.push(...batch);
		}

		touched = new Set(source.unsettled);
		await setTimeout(touched.size > 0 ? retryMs : 0);
	}

	changes.push({verb: 'synced', source: 'files', complete: source.isComplete});
	await reader.close();
	return {changes, problems, warnings};
}
