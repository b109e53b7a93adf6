import type {Family} from '../../net/address.ts';
import type {Expression} from '../../wire/expressions.ts';
import {hooks, setFlags} from '../../wire/nftables.ts';
import {declareSet} from './declaration.ts';
import type {FoundChain, FoundHook, FoundSet} from './found.ts';
import {program} from './programs.ts';
import type {Chain, Hook, SetSpec} from './ruleset.ts';

// Whether what the kernel shows is what we declared, whoever made it.

/** Whether a set is declared as we would, as far as it cannot be changed in place. */
export function isSameSet(found: FoundSet, spec: SetSpec, family: Family): boolean {
	const {flags, keyType, keyLen, dataType, dataLen, desc} = declareSet(spec, family, 0);
	const known =
		setFlags.interval | setFlags.concat | setFlags.map | setFlags.timeout | setFlags.eval | setFlags.constant;
	return (
		(found.flags & known) === flags &&
		found.keyType === keyType &&
		found.keyLen === keyLen &&
		(found.size === 0 || spec.size !== undefined) && // what clients learned is not given up for another size
		found.dataType === (dataType ?? 0) &&
		(spec.data === 'verdict' || found.dataLen === (dataLen ?? 0)) && // the kernel tells its own length of a verdict
		found.fields.join() === (desc?.concat ?? []).map(({len}) => len).join()
	);
}

/** Whether packets enter the chain where they should. */
export function hasHook(found: FoundChain | undefined, hook: Hook | undefined): boolean {
	const wanted: FoundHook | undefined = hook && {
		type: 'nat',
		hooknum: hooks[hook.hook],
		priority: hook.priority,
		policy: 1,
	};
	return found !== undefined && JSON.stringify(found.hook) === JSON.stringify(wanted);
}

/** Whether the chain has our rules, and no other. */
export function hasRules(found: FoundChain | undefined, {rules}: Chain, family: Family): boolean {
	const wanted = rules.map((rule) => programText(program(rule, family)));
	return found !== undefined && wanted.join('\n') === found.programs.map(programText).join('\n');
}

/** A program as text, without what the kernel adds when it shows one: two that do the same are equal. */
function programText(steps: readonly Expression[]): string {
	return steps
		.map((step) => JSON.stringify(Object.entries(step).filter(isTold(step)).map(printAttribute).toSorted()))
		.join();
}

/** Whether an attribute says more than its absence would. */
function isTold(step: Expression): (entry: readonly [string, unknown]) => boolean {
	return ([name, value]) => {
		if (step.kind === 'nat' && typeof value === 'number') {
			const implied: Readonly<Record<string, unknown>> = {
				regAddrMax: step.regAddrMin,
				regProtoMax: step.regProtoMin,
				flags: step.regProtoMin === undefined ? natRangeFlags.addresses : natRangeFlags.both,
			};
			return value !== implied[name];
		}

		return value !== undefined && !(isZero(value) && zeroByDefault.has(`${step.kind} ${name}`));
	};
}

function isZero(value: unknown): boolean {
	return value === 0 || value === 0n;
}

/** NF_NAT_RANGE_MAP_IPS, and with it NF_NAT_RANGE_PROTO_SPECIFIED: the kernel sets them by the registers. */
const natRangeFlags = {addresses: 0x1, both: 0x3} as const;

/** Attributes that mean the same when they are left out. */
const zeroByDefault = new Set([
	'lookup flags',
	'numgen offset',
	'hash offset',
	'bitwise op',
	'reject code',
	'dynset flags',
	'dynset timeout',
]);

function printAttribute([name, value]: readonly [string, unknown]): string {
	return `${name} ${JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))}`;
}
