import {NetError} from '../../errors.ts';
import type {Family} from '../../net/address.ts';
import type {Refusal} from '../dataplane.ts';
import {type Difference, diff, type Shared, type SharedDelta, sharedDelta} from './diff.ts';
import type {Door, Refused} from './door.ts';
import {printOp} from './print.ts';
import type {Op} from './ruleset.ts';

/** What became of some differences: those in force now, and those that the kernel refused. */
export type Sent = {
	readonly operations: number;
	readonly taken: readonly Difference[];
	readonly refused: readonly Refusal[];
	/** Whether the table is not what it was thought to be: it has to be read again. */
	readonly mismatch: boolean;
};

/**
 * Sends the differences as one transaction. One that the kernel refuses is left out, and the others are sent again:
 * by what it names, or where it names nothing of one frontend alone, by halving.
 */
export async function send(
	door: Door,
	family: Family,
	shared: Shared,
	differences: readonly Difference[],
): Promise<Sent> {
	const delta = sharedDelta(differences);
	const ops = diff(differences, shared, delta);
	const refusals = ops.length === 0 ? [] : await door.send(ops);
	const [refusal] = refusals;
	if (refusal === undefined) {
		commit(shared, delta);
		return {operations: ops.length, taken: differences, refused: [], mismatch: false};
	}

	const culprits = new Map(refusals.flatMap((refused) => culpritsOf(refused, differences)));
	if (culprits.size > 0) {
		const rest = differences.filter((difference) => !culprits.has(difference));
		const sent = rest.length === 0 ? none : await send(door, family, shared, rest);
		return join(sent, {
			...none,
			refused: [...culprits.values()].map((refused) => refuse(refused, family)),
			mismatch: refusals.some(isMismatch),
		});
	}

	if (differences.length <= 1) {
		const service = (differences[0]?.after ?? differences[0]?.before)?.owner;
		return {...none, refused: [{...refuse(refusal, family), service}], mismatch: isMismatch(refusal)};
	}

	const half = differences.length >> 1;
	const first = await send(door, family, shared, differences.slice(0, half));
	return join(first, await send(door, family, shared, differences.slice(half)));
}

const none: Sent = {operations: 0, taken: [], refused: [], mismatch: false};

function join(a: Sent, b: Sent): Sent {
	return {
		operations: a.operations + b.operations,
		taken: [...a.taken, ...b.taken],
		refused: [...a.refused, ...b.refused],
		mismatch: a.mismatch || b.mismatch,
	};
}

function commit(shared: Shared, delta: SharedDelta): void {
	const unused = {
		clusterIps: shared.clusterIps.turnover(delta.clusterIps).unused,
		hairpins: shared.hairpins.turnover(delta.hairpins).unused,
	};
	shared.clusterIps.commit(delta.clusterIps);
	shared.hairpins.commit(delta.hairpins);
	shared.balances.commit(delta.balances);
	if (!shared.keepUnused) {
		shared.clusterIps.forget(unused.clusterIps);
		shared.hairpins.forget(unused.hairpins);
	}
}

/** The differences that a refused operation belongs to: its element is at the key of one of them. */
function culpritsOf(refused: Refused, differences: readonly Difference[]): (readonly [Difference, Refused])[] {
	const {op} = refused;
	if (op?.kind !== 'element' || !('at' in op.element)) {
		return [];
	}

	const {at} = op.element;
	return differences
		.filter(({before, after}) => at === before || at === after)
		.map((difference) => [difference, refused]);
}

/** Errors that speak of something being there, or not, against what we knew. */
function isMismatch({errno}: Refused): boolean {
	return errno === 'ENOENT' || errno === 'EEXIST';
}

/** The refusal as an error that names the operation, and the Service it was for. */
export function refuse({op, errno, text}: Refused, family: Family): Refusal {
	const operation = op && printOp(op, family);
	const what = `${operation ?? 'commit rules'}: ${text ?? errno}`;
	return {service: ownerOf(op), error: new NetError('NFT_REFUSED', what, {errno, text, operation})};
}

function ownerOf(op: Op | undefined) {
	return op?.kind === 'element' ? op.owner : undefined;
}
