import type {Address} from '../../net/address.ts';
import type {FrontendKey} from '../../plan/frontend.ts';
import type {Action} from './actions.ts';
import {BackendIds} from './backend-ids.ts';
import type {Shared} from './diff.ts';
import type {Contents} from './found.ts';
import {References} from './references.ts';
import type {BackendId, Base, Held, Op} from './ruleset.ts';

/** What is known of the table in the kernel. */
export type State = {
	base: Base;
	/** Of the plan's frontends their fragments; anything else is what the plan does not name and what was not pruned. */
	readonly held: Map<FrontendKey, Held>;
	readonly shared: Shared;
	/** Chains that nothing names, and that could not be deleted yet. */
	deadChains: readonly string[];
};

/**
 * What is known of a table before any frontend was compared with it.
 *
 * @param balances actions that can be named in it
 */
export function newState(base: Base, contents: Contents, balances: readonly Action[], keepUnused: boolean): State {
	const shared = {
		clusterIps: new References<Address>(contents.clusterIps),
		hairpins: new References<Address>(contents.hairpins),
		balances: new References<Action>(balances),
		ids: new BackendIds(idsOf(contents)),
		keepUnused,
	};
	return {base, held: new Map(), shared, deadChains: []};
}

function* idsOf({held}: Contents): Generator<BackendId> {
	for (const {sticky, stickyLocal} of held.values()) {
		yield* sticky?.backends.keys() ?? [];
		yield* stickyLocal?.backends.keys() ?? [];
	}
}

/** What was found in shared sets, and nobody uses. */
export function removeUnused({clusterIps, hairpins}: Shared, found: Contents): Op[] {
	const sets = [
		['cluster-ips', clusterIps, found.clusterIps],
		['hairpin', hairpins, found.hairpins],
	] as const;
	return sets.flatMap(([set, references, present]) => {
		const unused = present.filter((address) => references.isUnused(address));
		references.forget(unused);
		return unused.map((address): Op => ({verb: 'delete', kind: 'element', set, address}));
	});
}
