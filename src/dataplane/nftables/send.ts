import {NetError} from '../../errors.ts';
import type {Family} from '../../net/address.ts';
import type {ServicePortName} from '../../plan/frontend.ts';
import type {Refusal} from '../dataplane.ts';
import {
	type Difference,
	diff,
	diffShared,
	isFragment,
	type Shared,
	type SharedDelta,
	type SharedTurnover,
	sharedDelta,
	sharedTurnover,
} from './diff.ts';
import type {Door, Refused, Transaction} from './door.ts';
import {printOp} from './print.ts';

/** What became of some differences: those in force now, and those that the kernel refused. */
export type Sent = {
	readonly operations: number;
	readonly taken: readonly Difference[];
	readonly refused: readonly Refusal[];
	/** Whether the table is not what it was thought to be: it has to be read again. */
	readonly mismatch: boolean;
};

/** How often what was refused is left out by name; then lists are halved, so that many refusals cost little more. */
const roundsMax = 3;

/** A transaction that makes some differences: encoded in part before what is shared is known, then completed and sent. */
export class Sending {
	readonly #door: Door;
	readonly #family: Family;
	readonly #shared: Shared;
	readonly #differences: readonly Difference[];
	readonly #transaction: Transaction;
	readonly #delta: SharedDelta;

	/** Encodes what is not shared: it may be done while another transaction is on its way. */
	constructor(door: Door, family: Family, shared: Shared, differences: readonly Difference[]) {
		[this.#door, this.#family, this.#shared, this.#differences] = [door, family, shared, differences];
		this.#transaction = door.begin();
		this.#transaction.add(diff(differences));
		this.#delta = sharedDelta(differences);
	}

	/**
	 * Completes and sends the transaction; no other one may be on its way. What the kernel refuses is left out, and
	 * the rest is sent again: by the frontends that it names, or where it names none of them, by halving.
	 *
	 * @throws NetError NFT_REFUSED with `errno` ENOENT when something is gone that was there: read the table again
	 */
	async send(round = 0): Promise<Sent> {
		const turnover = sharedTurnover(this.#shared, this.#delta);
		this.#transaction.add(diffShared(turnover));
		const refused = await this.#transaction.send();
		const vanished = refused.find(({errno}) => errno === 'ENOENT');
		if (vanished !== undefined) {
			throw refuse(vanished, this.#family).error; // the table is not what it was thought to be
		}

		if (refused.length === 0) {
			commit(this.#shared, this.#delta, turnover);
			countIds(this.#shared, this.#differences);
			const operations = this.#transaction.length;
			return {operations, taken: this.#differences, refused: [], mismatch: false};
		}

		return {...(await this.#sendRest(refused, round)), ...(refused.some(isMismatch) && {mismatch: true})};
	}

	async #sendRest(refused: readonly Refused[], round: number): Promise<Sent> {
		const all = this.#differences;
		const culprits = new Map(refused.flatMap((one) => culpritsOf(one, all)));
		if (culprits.size > 0 && (round < roundsMax || all.length === 1)) {
			const rest = all.filter((difference) => !culprits.has(difference));
			const refusals = [...culprits].map(([difference, one]) => refuse(one, this.#family, ownerOf(difference)));
			return join(await this.#again(rest, round + 1), {...nothingSent, refused: refusals});
		}

		const [first, only] = [refused[0], all[0]];
		if (all.length === 1 && first !== undefined && only !== undefined) {
			return {...nothingSent, refused: [refuse(first, this.#family, ownerOf(only))]};
		}

		const half = all.length >> 1;
		const sent = await this.#again(all.slice(0, half), roundsMax);
		return join(sent, await this.#again(all.slice(half), roundsMax));
	}

	async #again(differences: readonly Difference[], round: number): Promise<Sent> {
		return differences.length === 0
			? nothingSent
			: await new Sending(this.#door, this.#family, this.#shared, differences).send(round);
	}
}

const nothingSent: Sent = {operations: 0, taken: [], refused: [], mismatch: false};

function join(a: Sent, b: Sent): Sent {
	return {
		operations: a.operations + b.operations,
		taken: [...a.taken, ...b.taken],
		refused: [...a.refused, ...b.refused],
		mismatch: a.mismatch || b.mismatch,
	};
}

function commit(shared: Shared, delta: SharedDelta, turnover: SharedTurnover): void {
	shared.clusterIps.commit(delta.clusterIps);
	shared.hairpins.commit(delta.hairpins);
	shared.balances.commit(delta.balances);
	shared.clusterIps.forget(turnover.clusterIps.unused);
	shared.hairpins.forget(turnover.hairpins.unused);
}

function countIds({ids}: Shared, differences: readonly Difference[]): void {
	for (const {before, after} of differences) {
		if (after !== undefined) {
			ids.count(after, 1);
		}

		if (before !== undefined && isFragment(before)) {
			ids.count(before, -1);
		}
	}
}

/** The differences that a refused operation belongs to: its element is at the key of one of them. */
function culpritsOf(refused: Refused, differences: readonly Difference[]): (readonly [Difference, Refused])[] {
	const {op} = refused;
	if (op?.kind !== 'element' || !('at' in op)) {
		return [];
	}

	const {at} = op;
	return differences
		.filter(({before, after}) => at === before || at === after)
		.map((difference) => [difference, refused]);
}

function ownerOf({before, after}: Difference): ServicePortName | undefined {
	return (after ?? before)?.owner;
}

/** Something is there against what we knew; or we put a range over another of the same frontend. */
function isMismatch({errno}: Refused): boolean {
	return errno === 'EEXIST';
}

/** The refusal as an error that names the operation, for the Service that asked for it. */
export function refuse({op, errno, text}: Refused, family: Family, service?: ServicePortName): Refusal {
	const operation = op && printOp(op, family);
	const what = `${operation ?? 'commit rules'}: ${text ?? errno}`;
	return {service, error: new NetError('NFT_REFUSED', what, {errno, text, operation})};
}
