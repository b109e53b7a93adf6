import {NetError} from '../../errors.ts';
import type {Family} from '../../net/address.ts';
import type {Plan} from '../../plan/plan.ts';
import {compileBase} from './base.ts';
import {type Door, type Refused, sendAll} from './door.ts';
import {type Contents, type Found, nothing} from './found.ts';
import {build, conflict, type Repair, repair} from './repair.ts';
import {fullOps} from './rules.ts';
import {type Base, type Op, tableName} from './ruleset.ts';
import {refuse} from './send.ts';
import type {Sum} from './sender.ts';

/** `owned`: nobody else may change it (kernel 6.9). `guarded`: should it be flushed, open connections go on. */
export type TableForm = 'owned' | 'guarded';

/** A table that is ours, and what is still to be done to it behind the elements of frontends. */
export type Opened = {readonly base: Base; readonly contents: Contents; readonly repair: Repair};

/** Makes the table of one family, or makes the one that is there ours: all but what frontends contribute. */
export class Opener {
	readonly #door: Door;
	readonly #family: Family;
	readonly #asked: TableForm | undefined;
	#form: TableForm | undefined;

	/** @param form the best that the kernel can have, unless told */
	constructor(door: Door, family: Family, form?: TableForm) {
		[this.#door, this.#family, this.#asked] = [door, family, form];
	}

	/** Whether the table is there and others may change it. */
	get isGuarded(): boolean {
		return this.#form === 'guarded';
	}

	/**
	 * Brings the table into a state in which frontends can be compared with it.
	 *
	 * @throws NetError NFT_REFUSED
	 */
	async open(plan: Plan, sum: Sum, signal: AbortSignal): Promise<Opened> {
		const base = compileBase(plan.node, this.#family);
		const found = await this.#take(sum, signal);
		if (found === undefined) {
			const repair = build(base);
			await this.make(repair.before, sum);
			return {base, contents: nothing, repair};
		}

		const because = this.#reason(found, base);
		if (because !== undefined) {
			sum.rebuilt.push(`${this.#family === 'IPv4' ? 'ip' : 'ip6'} ${tableName}: ${because}`);
			return await this.#replace(plan, base, sum, signal);
		}

		return await this.#repair(found, base, sum, signal);
	}

	/**
	 * Makes the table, with `content` in the same transaction; what came up under its name meanwhile goes in it.
	 *
	 * @param old whether there is a table to be replaced
	 * @throws NetError NFT_REFUSED
	 */
	async make(content: readonly Op[], sum: Sum, old = false): Promise<void> {
		const create = async (form: TableForm) => {
			const removal = old ? [] : [addTable(form)]; // of what is not there the kernel refuses the deletion
			return await sendAll(this.#door, [...removal, deletion, addTable(form), ...content]);
		};
		const form = this.#asked ?? this.#form ?? 'owned';
		const refused = form === 'owned' ? await create('owned') : [];
		const isOwned = form === 'owned' && !refused.some(isUnknownFlag);
		throwFirst(isOwned || this.#asked === 'owned' ? refused : await create('guarded'), this.#family);

		this.#form = isOwned ? 'owned' : 'guarded';
		sum.operations += content.length + 1;
		await this.#door.guard(!isOwned);
	}

	/** The table as it is found. One that may be owned is, before it is read: nobody changes it from then on. */
	async #take(sum: Sum, signal: AbortSignal): Promise<Found | undefined> {
		const found = await this.#door.read(signal);
		const form = this.#asked ?? (found?.persists === false ? 'guarded' : 'owned');
		if (found?.persists !== true || form !== 'owned' || this.#form === 'owned') {
			return found;
		}

		await sendBase(this.#door, this.#family, [addTable('owned')], sum);
		sum.operations--; // it changes nothing that anybody sees
		return await this.#door.read(signal);
	}

	/** Why the table cannot be used as it is. */
	#reason(found: Found, base: Base): string | undefined {
		const form = found.persists ? 'owned' : 'guarded';
		return this.#asked === undefined || this.#asked === form
			? conflict(found, base)
			: `it is ${form}, and ${this.#asked} is asked for`;
	}

	async #repair(found: Found, base: Base, sum: Sum, signal: AbortSignal): Promise<Opened> {
		this.#form = found.persists ? 'owned' : 'guarded';
		await this.#door.guard(this.isGuarded);
		const contents = await this.#door.readContents(found, signal);
		const repaired = repair(found, contents, base);
		await sendBase(this.#door, this.#family, repaired.before, sum);
		const waking = found.dormant ? [addTable(this.#form)] : [];
		return {base, contents, repair: {...repaired, after: [...repaired.after, ...waking]}};
	}

	/**
	 * Puts ours in the place of a table that cannot be repaired, all of it in one transaction, so that there is always
	 * one of them in force. Where the kernel does not take that, it is made step by step, like one that was never there.
	 */
	async #replace(plan: Plan, base: Base, sum: Sum, signal: AbortSignal): Promise<Opened> {
		const [, ...content] = fullOps(plan.frontends.values(), plan.node, this.#family);
		this.#form = undefined;
		try {
			await this.make(content, sum, true);
		} catch (error) {
			if (!(error instanceof NetError) || (error.code !== 'NFT_REFUSED' && error.code !== 'NFT_TOO_LONG')) {
				throw error;
			}

			const repair = build(base);
			await this.make(repair.before, sum, true);
			return {base, contents: nothing, repair};
		}

		const found = await this.#door.read(signal);
		if (found === undefined) {
			throw new NetError('NFT_REFUSED', 'read the table that was just made', {errno: 'ENOENT'});
		}

		return await this.#repair(found, base, sum, signal);
	}
}

const deletion: Op = {verb: 'delete', kind: 'table'};

function addTable(form: TableForm): Op {
	return {verb: 'add', kind: 'table', owned: form === 'owned'};
}

/** The kernel does not know the persist flag. Source: net/netfilter/nf_tables_api.c, nf_tables_newtable */
function isUnknownFlag({op, errno}: Refused): boolean {
	return op?.kind === 'table' && op.verb === 'add' && (errno === 'EOPNOTSUPP' || errno === 'EINVAL');
}

/** Sends what belongs to no Service. @throws NetError NFT_REFUSED */
export async function sendBase(door: Door, family: Family, ops: readonly Op[], sum: Sum): Promise<void> {
	if (ops.length > 0) {
		throwFirst(await sendAll(door, ops), family);
		sum.operations += ops.length;
	}
}

function throwFirst([first]: readonly Refused[], family: Family): void {
	if (first !== undefined) {
		throw refuse(first, family).error;
	}
}

/** Whether the kernel says that something is gone which was there: the table has to be read again. */
export function isVanished(error: unknown): boolean {
	const isRefused = error instanceof NetError && error.code === 'NFT_REFUSED' && error.details['errno'] === 'ENOENT';
	return isRefused || (error instanceof NetError && error.code === 'NFT_STALE');
}

/** What `act` says; false where it met a table from which something is gone. */
export async function unlessVanished(act: () => Promise<boolean>): Promise<boolean> {
	try {
		return await act();
	} catch (error) {
		if (isVanished(error)) {
			return false;
		}

		throw error;
	}
}
