import type {Dataplane} from '../dataplane/dataplane.ts';
import {type Family, familyOf} from '../net/address.ts';
import {type Frontend, type FrontendKey, printServicePort, type Target} from '../plan/frontend.ts';
import type {Plan, PlanChange} from '../plan/plan.ts';

/** What is counted by name: service ports that a policy Local leaves without an endpoint here, Services not served whole. */
type Group = `${'internal' | 'external'} ${Family}` | 'dataplane';

/** What one frontend adds to the counts. */
type Share = {readonly endpoints: number; readonly groups: readonly (readonly [group: Group, member: string])[]};

/** Counts over all frontends in force, kept up at the cost of what changes. */
export class Tally {
	readonly #takes: Dataplane['takes'];
	/** Of frontends that add anything. */
	readonly #shares = new Map<FrontendKey, Share>();
	/** How many frontends count each member. */
	readonly #members = new Map<Group, Map<string, number>>();
	#endpoints = 0;

	constructor(takes: Dataplane['takes']) {
		this.#takes = takes;
	}

	/** Backends of all cluster IPs. */
	get endpoints(): number {
		return this.#endpoints;
	}

	/** How many service ports or Services are of the group. */
	size(group: Group): number {
		return this.#members.get(group)?.size ?? 0;
	}

	/** @param change undefined after a full sync: then all is counted anew */
	follow(plan: Plan, change: Pick<PlanChange, 'touched'> | undefined): void {
		if (change === undefined) {
			this.#shares.clear();
			this.#members.clear();
			this.#endpoints = 0;
		}

		for (const key of change?.touched ?? plan.frontends.keys()) {
			this.#replace(key, plan.frontends.get(key));
		}
	}

	#replace(key: FrontendKey, frontend: Frontend | undefined): void {
		this.#count(this.#shares.get(key), -1);
		const share = frontend && shareOf(frontend, this.#takes(frontend).kind === 'whole');
		this.#count(share, 1);
		if (share === undefined) {
			this.#shares.delete(key);
		} else {
			this.#shares.set(key, share);
		}
	}

	#count(share: Share | undefined, by: 1 | -1): void {
		this.#endpoints += by * (share?.endpoints ?? 0);
		for (const [group, member] of share?.groups ?? []) {
			const members = this.#members.get(group) ?? new Map<string, number>();
			const frontends = (members.get(member) ?? 0) + by;
			this.#members.set(group, members);
			if (frontends === 0) {
				members.delete(member);
			} else {
				members.set(member, frontends);
			}
		}
	}
}

/** One for all frontends that add nothing but so many endpoints. */
const plainShares = new Map<number, Share>();

/** Undefined when the frontend adds nothing. */
function shareOf(frontend: Frontend, whole: boolean): Share | undefined {
	const {kind, target, local, service, address} = frontend;
	const endpoints = kind === 'clusterIP' ? backendCount(target) : 0;
	const groups: [Group, string][] = [];
	if (kind === 'clusterIP' && target.kind === 'drop') {
		groups.push([`internal ${familyOf(address)}`, printPort(service)]);
	}

	if (local?.kind === 'drop') {
		groups.push([`external ${familyOf(address)}`, printPort(service)]);
	}

	if (!whole) {
		groups.push(['dataplane', `${service.namespace}/${service.name}`]);
	}

	return groups.length > 0 ? {endpoints, groups} : plainShare(endpoints);
}

function plainShare(endpoints: number): Share | undefined {
	if (endpoints === 0) {
		return undefined;
	}

	const known = plainShares.get(endpoints) ?? {endpoints, groups: []};
	plainShares.set(endpoints, known);
	return known;
}

function backendCount(target: Target): number {
	return target.kind === 'backends' ? target.backends.length : 0;
}

/** With the protocol: two ports of a Service may have no name. */
function printPort(service: Frontend['service']): string {
	return `${printServicePort(service)} ${service.protocol}`;
}
