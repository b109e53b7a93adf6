import {type Family, families} from '../../net/address.ts';
import type {Frontend} from '../../plan/frontend.ts';
import type {Plan, PlanChange} from '../../plan/plan.ts';
import type {Dataplane, Outcome, Takes} from '../dataplane.ts';
import {type Kernel, KernelDoor} from './kernel-door.ts';
import {print} from './print.ts';
import {fullOps} from './rules.ts';
import {slotsMax} from './ruleset.ts';
import {Table, type TableForm} from './table.ts';

export type NftablesOptions = {
	/** Its socket becomes the owner of owned tables. Closed by {@link NftablesDataplane.close}. */
	readonly kernel: Kernel & {close(): void};
	/** The best that the kernel can have, unless told. */
	readonly form?: TableForm;
	/** Those that the node serves, unless told all: of others no table is made. Cleanup is of all. */
	readonly families?: readonly Family[];
};

/** Services by nf_tables: the tables `ip fairlead` and `ip6 fairlead`, which nobody else writes. */
export class NftablesDataplane implements Dataplane {
	readonly name = 'nftables';
	readonly #kernel: NftablesOptions['kernel'];
	readonly #tables: ReadonlyMap<Family, Table>;
	readonly #served: readonly Family[];

	constructor({kernel, form, families: served = families}: NftablesOptions) {
		this.#kernel = kernel;
		this.#tables = new Map(families.map((family) => [family, new Table(new KernelDoor(kernel, family), family, form)]));
		this.#served = served;
	}

	takes(frontend: Frontend): Takes {
		return takes(frontend);
	}

	async sync(plan: Plan, prune: boolean, signal: AbortSignal): Promise<Outcome> {
		return await this.#inEach(async (table) => await table.sync(plan, prune, signal));
	}

	async update(plan: Plan, change: PlanChange, signal: AbortSignal): Promise<Outcome> {
		return await this.#inEach(async (table) => await table.update(plan, change, signal));
	}

	print(plan: Plan): string {
		return printPlan(plan);
	}

	async cleanup(): Promise<void> {
		const {signal} = new AbortController();
		for (const table of this.#tables.values()) {
			await table.cleanup(signal);
		}
	}

	close(): void {
		this.#kernel.close();
	}

	/** One family after the other: one that fails does not keep the other from its turn. */
	async #inEach(act: (table: Table) => Promise<Outcome>): Promise<Outcome> {
		const outcomes: Outcome[] = [];
		const errors: unknown[] = [];
		const tables = this.#served.map((family) => this.#tables.get(family)).filter((table) => table !== undefined);
		for (const table of tables) {
			await act(table).then(
				(outcome) => outcomes.push(outcome),
				(error: unknown) => errors.push(error),
			);
		}

		if (errors.length > 0) {
			throw errors[0];
		}

		return {
			operations: outcomes.reduce((sum, {operations}) => sum + operations, 0),
			refused: outcomes.flatMap(({refused}) => refused),
		};
	}
}

/** What of a frontend is in force. */
function takes({affinityTimeoutSeconds, target, local}: Frontend): Takes {
	const tooMany = [target, local].some((list) => list?.kind === 'backends' && list.backends.length > slotsMax);
	const missing = [
		...(affinityTimeoutSeconds === undefined ? [] : ['session affinity']),
		...(tooMany ? [`backends beyond the first ${slotsMax}`] : []),
	];
	return missing.length === 0 ? {kind: 'whole'} : {kind: 'partly', missing};
}

/** All that is sent to an empty kernel, as text that `nft -f` takes. */
export function printPlan(plan: Plan): string {
	const {frontends, node} = plan;
	return families.map((family) => print(fullOps(frontends.values(), node, family), family)).join('\n');
}
