import type {ObjectKey} from '../model/objects.ts';
import type {WatchedKind} from './kinds.ts';

/**
 * The path and query that list one page of a kind in its most recent state.
 *
 * @param limit most objects in the answer; 0 asks for all of them
 * @param token of the page before, empty for the first
 */
export function listPath({path, selectors}: WatchedKind, limit: number, token: string): string {
	const query = new URLSearchParams(selectors);
	if (limit > 0) {
		query.set('limit', String(limit));
	}

	if (token !== '') {
		query.set('continue', token);
	}

	return `${path}?${query}`;
}

/** The path and query that list the one object of that name, if it is there. */
export function namePath({path, selectors}: WatchedKind, key: ObjectKey): string {
	const [name = '', namespace] = key.split('/').toReversed();
	const fields = [selectors['fieldSelector'], `metadata.name=${name}`, namespace && `metadata.namespace=${namespace}`];
	return `${path}?${new URLSearchParams({...selectors, fieldSelector: fields.filter(Boolean).join(',')})}`;
}

/** The path and query that watch a kind from `version` on. The API server ends the answer after `timeoutSeconds`. */
export function watchPath({path, selectors}: WatchedKind, version: string, timeoutSeconds: number): string {
	const query = new URLSearchParams({...selectors, ...watchQuery(timeoutSeconds), resourceVersion: version});
	return `${path}?${query}`;
}

/**
 * The path and query that tell every object of a kind in its most recent state, a line each, then a bookmark that
 * says so, then what changes. Source: KEP-3157, on by default from 1.34.
 */
export function watchListPath({path, selectors}: WatchedKind, timeoutSeconds: number): string {
	const query = new URLSearchParams({
		...selectors,
		...watchQuery(timeoutSeconds),
		sendInitialEvents: 'true',
		resourceVersionMatch: 'NotOlderThan',
	});
	return `${path}?${query}`;
}

function watchQuery(timeoutSeconds: number): Record<string, string> {
	return {watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(timeoutSeconds)};
}

/**
 * Whether a resource version is older than another. Both are decimal numbers of any length; what is no number is
 * never older. Source: KEP-5504, comparable resource versions.
 */
export function isOlder(version: string, other: string): boolean {
	if (!/^\d+$/.test(version) || !/^\d+$/.test(other)) {
		return false;
	}

	return version.length === other.length ? version < other : version.length < other.length;
}
