import type {RulesetEvent} from '../../kernel/transactions.ts';
import {type Family, families} from '../../net/address.ts';
import type {Frontend} from '../../plan/frontend.ts';
import type {Plan, PlanChange} from '../../plan/plan.ts';
import type {Dataplane, ForeignEdit, Outcome, Takes} from '../dataplane.ts';
import {backendsMax} from './compile.ts';
import {type Kernel, KernelDoor} from './kernel-door.ts';
import type {TableForm} from './open.ts';
import {print} from './print.ts';
import {fullOps} from './rules.ts';
import {Table} from './table.ts';
import {RulesetWatch, type WatchedKernel} from './watch.ts';

export type NftablesOptions = {
	/** Its socket becomes the owner of owned tables. Closed by {@link NftablesDataplane.close}. */
	readonly kernel: Kernel & WatchedKernel & {close(): void};
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
	readonly #watch: RulesetWatch;
	/** Whether a table was ever synced: there is nothing to mend before. */
	#isKnown = false;

	constructor({kernel, form, families: served = families}: NftablesOptions) {
		this.#kernel = kernel;
		this.#tables = new Map(families.map((family) => [family, new Table(new KernelDoor(kernel, family), family, form)]));
		this.#served = served;
		this.#watch = new RulesetWatch(kernel);
	}

	takes(frontend: Frontend): Takes {
		return takes(frontend);
	}

	async sync(plan: Plan, prune: boolean, signal: AbortSignal): Promise<Outcome> {
		if (!this.#watch.isOpen) {
			this.#watch.mark();
		}

		this.#isKnown = true;
		return await this.#listenBehind(async (table) => await table.sync(plan, prune, signal));
	}

	async update(plan: Plan, change: PlanChange, signal: AbortSignal): Promise<Outcome> {
		return await this.#listenBehind(async (table) => await table.update(plan, change, signal));
	}

	async *watch(signal: AbortSignal): AsyncGenerator<ForeignEdit> {
		if (this.#isKnown) {
			this.#watch.lose();
		}

		for await (const event of this.#watch.events(signal)) {
			const edit = this.#note(event);
			if (edit !== undefined) {
				yield edit;
			}
		}
	}

	async mend(plan: Plan, signal: AbortSignal): Promise<Outcome> {
		return await this.#listenBehind(async (table) => await table.mend(plan, signal));
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

	get #inForce(): readonly Table[] {
		return this.#served.map((family) => this.#tables.get(family)).filter((table) => table !== undefined);
	}

	/**
	 * Acts, not listening meanwhile where a whole table has to be sent. Nobody can change an owned table: where all are,
	 * there is nothing to hear at all, and each commit is cheaper.
	 */
	async #listenBehind(act: (table: Table) => Promise<Outcome>): Promise<Outcome> {
		if (this.#inForce.some(({isGone}) => isGone)) {
			this.#watch.close();
		}

		try {
			return await this.#inEach(act);
		} finally {
			if (this.#inForce.some(({isOpenToOthers}) => isOpenToOthers)) {
				this.#watch.open();
			}
		}
	}

	/** What of an event is a change of our tables by somebody else. */
	#note(event: RulesetEvent): ForeignEdit | undefined {
		const tables = this.#inForce.filter(({isOpenToOthers}) => isOpenToOthers);
		if (event.kind === 'lost') {
			for (const table of tables) {
				table.noteLoss();
			}

			const {by} = event;
			return tables.length === 0 ? undefined : {...(by && {by}), what: 'more than could be followed, or heard'};
		}

		const {own, messages, generation, process, pid} = event;
		const what = own
			? []
			: tables.map((table) => table.note(messages, generation)).filter((text) => text !== undefined);
		return what.length === 0 ? undefined : {by: {process, pid}, what: what.join('; ')};
	}

	/** One family after the other: one that fails does not keep the other from its turn. */
	async #inEach(act: (table: Table) => Promise<Outcome>): Promise<Outcome> {
		const outcomes: Outcome[] = [];
		const errors: unknown[] = [];
		for (const table of this.#inForce) {
			await act(table).then(
				(outcome) => outcomes.push(outcome),
				(error: unknown) => errors.push(error),
			);
		}

		if (errors.length > 0) {
			throw errors[0];
		}

		const rebuilt = outcomes.flatMap((outcome) => outcome.rebuilt ?? []);
		return {
			operations: outcomes.reduce((sum, {operations}) => sum + operations, 0),
			refused: outcomes.flatMap(({refused}) => refused),
			...(rebuilt.length > 0 && {rebuilt}),
			...(outcomes.some(({compared}) => compared) && {compared: true}),
		};
	}
}

/** What of a frontend is in force. */
function takes({affinityTimeoutSeconds, target, local}: Frontend): Takes {
	const most = backendsMax(affinityTimeoutSeconds !== undefined);
	const tooMany = [target, local].some((list) => list?.kind === 'backends' && list.backends.length > most);
	return tooMany ? {kind: 'partly', missing: [`backends beyond the first ${most}`]} : {kind: 'whole'};
}

/** All that is sent to an empty kernel, as text that `nft -f` takes. */
export function printPlan(plan: Plan): string {
	const {frontends, node} = plan;
	return families.map((family) => print(fullOps(frontends.values(), node, family), family)).join('\n');
}
