import type {Contents, Found} from './found.ts';
import type {Op} from './ruleset.ts';

/** An operation that the kernel did not take, with its words. */
export type Refused = {
	/** Undefined where the kernel does not say which of several elements it is. */
	readonly op: Op | undefined;
	/** As "EEXIST". */
	readonly errno: string;
	/** The kernel's own sentence. */
	readonly text?: string | undefined;
};

/** The table of one family, as something to be read and written. */
export type Door = {
	/** Its form; undefined when there is no such table. */
	read(signal: AbortSignal): Promise<Found | undefined>;
	/** What is in its sets. */
	readContents(found: Found, signal: AbortSignal): Promise<Contents>;
	/** The number of the ruleset's version: every commit of any process, to any table, moves it on. */
	generation(): number;
	/** Opens a transaction. More than one may be open, but only one is sent at a time. */
	begin(): Transaction;
	/** Keeps conntrack and NAT on while this process lives, whatever becomes of the table; or no longer. */
	guard(on: boolean): Promise<void>;
};

/** Operations that happen all together, or not at all. */
export type Transaction = {
	/** How many operations there are. */
	readonly length: number;
	/** Adds operations behind those that are there. They are encoded now, while another transaction may be on its way. */
	add(ops: readonly Op[]): void;
	/**
	 * Ends the transaction. Without operations it is none.
	 *
	 * @returns the operations because of which nothing happened; none when all did
	 */
	send(): Promise<readonly Refused[]>;
};

/** Makes all of `ops` happen, or none. @returns as {@link Transaction.send} */
export async function sendAll(door: Door, ops: readonly Op[]): Promise<readonly Refused[]> {
	const transaction = door.begin();
	transaction.add(ops);
	return await transaction.send();
}
