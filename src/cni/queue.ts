import {readdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import type {RawCall} from './call.ts';

/** A DEL that came while no daemon ran. Source: cni-bin/queue.c */
export type QueuedDelete = RawCall & {
	/** Of the file that it is in. */
	readonly path: string;
	/** Milliseconds since 1970. */
	readonly writtenAt: number;
};

/** What was kept for this daemon, and files that cannot be understood: whoever wrote those was not the plugin. */
export type Queue = {readonly deletes: readonly QueuedDelete[]; readonly broken: readonly string[]};

/** Reads what was kept. The socket has to be listened on before: who writes asks there once more behind it. */
export function readQueue(stateDir: string): Queue {
	const folder = join(stateDir, 'cni-queue');
	const [deletes, broken]: [QueuedDelete[], string[]] = [[], []];
	for (const path of namesIn(folder).map((name) => join(folder, name))) {
		const found = read(path);
		if (found === undefined) {
			broken.push(path);
		} else {
			deletes.push(found);
		}
	}

	return {deletes, broken};
}

/** Takes a file out of the queue, or whatever else stands there. */
export function forget(path: string): void {
	rmSync(path, {recursive: true, force: true});
}

/** None where there is no queue. Names with a dot are half written. */
function namesIn(folder: string): readonly string[] {
	try {
		return readdirSync(folder).filter((name) => !name.startsWith('.'));
	} catch {
		return [];
	}
}

function read(path: string): QueuedDelete | undefined {
	try {
		const {env, config} = JSON.parse(readFileSync(path, 'utf8'));
		const isWhole = typeof env === 'object' && env?.CNI_COMMAND === 'DEL' && typeof config === 'string';
		return isWhole ? {path, env, config, writtenAt: statSync(path).mtimeMs} : undefined;
	} catch {
		return undefined;
	}
}
