import type {BackendId, Slot} from './ruleset.ts';

/**
 * The same for ids: as a slot is to its backend, so is it to the id.
 *
 * @param held what the kernel has, by slot; may have holes, and ids twice
 */
export function arrangeIds(
	held: readonly (BackendId | undefined)[],
	wanted: readonly BackendId[],
): readonly BackendId[] {
	return arrangeBy(held, wanted, {isSame: Object.is, keyOf: (id) => id});
}

/**
 * `wanted` in the order of slots that changes least of what the kernel has: a backend that stays keeps its slot, a
 * hole is filled from the end. So one backend less is one element moved and one gone, at any length of the list.
 *
 * @param held what the kernel has, by slot; may have holes, and backends twice
 */
export function arrange<S extends Slot>(held: readonly (Slot | undefined)[], wanted: readonly S[]): readonly S[] {
	return arrangeBy<Slot, S>(held, wanted, {isSame, keyOf});
}

type Identity<T> = {readonly isSame: (a: T | undefined, b: T) => boolean; readonly keyOf: (one: T) => string | number};

function arrangeBy<T, W extends T>(
	held: readonly (T | undefined)[],
	wanted: readonly W[],
	by: Identity<T>,
): readonly W[] {
	if (
		held.length === 0 ||
		(held.length === wanted.length && wanted.every((one, index) => by.isSame(held[index], one)))
	) {
		return wanted;
	}

	const left = new Map(wanted.map((one) => [by.keyOf(one), one]));
	if (left.size !== wanted.length) {
		return wanted; // a backend twice: no slot of it can be told from the other
	}

	const take = (one: T | undefined): W | undefined => {
		const key = one === undefined ? undefined : by.keyOf(one);
		const found = key === undefined ? undefined : left.get(key);
		left.delete(key ?? '');
		return found;
	};
	const kept = Array.from(wanted, (_, index) => take(held[index]));
	// the slots that go are those that move: they come first
	const moved = held.slice(wanted.length).map(take);
	const rest = [...moved, ...left.values()].filter((one) => one !== undefined).values();
	return kept.map((one) => one ?? rest.next().value).filter((one) => one !== undefined);
}

function isSame(a: Slot | undefined, b: Slot): boolean {
	return a !== undefined && a.address === b.address && a.port === b.port;
}

function keyOf({address, port}: Slot): string {
	return `${address} ${port}`;
}
