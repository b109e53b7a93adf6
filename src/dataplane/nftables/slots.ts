import type {Slot} from './ruleset.ts';

/**
 * `wanted` in the order of slots that changes least of what the kernel has: a backend that stays keeps its slot, a
 * hole is filled from the end. So one backend less is one element moved and one gone, at any length of the list.
 *
 * @param held what the kernel has, by slot; may have holes, and backends twice
 */
export function arrange<S extends Slot>(held: readonly (Slot | undefined)[], wanted: readonly S[]): readonly S[] {
	if (held.length === 0 || sameOrder(held, wanted)) {
		return wanted;
	}

	const left = new Map(wanted.map((slot) => [keyOf(slot), slot]));
	if (left.size !== wanted.length) {
		return wanted; // a backend twice: no slot of it can be told from the other
	}

	const kept = Array.from(wanted, (_, index) => take(left, held[index]));
	// the slots that go are those that move: they come first
	const moved = held.slice(wanted.length).map((slot) => take(left, slot));
	const rest = [...moved, ...left.values()].filter((slot) => slot !== undefined).values();
	return kept.map((slot) => slot ?? rest.next().value).filter((slot) => slot !== undefined);
}

function sameOrder(held: readonly (Slot | undefined)[], wanted: readonly Slot[]): boolean {
	return held.length === wanted.length && wanted.every((slot, index) => isSame(held[index], slot));
}

function isSame(a: Slot | undefined, b: Slot): boolean {
	return a !== undefined && a.address === b.address && a.port === b.port;
}

function take<S>(left: Map<string, S>, slot: Slot | undefined): S | undefined {
	if (slot === undefined) {
		return undefined;
	}

	const key = keyOf(slot);
	const found = left.get(key);
	left.delete(key);
	return found;
}

function keyOf({address, port}: Slot): string {
	return `${address} ${port}`;
}
