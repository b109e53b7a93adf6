import type {Address, Family} from '../../net/address.ts';
import type {FrontendKey} from '../../plan/frontend.ts';
import type {NodePlan, Plan, PlanChange} from '../../plan/plan.ts';
import type {Outcome} from '../dataplane.ts';
import {type Action, actionOfChain, chainOf} from './actions.ts';
import {compileBase} from './base.ts';
import {addChain, removeActions, removeChains} from './chains.ts';
import {compile} from './compile.ts';
import type {Shared} from './diff.ts';
import {type Door, type Refused, sendAll} from './door.ts';
import {type Contents, type Found, nothing} from './found.ts';
import {References} from './references.ts';
import {build, changeBase, isRepairable, type Repair, repair} from './repair.ts';
import type {Base, Held, Op} from './ruleset.ts';
import {refuse} from './send.ts';
import {Sender, Sum} from './sender.ts';

/** `owned`: nobody else may change it (kernel 6.9). `guarded`: should it be flushed, open connections go on. */
export type TableForm = 'owned' | 'guarded';

/** What is known of the table in the kernel. */
type State = {
	base: Base;
	/** Of the plan's frontends their fragments; anything else is what the plan does not name and what was not pruned. */
	readonly held: Map<FrontendKey, Held>;
	readonly shared: Shared;
	/** Chains that nothing names, and that could not be deleted yet. */
	deadChains: readonly string[];
};

/** The table of one family: knows what the kernel has of it, and makes that what the plan says. */
export class Table {
	readonly #door: Door;
	readonly #family: Family;
	readonly #form: TableForm | undefined;
	/** Undefined while it is not known: at the start, and after anything that was not expected. */
	#state: State | undefined;
	#prune = false;

	/** @param form the best that the kernel can have, unless told */
	constructor(door: Door, family: Family, form?: TableForm) {
		this.#door = door;
		this.#family = family;
		this.#form = form;
	}

