import type {NetError} from '../errors.ts';
import type {Change} from '../model/change.ts';
import {watchedKinds} from './kinds.ts';
import {type ApiServerOptions, watchApiServer} from './watch.ts';

/** What the API server says now: its objects and, as the last change, whether that is all; and what is wrong with them. */
export type ApiServerContents = {
	readonly changes: readonly Change[];
	readonly problems: readonly NetError[];
	readonly warnings: readonly string[];
};

/**
 * Reads what {@link watchApiServer} tells at its start, once.
 *
 * @throws NetError API_CONFIG, API_UNREACHABLE, API_REFUSED or API_INVALID when a kind that is needed cannot be read
 */
export async function readApiServer(options: ApiServerOptions): Promise<ApiServerContents> {
	const enough = new AbortController();
	const changes: Change[] = [];
	const problems: NetError[] = [];
	const warnings: string[] = [];
	const needed = new Set<unknown>(watchedKinds(options.nodeName).flatMap(({kind, isNeeded}) => (isNeeded ? kind : [])));
	const listener = {
		report: (problem: NetError) => {
			problems.push(problem);
			if (problem.code !== 'OBJECT_INVALID' && needed.has(problem.details['kind'] ?? 'Service')) {
				enough.abort(problem);
			}
		},
		warn: (warning: string) => warnings.push(warning),
	};
	for await (const batch of watchApiServer(options, listener, enough.signal)) {
		changes.push(...batch);
		if (batch.some(({verb}) => verb === 'synced')) {
			return {changes, problems, warnings};
		}
	}

	throw enough.signal.reason;
}
