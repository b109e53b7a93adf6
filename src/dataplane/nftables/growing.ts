import type {BackendId, Held, ServiceKey, Slot} from './ruleset.ts';

/** A StickyList as its elements come. */
export type GrowingList = {readonly ids: (BackendId | undefined)[]; readonly backends: Map<BackendId, Slot>};

/** What the kernel holds for one service key, as its elements come. */
export type Growing = {
	-readonly [K in keyof Held]: Held[K] extends readonly (infer T)[] ? T[] : Held[K];
} & {sticky: GrowingList | undefined; stickyLocal: GrowingList | undefined};

export function emptyHeld(key: ServiceKey): Growing {
	return {
		...key,
		owner: undefined,
		comment: undefined,
		action: undefined,
		clusterPolicy: undefined,
		localPolicy: undefined,
		external: false,
		externalLocal: false,
		sourceRanges: [],
		slots: [],
		localSlots: [],
		sticky: undefined,
		stickyLocal: undefined,
	};
}

/** The list of `held` that clients keep their backends of, which begins with its first element. */
export function stickyList(held: Growing, list: 'sticky' | 'stickyLocal'): GrowingList {
	held[list] ??= {ids: [], backends: new Map()};
	return held[list];
}

/** Puts `value` in its slot. Those before it that were not seen yet are empty. */
export function fillSlot<T>(list: (T | undefined)[], slot: number, value: T): void {
	while (list.length < slot) {
		list.push(undefined); // dense: a gap filled by hand keeps the array a fast one
	}

	list[slot] = value;
}
