import {type FrontendKey, frontendKey} from './frontend.ts';
import type {PlanChange, StaleFlows} from './plan.ts';

/** A {@link PlanChange} while it is still added to. Of one frontend only the last word on stale flows counts. */
export type PlanEdit = {
	readonly touched: Set<FrontendKey>;
	node: boolean;
	healthChecks: boolean;
	readonly unserved: Set<string>;
	readonly staleFlows: Map<FrontendKey, StaleFlows>;
};

export function createEdit(): PlanEdit {
	return {touched: new Set(), node: false, healthChecks: false, unserved: new Set(), staleFlows: new Map()};
}

export function finishEdit({staleFlows, ...rest}: PlanEdit): PlanChange {
	return {...rest, staleFlows: staleFlows.size === 0 ? none : [...staleFlows.values()]};
}

const none: readonly never[] = [];

/** Whether a plan is what it was: nothing for a dataplane, for health, status or conntrack to do. */
export function isEmptyChange(change: PlanChange): boolean {
	const sizes = change.touched.size + change.unserved.size + change.staleFlows.length;
	return sizes === 0 && !change.node && !change.healthChecks;
}

/** Both changes as one: what `later` says of stale flows to a frontend stands. */
export function mergePlanChanges(earlier: PlanChange, later: PlanChange): PlanChange {
	const staleFlows = new Map<FrontendKey, StaleFlows>();
	for (const flows of [...earlier.staleFlows, ...later.staleFlows]) {
		staleFlows.set(frontendKey(flows.address, flows.protocol, flows.port), flows);
	}

	return {
		touched: earlier.touched.union(later.touched),
		node: earlier.node || later.node,
		healthChecks: earlier.healthChecks || later.healthChecks,
		unserved: earlier.unserved.union(later.unserved),
		staleFlows: [...staleFlows.values()],
	};
}
