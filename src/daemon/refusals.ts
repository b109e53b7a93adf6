import type {Outcome, Refusal} from '../dataplane/dataplane.ts';
import type {FrontendKey} from '../plan/frontend.ts';
import type {Plan} from '../plan/plan.ts';
import {refusalName} from './health.ts';

/**
 * Makes `refused` what a commit leaves refused. After a full sync only what it refused is; an update speaks for the
 * frontends that it carried.
 *
 * @param refused by name; changed in place
 * @param touched frontends that an update carried; undefined for a full sync
 */
export function settleRefusals(
	refused: Map<string, Refusal>,
	outcome: Outcome,
	touched: ReadonlySet<FrontendKey> | undefined,
	plan: Plan,
): void {
	if (touched === undefined) {
		refused.clear();
	}

	for (const key of refused.size === 0 ? [] : (touched ?? [])) {
		const service = plan.frontends.get(key)?.service;
		if (service !== undefined) {
			refused.delete(refusalName({service}));
		}
	}

	for (const refusal of outcome.refused) {
		refused.set(refusalName(refusal), refusal);
	}
}
