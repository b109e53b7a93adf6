import {NetError} from '../errors.ts';
import type {Conntrack} from '../kernel/conntrack.ts';
import type {Family} from '../net/address.ts';
import {type Backend, type FrontendKey, frontendKey} from '../plan/frontend.ts';
import type {StaleFlows} from '../plan/plan.ts';
import type {Message} from '../wire/message.ts';
import {Writer} from '../wire/writer.ts';
import {encodeDump, filtersFor, passes} from './filter.ts';
import {decodeFlow, encodeDelete, type Flow} from './flow.ts';
import {judge, type ServingSet, servingSet} from './judge.ts';

/** Where flows are read and deleted. */
export type FlowDoor = Pick<Conntrack, 'dump' | 'request'>;

/** What one sweep of one family did. */
export type Swept = {
	/** Flows that the kernel told of. */
	readonly walked: number;
	/** Flows that were deleted, by the frontend that they went to. */
	readonly deleted: ReadonlyMap<FrontendKey, number>;
};

/**
 * Finds and deletes stale flows. The kernel picks out the flows to the frontends in question; one that is older than
 * 5.8 tells of all, which is noticed and from then on asked for once. Each flow is deleted by its own number as soon as
 * its part of the table is read, so that one that takes its place meanwhile stays.
 */
export class FlowSweeper {
	readonly #door: FlowDoor;
	readonly #servingOf: (key: FrontendKey) => readonly Backend[] | undefined;
	/** Whether the kernel does what filters say. */
	#filters = true;

	/** @param servingOf who serves a frontend at the moment of asking: it may change during a sweep */
	constructor(door: FlowDoor, servingOf: (key: FrontendKey) => readonly Backend[] | undefined) {
		this.#door = door;
		this.#servingOf = servingOf;
	}

	/**
	 * Deletes the stale flows to `frontends`, which are of one family.
	 *
	 * @throws NetError CONNTRACK_MISSING, KERNEL_DENIED, NETLINK_REFUSED or NETLINK_LOST: some may be left
	 */
	async sweep(family: Family, frontends: readonly StaleFlows[], signal?: AbortSignal): Promise<Swept> {
		const sweep = new Sweep(frontends, this.#servingOf);
		for (const filter of this.#filters ? filtersFor(family, frontends) : [undefined]) {
			let ignored = false;
			for await (const messages of this.#door.dump(encodeDump(family, filter), signal)) {
				const flows = decodeFlows(messages);
				sweep.walked += messages.length;
				ignored ||=
					filter !== undefined && (flows.length < messages.length || !flows.every((flow) => passes(filter, flow)));
				await sweep.delete(this.#door, flows);
			}

			if (ignored) {
				this.#filters = false;
				break; // that was all there is
			}
		}

		return sweep;
	}
}

function decodeFlows(messages: readonly Message[]): readonly Flow[] {
	return messages.flatMap(({payload}) => decodeFlow(payload) ?? []);
}

class Sweep implements Swept {
	walked = 0;
	readonly deleted = new Map<FrontendKey, number>();
	readonly #frontends: ReadonlySet<FrontendKey>;
	readonly #servingOf: (key: FrontendKey) => readonly Backend[] | undefined;
	readonly #sets = new Map<readonly Backend[], ServingSet>();
	readonly #writer = new Writer();

	constructor(frontends: readonly StaleFlows[], servingOf: (key: FrontendKey) => readonly Backend[] | undefined) {
		this.#frontends = new Set(frontends.map(({address, protocol, port}) => frontendKey(address, protocol, port)));
		this.#servingOf = servingOf;
	}

	/** Deletes those of `flows` that are stale. One that has ended by itself meanwhile is not counted. */
	async delete(door: FlowDoor, flows: readonly Flow[]): Promise<void> {
		this.#writer.reset();
		const keys: FrontendKey[] = [];
		for (const flow of flows) {
			const key = frontendKey(flow.original.destination, flow.protocol, flow.original.destinationPort);
			if (this.#frontends.has(key) && judge(flow, this.#serving(key)).kind === 'stale') {
				encodeDelete(this.#writer, flow);
				keys.push(key);
			}
		}

		if (keys.length > 0) {
			this.#count(keys, await door.request(this.#writer.written()));
		}
	}

	#count(keys: readonly FrontendKey[], refusals: Awaited<ReturnType<FlowDoor['request']>>): void {
		const refused = new Set(refusals.map(({index}) => index));
		for (const [index, key] of keys.entries()) {
			if (!refused.has(index)) {
				this.deleted.set(key, (this.deleted.get(key) ?? 0) + 1);
			}
		}

		const other = refusals.find(({errno}) => errno !== 'ENOENT');
		if (other !== undefined) {
			throw new NetError('NETLINK_REFUSED', `delete a flow to ${keys[other.index]}: ${other.errno}`, {
				errno: other.errno,
			});
		}
	}

	#serving(key: FrontendKey): ServingSet {
		const backends = this.#servingOf(key) ?? nobody;
		const known = this.#sets.get(backends);
		const set = known ?? servingSet(backends);
		if (known === undefined) {
			this.#sets.set(backends, set);
		}

		return set;
	}
}

const nobody: readonly Backend[] = [];