	/**
	 * As Dataplane.sync.
	 *
	 * @throws NetError NFT_REFUSED when the kernel refuses what belongs to no Service
	 */
	async sync(plan: Plan, prune: boolean, signal: AbortSignal): Promise<Outcome> {
		this.#state = undefined;
		this.#prune = prune;
		const base = compileBase(plan.node, this.#family);
		const sum = new Sum();
		const {state, contents, hooked} = await this.#open(base, sum, signal);
		const unnamed = new Map(contents.held);
		const sender = new Sender(this.#door, this.#family, state, sum, signal);
		for (const frontend of plan.frontends.values()) {
			if (this.#isOurs(frontend.key)) {
				unnamed.delete(frontend.key);
				if (sender.add(frontend.key, contents.held.get(frontend.key), compile(frontend))) {
					await sender.flush();
				}
			}
		}

		// last: what comes in the place of something is there before it goes
		for (const [key, held] of unnamed) {
			if (prune) {
				if (sender.add(key, held, undefined)) {
					await sender.flush();
				}
			} else {
				state.held.set(key, held);
			}
		}

		await sender.end();
		await this.#sendBase(hooked.flatMap(addChain), sum);
		if (prune) {
			await this.#sendBase(removeUnused(state.shared, contents), sum);
			await this.#removeUnusedActions(state, sum);
		}

		this.#state = state;
		return sum;
	}

	/** As Dataplane.update. A table that is not as it was thought to be is read and made right. */
	async update(plan: Plan, change: PlanChange, signal: AbortSignal): Promise<Outcome> {
		const state = this.#state;
		if (state === undefined) {
			return await this.sync(plan, this.#prune, signal);
		}

		this.#state = undefined; // should this throw, nobody knows what the kernel has
		const sum = new Sum();
		if (change.node) {
			await this.#changeNode(state, plan.node, sum);
		}

		const sender = new Sender(this.#door, this.#family, state, sum, signal);
		for (const key of change.touched) {
			if (this.#isOurs(key)) {
				const frontend = plan.frontends.get(key);
				if (sender.add(key, state.held.get(key), frontend && compile(frontend))) {
					await sender.flush();
				}
			}
		}

		await sender.end();
		if (sum.mismatch) {
			return await this.sync(plan, this.#prune, signal);
		}

		await this.#removeUnusedActions(state, sum);
		this.#state = state;
		return sum;
	}

	/** Removes the table, whoever made it, and the guard. */
	async cleanup(signal: AbortSignal): Promise<void> {
		this.#state = undefined;
		if ((await this.#door.read(signal)) !== undefined) {
			await this.#sendBase([{verb: 'delete', kind: 'table'}], new Sum());
		}

		await this.#door.guard(false);
	}

	/** Whether a frontend is of this family: only IPv6 addresses hold a colon. */
	#isOurs(key: FrontendKey): boolean {
		return key.includes(':') === (this.#family === 'IPv6');
	}

	/** Makes the table, or makes the one that is there ours again: all but what frontends contribute. */
	async #open(base: Base, sum: Sum, signal: AbortSignal) {
		const found = await this.#door.read(signal);
		const form = this.#form ?? (found?.persists === false ? 'guarded' : 'owned');
		const kept = found && isKept(found, base, form) ? found : undefined;
		const contents = kept ? await this.#door.readContents(kept, signal) : nothing;
		const repaired = kept ? repair(kept, contents, base) : build(base);
		if (kept === undefined) {
			await this.#make(found === undefined, form, repaired.ops, sum);
		} else {
			// a persistent table that lost its owner is taken over
			const adoption: Op[] = form === 'owned' ? [{verb: 'add', kind: 'table', owned: true}] : [];
			await this.#sendBase([...adoption, ...repaired.ops], sum);
			await this.#door.guard(form === 'guarded');
			sum.operations -= adoption.length;
		}

		const state = newState(base, contents, repaired, !this.#prune);
		await this.#removeDeadChains(state, sum);
		return {state, contents, hooked: repaired.hooked};
	}

	async #make(isNew: boolean, form: TableForm, content: readonly Op[], sum: Sum): Promise<void> {
		const table = (owned: boolean): Op[] => [...(isNew ? [] : [deletion]), {verb: 'add', kind: 'table', owned}];
		const refused = form === 'owned' ? await sendAll(this.#door, [...table(true), ...content]) : [];
		const isOwned = form === 'owned' && !refused.some(isUnknownFlag);
		if (isOwned) {
			throwFirst(refused, this.#family);
			sum.operations += content.length + 1;
		} else if (this.#form === 'owned') {
			throwFirst(refused, this.#family);
		} else {
			await this.#sendBase([...table(false), ...content], sum);
		}

		await this.#door.guard(!isOwned);
	}

	async #changeNode(state: State, node: NodePlan, sum: Sum): Promise<void> {
		const base = compileBase(node, this.#family);
		await this.#sendBase(changeBase(state.base, base), sum);
		state.base = base;
	}

	/** Sends what belongs to no Service. @throws NetError NFT_REFUSED */
	async #sendBase(ops: readonly Op[], sum: Sum): Promise<void> {
		if (ops.length > 0) {
			throwFirst(await sendAll(this.#door, ops), this.#family);
			sum.operations += ops.length;
		}
	}

	/** Takes away balancing actions that nobody uses any more. */
	async #removeUnusedActions(state: State, sum: Sum): Promise<void> {
		const {balances, keepUnused} = state.shared;
		const unused = keepUnused ? [] : balances.unused();
		if (await this.#sendLater(removeActions(unused), sum)) {
			balances.forget(unused);
			state.deadChains = [...state.deadChains, ...unused.map((action) => chainOf(action).name)];
		}

		await this.#removeDeadChains(state, sum);
	}

	/** Deletes chains that nothing names. What the kernel still counts a reference to is left for the next time. */
	async #removeDeadChains(state: State, sum: Sum): Promise<void> {
		const {balances} = state.shared;
		// one may have come to life again
		const dead = state.deadChains.filter((name) => !balances.has(actionOfChain(name)));
		state.deadChains = (await this.#sendLater(removeChains(dead), sum)) ? [] : dead;
	}

	/** Whether the kernel took the operations, which can be sent again at any time. */
	async #sendLater(ops: readonly Op[], sum: Sum): Promise<boolean> {
		const taken = ops.length > 0 && (await sendAll(this.#door, ops)).length === 0;
		sum.operations += taken ? ops.length : 0;
		return taken;
	}
}

const deletion: Op = {verb: 'delete', kind: 'table'};

function isKept(found: Found, base: Base, form: TableForm): boolean {
	return found.persists === (form === 'owned') && isRepairable(found, base);
}

/** The kernel does not know the persist flag. Source: net/netfilter/nf_tables_api.c, nf_tables_newtable */
function isUnknownFlag({op, errno}: Refused): boolean {
	return op?.kind === 'table' && op.verb === 'add' && (errno === 'EOPNOTSUPP' || errno === 'EINVAL');
}

function throwFirst([first]: readonly Refused[], family: Family): void {
	if (first !== undefined) {
		throw refuse(first, family).error;
	}
}

function newState(base: Base, contents: Contents, {balances, chains}: Repair, keepUnused: boolean): State {
	const shared = {
		clusterIps: new References<Address>(contents.clusterIps),
		hairpins: new References<Address>(contents.hairpins),
		balances: new References<Action>(balances),
		keepUnused,
	};
	return {base, held: new Map(), shared, deadChains: chains};
}

/** What was found in shared sets, and nobody uses. */
function removeUnused({clusterIps, hairpins}: Shared, found: Contents): Op[] {
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
