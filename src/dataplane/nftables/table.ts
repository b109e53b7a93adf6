import {NetError} from '../../errors.ts';
import type {Family} from '../../net/address.ts';
import type {FrontendKey} from '../../plan/frontend.ts';
import type {NodePlan, Plan, PlanChange} from '../../plan/plan.ts';
import type {Message} from '../../wire/message.ts';
import type {Outcome} from '../dataplane.ts';
import {actionOfChain, chainOf} from './actions.ts';
import {compileBase} from './base.ts';
import {removeActions, removeChains} from './chains.ts';
import {commentOf, compile} from './compile.ts';
import {isFragment} from './diff.ts';
import {type Door, sendAll} from './door.ts';
import {editText} from './edit-text.ts';
import {Edits} from './edits.ts';
import {nothing} from './found.ts';
import {mendElements} from './mend.ts';
import {isVanished, type Opened, Opener, sendBase, type TableForm, unlessVanished} from './open.ts';
import {build, changeBase, conflict, repairForm} from './repair.ts';
import type {Held, Op} from './ruleset.ts';
import {Sender, Sum} from './sender.ts';
import {newState, removeUnused, type State} from './state.ts';

/** A table that vanishes this often while it is synced is fought over: somebody has to wait. */
const attemptsMax = 2;

/** The table of one family: knows what the kernel has of it, and makes that what the plan says. */
export class Table {
	readonly #door: Door;
	readonly #family: Family;
	readonly #opener: Opener;
	/** Undefined while it is not known: at the start, and after anything that was not expected. */
	#state: State | undefined;
	#prune = false;
	/** What other processes did since the table was last known. */
	#edits: Edits;
	/** Commits up to this generation are part of what was read. */
	#readAt: number | undefined;

	/** @param form the best that the kernel can have, unless told */
	constructor(door: Door, family: Family, form?: TableForm) {
		this.#door = door;
		this.#family = family;
		this.#opener = new Opener(door, family, form);
		this.#edits = new Edits(family);
	}

	/** Whether other processes can change the table: nobody can change one that is owned. */
	get isOpenToOthers(): boolean {
		return this.#opener.isGuarded;
	}

	/** Whether nothing of the table is left. */
	get isGone(): boolean {
		return this.#edits.table === 'gone';
	}

	/**
	 * As Dataplane.sync.
	 *
	 * @throws NetError NFT_REFUSED when the kernel refuses what belongs to no Service
	 * @throws NetError NFT_STALE when somebody takes the table away, again and again
	 */
	async sync(plan: Plan, prune: boolean, signal: AbortSignal): Promise<Outcome> {
		this.#prune = prune;
		for (let attempt = 1; ; attempt++) {
			const sum = new Sum();
			this.#state = undefined;
			this.#edits = new Edits(this.#family);
			this.#readAt = this.#door.generation();
			try {
				await this.#fill(plan, await this.#opener.open(plan, sum, signal), sum, signal);
				return sum;
			} catch (error) {
				if (!isVanished(error)) {
					throw error;
				}

				if (attempt === attemptsMax) {
					throw new NetError('NFT_STALE', 'bring a table in line with the plan: it is taken away meanwhile', {}, error);
				}
			}
		}
	}

