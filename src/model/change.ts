import type {ObjectKey, WorldObject} from './objects.ts';

/** Where changes come from; `cni` is there only where this daemon attaches pods. */
export type SourceName = 'files' | 'apiserver' | 'nodeAddresses' | 'cni';

/**
 * One object added or updated, one deleted, or the word of a source that it has told everything it knew at its
 * start. `complete` is false while a part of it could not be read (a broken file): what the kernel has from before
 * is then kept, whoever it belongs to. A source says `synced` again once nothing is missing any more.
 */
export type Change =
	| {
			readonly verb: 'put';
			readonly object: WorldObject;
			/** Of a slice: when a Pod or Service changed so that it was written. Milliseconds since 1970. */
			readonly triggeredAt?: number;
	  }
	| {readonly verb: 'delete'; readonly kind: WorldObject['kind']; readonly key: ObjectKey}
	| {readonly verb: 'synced'; readonly source: SourceName; readonly complete: boolean};

/**
 * A source of changes: batches in the order in which they happened, without end until the signal it was made
 * with is aborted. A source keeps no second copy of the cluster, never reports a deletion it only inferred from
 * partial knowledge, and repeats nothing it has said unless it has to read everything anew.
 */
export type Source = AsyncIterable<readonly Change[]>;
