import type {Fault, Known, ObjectId} from './reading.ts';

/** Which content a file had: device, inode, size, and times of its last change, in one text. */
export type Stamp = string;

/** Asks the reading thread for a file, or for more of the one it read last. */
export type Request = {readonly verb: 'read'; readonly file: string; readonly known: Known} | {readonly verb: 'more'};

/** Some of a file's changed objects: their projections as one JSON array, and the hash of each. */
export type Chunk = {readonly json: string; readonly hashes: readonly number[]; readonly isLast: boolean};

/** The first answer about a file; further chunks follow on demand, so that no turn of the loop takes long. */
export type Summary = {
	readonly stamp: Stamp;
	readonly gone: readonly ObjectId[];
	readonly faults: readonly Fault[];
	readonly missing: boolean;
	readonly warnings: readonly string[];
	readonly chunk: Chunk;
};

export type Answer =
	| {readonly verb: 'summary'; readonly summary: Summary}
	/** The file is being written or went away: what was read of it is neither the old nor the new version. */
	| {readonly verb: 'unsettled'}
	| {readonly verb: 'failed'; readonly fault: Fault}
	| {readonly verb: 'chunk'; readonly chunk: Chunk};
