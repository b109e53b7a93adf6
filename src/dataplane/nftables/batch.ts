import type {FrontendKey} from '../../plan/frontend.ts';
import type {Difference} from './diff.ts';
import type {Fragment, Held, StickyBackends, StickyList} from './ruleset.ts';
import {arrange, arrangeIds} from './slots.ts';

/** Operations in one transaction: some 256 KiB, so that no commit holds the kernel's lock for long. */
export const operationsMax = 4096;
/** Frontends looked at in one turn of the event loop. */
const frontendsMax = 2048;

/** Differences for one transaction. Those of one frontend are never in two: it is never half in force. */
export class Batch {
	readonly differences: Difference[] = [];
	#operations = 0;

	/** Adds what makes `before` an `after`, with the slots of `after` moved to where the kernel has them. */
	add(key: FrontendKey, before: Held | undefined, after: Fragment | undefined): void {
		if (before === undefined && after === undefined) {
			return;
		}

		const placed = before && after ? place(before, after) : after;
		this.differences.push({key, before, after: placed});
		this.#operations += 4 + changes(before?.slots, placed?.slots) + changes(before?.localSlots, placed?.localSlots);
		this.#operations += stickyChanges(before, placed);
	}

	get isFull(): boolean {
		return this.#operations >= operationsMax || this.differences.length >= frontendsMax;
	}
}

function place(before: Held, after: Fragment): Fragment {
	const slots = arrange(before.slots, after.slots);
	const localSlots = arrange(before.localSlots, after.localSlots);
	const sticky = placeSticky(before.sticky, after.sticky);
	const stickyLocal = placeSticky(before.stickyLocal, after.stickyLocal);
	const isPlaced =
		slots === after.slots &&
		localSlots === after.localSlots &&
		sticky === after.sticky &&
		stickyLocal === after.stickyLocal;
	return isPlaced ? after : {...after, slots, localSlots, sticky, stickyLocal};
}

function placeSticky(before: StickyList | undefined, after: StickyBackends | undefined): StickyBackends | undefined {
	if (before === undefined || after === undefined) {
		return after;
	}

	const ids = arrangeIds(before.ids, after.ids);
	return ids === after.ids ? after : {...after, ids};
}

const none: readonly never[] = [];

function changes(from: readonly unknown[] = none, to: readonly unknown[] = none): number {
	return from === to ? 0 : Math.max(from.length, to.length);
}

/** Slots and backends. */
function stickyChanges(from: Held | undefined, to: Fragment | undefined): number {
	return 2 * (changes(from?.sticky?.ids, to?.sticky?.ids) + changes(from?.stickyLocal?.ids, to?.stickyLocal?.ids));
}
