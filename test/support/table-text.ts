import {createHash} from 'node:crypto';
import {printAction} from '../../src/dataplane/nftables/actions.ts';
import type {Contents} from '../../src/dataplane/nftables/found.ts';
import {type Kernel, KernelDoor} from '../../src/dataplane/nftables/kernel-door.ts';
import type {BackendId, Held, Slot, StickyList} from '../../src/dataplane/nftables/ruleset.ts';
import type {Family} from '../../src/net/address.ts';
import {printPrefix} from '../../src/net/prefix.ts';

const {signal} = new AbortController();

/**
 * What a kernel has of our table of one family, as lines in order, equal for tables that do the same: slots of one
 * frontend may stand in any order, and backends be called by any ids that are one for each of a service port.
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
		...idLines([...held.values()]),
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
	const lists = [slotTexts(slots), slotTexts(localSlots), stickyTexts(held.sticky), stickyTexts(held.stickyLocal)];
	return JSON.stringify([comment, actions, external, externalLocal, ranges, ...lists]);
}

/** The backends by slot, and those that no slot has. */
function stickyTexts(list: StickyList | undefined): string[] {
	const {ids, backends} = list ?? {ids: [], backends: new Map<BackendId, Slot>()};
	const slots = ids.map((id) => (id === undefined ? undefined : backends.get(id)));
	const others = [...backends].flatMap(([id, slot]) =>
		ids.includes(id) ? [] : [`no slot for ${slot.address} ${slot.port}`],
	);
	return [...slotTexts(slots), ...others.toSorted()];
}

/** Whether the frontends of each service port call a backend the same, and no two ports have the same half of an id. */
function idLines(all: readonly Held[]): string[] {
	const sticky = all.filter((held) => held.sticky !== undefined || held.stickyLocal !== undefined);
	const ports = Map.groupBy(sticky, ({comment, protocol}) => `${comment}/${protocol}`);
	const majors = [...ports].map(([port, group]) => {
		const pairs = group.flatMap((held) => [...(held.sticky?.backends ?? []), ...(held.stickyLocal?.backends ?? [])]);
		const names = new Set(pairs.map(([id, {address, port: number}]) => `${id} ${address} ${number}`));
		const [ids, backends] = [0, 1].map(
			(part) => new Set([...names].map((name) => (part === 0 ? name.split(' ')[0] : name.replace(/^\d+/, '')))),
		);
		const own = new Set(pairs.map(([id]) => id >>> 16));
		return {port, own: [...own], isOne: own.size === 1 && ids?.size === names.size && backends?.size === names.size};
	});
	const shared = majors.flatMap(({own}) => own).length !== new Set(majors.flatMap(({own}) => own)).size;
	return [...majors.map(({port, isOne}) => `ids ${port} ${isOne}`), `ids shared ${shared}`];
}

function slotTexts(slots: readonly (Slot | undefined)[]): string[] {
	return slots.map((slot) => (slot === undefined ? 'empty' : `${slot.address} ${slot.port}`)).toSorted();
}