	/** As Dataplane.update. A table that is not as it was thought to be is read and made right. */
	async update(plan: Plan, change: PlanChange, signal: AbortSignal): Promise<Outcome> {
		const state = this.#state;
		if (state === undefined) {
			return await this.#compare(plan, signal);
		}

		this.#state = undefined; // should this throw, nobody knows what the kernel has
		const sum = new Sum();
		if (!(await unlessVanished(async () => await this.#update(state, plan, change, sum, signal)))) {
			return await this.#compare(plan, signal);
		}

		this.#state = state;
		return sum;
	}

	async #compare(plan: Plan, signal: AbortSignal): Promise<Outcome> {
		return {...(await this.sync(plan, this.#prune, signal)), compared: true};
	}

	/**
	 * Notes what another process did. In words what of it was done to this table; undefined when nothing was.
	 *
	 * @param generation that the ruleset had behind it
	 */
	note(messages: readonly Message[], generation: number): string | undefined {
		const isKnown = this.#readAt !== undefined && ((generation - this.#readAt) | 0) <= 0;
		return isKnown ? undefined : editText(this.#edits.add(messages), this.#family);
	}

	/** Notes that something may have happened that nobody told. */
	noteLoss(): void {
		this.#edits.lose();
	}

	/**
	 * Undoes what was noted, at its own cost; where that cannot be, by reading the whole table. What is taken away again
	 * meanwhile is left to the next call: whoever did it is heard.
	 */
	async mend(plan: Plan, signal: AbortSignal): Promise<Outcome> {
		const edits = this.#edits;
		const state = this.#state;
		const sum = new Sum();
		if (edits.isEmpty) {
			return sum;
		}

		this.#edits = new Edits(this.#family);
		this.#state = undefined;
		const isMended =
			edits.table !== 'unknown' &&
			state !== undefined &&
			(await unlessVanished(async () => await this.#mend(edits, state, plan, sum, signal)));
		let outcome: Outcome = sum;
		const isWhole =
			isMended ||
			(await unlessVanished(async () => {
				outcome = await this.sync(plan, this.#prune, signal);
				return true;
			}));
		if (!isWhole) {
			this.#edits.lose();
		}

		return outcome;
	}

	/** Removes the table, whoever made it, and the guard. */
	async cleanup(signal: AbortSignal): Promise<void> {
		this.#state = undefined;
		if ((await this.#door.read(signal)) !== undefined) {
			await sendBase(this.#door, this.#family, [{verb: 'delete', kind: 'table'}], new Sum());
		}

		await this.#door.guard(false);
	}

	/** Whether a frontend is of this family: only IPv6 addresses hold a colon. */
	#isOurs(key: FrontendKey): boolean {
		return key.includes(':') === (this.#family === 'IPv6');
	}

	/** Calls backends that clients keep as the kernel does, before any new one is called anything. */
	#adoptIds({shared}: State, plan: Plan, keys: Iterable<FrontendKey>, known: ReadonlyMap<FrontendKey, Held>): void {
		for (const key of keys) {
			const frontend = plan.frontends.get(key);
			const held = frontend?.affinityTimeoutSeconds === undefined ? undefined : known.get(key);
			if (frontend && held && !isFragment(held) && held.comment === commentOf(frontend.service)) {
				shared.ids.adopt(frontend.service, held.sticky);
				shared.ids.adopt(frontend.service, held.stickyLocal);
			}
		}
	}

	/** Makes a table what the plan says. */
	async #fill(plan: Plan, {base, contents, repair}: Opened, sum: Sum, signal: AbortSignal): Promise<void> {
		const prune = this.#prune;
		const state = newState(base, contents, repair.balances, !prune);
		const unnamed = new Map(contents.held);
		this.#adoptIds(state, plan, plan.frontends.keys(), contents.held);
		const sender = new Sender(this.#door, this.#family, state, sum, signal);
		for (const frontend of plan.frontends.values()) {
			if (this.#isOurs(frontend.key)) {
				unnamed.delete(frontend.key);
				if (sender.add(frontend.key, contents.held.get(frontend.key), compile(frontend, state.shared.ids))) {
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
		await this.#sendBase([...repair.after, ...(prune ? repair.obsolete : [])], sum);
		if (prune) {
			state.deadChains = repair.chains;
			await this.#sendBase(removeUnused(state.shared, contents), sum);
			await this.#removeUnusedActions(state, sum);
		}

		this.#state = state;
	}

	async #update(state: State, plan: Plan, change: PlanChange, sum: Sum, signal: AbortSignal) {
		state.shared.ids.sweep();
		this.#adoptIds(state, plan, change.touched, state.held);
		if (change.node && !(await this.#changeNode(state, plan.node, sum))) {
			return false;
		}

		const sender = new Sender(this.#door, this.#family, state, sum, signal);
		for (const key of change.touched) {
			if (this.#isOurs(key)) {
				const frontend = plan.frontends.get(key);
				if (sender.add(key, state.held.get(key), frontend && compile(frontend, state.shared.ids))) {
					await sender.flush();
				}
			}
		}

		await sender.end();
		if (!sum.mismatch) {
			await this.#removeUnusedActions(state, sum);
		}

		return !sum.mismatch;
	}

	/** Whether the table had not to be read for it. */
	async #mend(edits: Edits, state: State, plan: Plan, sum: Sum, signal: AbortSignal): Promise<boolean> {
		if (edits.table === 'gone') {
			// nothing has to be read to know what an empty table lacks
			const base = compileBase(plan.node, this.#family);
			const repair = build(base);
			await this.#opener.make(repair.before, sum);
			await this.#fill(plan, {base, contents: nothing, repair}, sum, signal);
			return true;
		}

		const elements = mendElements(edits.elements.values(), state);
		const form = edits.form ? await this.#formToMend(state, signal) : {early: [], late: [], chains: state.deadChains};
		if (elements === undefined || form === undefined) {
			return false;
		}

		await this.#sendBase([...form.early, ...elements, ...form.late], sum);
		state.deadChains = form.chains;
		await this.#removeDeadChains(state, sum);
		this.#state = state;
		return true;
	}

	/** What mends chains and rules, before elements and behind them; undefined where sets were changed. */
	async #formToMend({base, shared}: State, signal: AbortSignal) {
		const found = await this.#door.read(signal);
		if (found === undefined || conflict(found, base) || base.sets.some(({name}) => !found.sets.has(name))) {
			return undefined;
		}

		const {before, after, obsolete, chains} = repairForm(found, base, shared.balances.present());
		const waking: Op[] = found.dormant ? [{verb: 'add', kind: 'table', owned: !this.#opener.isGuarded}] : [];
		return {early: before, late: [...after, ...obsolete, ...waking], chains};
	}

	/** Whether that could be changed in place. */
	async #changeNode(state: State, node: NodePlan, sum: Sum): Promise<boolean> {
		const base = compileBase(node, this.#family);
		const ops = changeBase(state.base, base);
		await this.#sendBase(ops ?? [], sum);
		state.base = base;
		return ops !== undefined;
	}

	/** Sends what belongs to no Service. @throws NetError NFT_REFUSED */
	async #sendBase(ops: readonly Op[], sum: Sum): Promise<void> {
		await sendBase(this.#door, this.#family, ops, sum);
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
