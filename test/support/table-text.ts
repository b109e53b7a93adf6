import {createHash} from 'node:crypto';
import {printAction} from '../../src/dataplane/nftables/actions.ts';
import type {Contents} from '../../src/dataplane/nftables/found.ts';
import {type Kernel, KernelDoor} from '../../src/dataplane/nftables/kernel-door.ts';
import type {Held, Slot} from '../../src/dataplane/nftables/ruleset.ts';
import type {Family} from '../../src/net/address.ts';
import {printPrefix} from '../../src/net/prefix.ts';

const {signal} = new AbortController();

/**
 * What a kernel has of our table of one family, as lines in order, equal for tables that do the same: slots of one
 * frontend may stand in any order.
 */
export async function tableText(kernel: Kernel, family: Family): Promise<string> {
	const door = new KernelDoor(kernel, family);
	const found = await door.read(signal);
	if (found === undefined) {
		return 'no table';
	}

	const contents = await door.readContents(found, signal);
	const chains = [...found.chains].map(
		([name, {hook, programs}]) => `chain ${name} ${JSON.stringify(hook)} ${programs.length} rules #${digest(programs)}`,
	);
	const state = found.dormant ? ['asleep'] : [];
	return [...state, ...chains, ...contentLines(contents)].toSorted().join('\n');
}

function digest(value: unknown): string {
	return createHash('sha256')
		.update(JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)))
		.digest('hex')
		.slice(0, 8);
}

function contentLines({held, clusterIps, hairpins, verdicts, bounds, foreign}: Contents): string[] {
	return [
		...[...held].map(([key, value]) => `${key} ${heldText(value)}`),
		`cluster-ips ${clusterIps.toSorted().join(' ')}`,
		`hairpin ${hairpins.toSorted().join(' ')}`,
		...Object.entries(verdicts).map(([set, actions]) => `${set} ${[...actions].map(printAction).toSorted().join(' ')}`),
		...Object.entries(bounds).map(
			([set, texts]) =>
				`${set} ${texts
					.filter((one) => !/^0+-$/.test(one))
					.toSorted()
					.join(' ')}`,
		),
		...foreign.map((element) => `foreign ${JSON.stringify(element)}`),
	];
}

function heldText(held: Held): string {
	const {comment, action, clusterPolicy, localPolicy, external, externalLocal, sourceRanges, slots, localSlots} = held;
	const actions = [action, clusterPolicy, localPolicy].map((one) => (one === undefined ? '-' : printAction(one)));
	const ranges = sourceRanges.map(printPrefix).toSorted();
	return JSON.stringify([comment, actions, external, externalLocal, ranges, slotTexts(slots), slotTexts(localSlots)]);
}

function slotTexts(slots: readonly (Slot | undefined)[]): string[] {
	return slots.map((slot) => (slot === undefined ? 'empty' : `${slot.address} ${slot.port}`)).toSorted();
}
