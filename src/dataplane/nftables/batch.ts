import type {FrontendKey} from '../../plan/frontend.ts';
import type {Difference} from './diff.ts';
import type {Fragment, Held, Slot} from './ruleset.ts';
import {arrange} from './slots.ts';

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
	}

	get isFull(): boolean {
		return this.#operations >= operationsMax || this.differences.length >= frontendsMax;
	}
}

function place(before: Held, after: Fragment): Fragment {
	const slots = arrange(before.slots, after.slots);
	const localSlots = arrange(before.localSlots, after.localSlots);
	return slots === after.slots && localSlots === after.localSlots ? after : {...after, slots, localSlots};
}

const none: readonly never[] = [];

function changes(from: readonly (Slot | undefined)[] = none, to: readonly (Slot | undefined)[] = none): number {
	return from === to ? 0 : Math.max(from.length, to.length);
}
