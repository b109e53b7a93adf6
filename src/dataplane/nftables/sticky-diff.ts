import {
	type BackendId,
	type Fragment,
	firstLocalSlot,
	type Held,
	type Op,
	type StickyEndpoints,
	type StickyList,
} from './ruleset.ts';

/** One of the two lists of a frontend. */
type Place = {
	readonly map: StickyEndpoints;
	readonly first: number;
	readonly list: (held: Held) => StickyList | undefined;
};

const places: readonly Place[] = [
	{map: 'sticky-endpoints', first: 0, list: ({sticky}) => sticky},
	{map: 'sticky-local-endpoints', first: firstLocalSlot, list: ({stickyLocal}) => stickyLocal},
];

const empty: StickyList = {ids: [], backends: new Map()};

/** Appends what makes the lists that clients keep their backends of those of `after`, but for {@link surplusSticky}. */
export function diffSticky(ops: Op[], before: Held | undefined, after: Fragment | undefined): void {
	for (const {map, first, list} of places) {
		const from = (before && list(before)) ?? empty;
		const to = (after && list(after)) ?? empty;
		if (from !== to && before !== undefined) {
			removeOps(ops, {map, first, at: before, from, to, isGone: after === undefined});
		}

		if (from !== to && after !== undefined) {
			addOps(ops, {map, first, at: after, from, to});
		}
	}
}

/**
 * The operations that take away slots behind the end of a list that became shorter, and backends that left it. Behind
 * the transaction that made it shorter, as for other slots: a packet that was told the old list finds what it chose.
 */
export function surplusSticky(before: Held, after: Fragment): Op[] {
	if (before.sticky === undefined && before.stickyLocal === undefined) {
		return [];
	}

	return places.flatMap(({map, first, list}): Op[] => {
		const [from, to] = [list(before) ?? empty, list(after) ?? empty];
		const slots = from.ids.slice(to.ids.length).flatMap((id, index) => {
			const slot = first + to.ids.length + index;
			return id === undefined
				? []
				: [{verb: 'delete', kind: 'element', set: 'sticky-slots', at: before, slot, id} as const];
		});
		const left = [...from.backends].filter(([id]) => !to.backends.has(id));
		return [
			...slots,
			...left.map(([id, slot]): Op => ({verb: 'delete', kind: 'element', set: map, at: before, id, to: slot})),
		];
	});
}

type Change = {
	readonly map: StickyEndpoints;
	readonly first: number;
	readonly at: Held;
	readonly from: StickyList;
	readonly to: StickyList;
};

function removeOps(ops: Op[], {map, first, at, from, to, isGone}: Change & {readonly isGone: boolean}): void {
	const end = isGone ? from.ids.length : Math.min(from.ids.length, to.ids.length);
	for (const [index, id] of from.ids.slice(0, end).entries()) {
		if (id !== undefined && id !== to.ids[index]) {
			ops.push({verb: 'delete', kind: 'element', set: 'sticky-slots', at, slot: first + index, id});
		}
	}

	for (const [id, slot] of from.backends) {
		if (isGone || (to.backends.has(id) && !sameBackend(from, to, id))) {
			ops.push({verb: 'delete', kind: 'element', set: map, at, id, to: slot});
		}
	}
}

function addOps(ops: Op[], {map, first, at, from, to}: Change): void {
	for (const [id, slot] of to.backends) {
		if (!sameBackend(from, to, id)) {
			ops.push({verb: 'add', kind: 'element', set: map, at, id, to: slot});
		}
	}

	for (const [index, id] of to.ids.entries()) {
		if (id !== undefined && id !== from.ids[index]) {
			ops.push({verb: 'add', kind: 'element', set: 'sticky-slots', at, slot: first + index, id});
		}
	}
}

function sameBackend(from: StickyList, to: StickyList, id: BackendId): boolean {
	const [a, b] = [from.backends.get(id), to.backends.get(id)];
	return a !== undefined && a.address === b?.address && a.port === b.port;
}
