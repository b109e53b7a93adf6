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
	/**
	 * All of the operations happen, or none does.
	 *
	 * @returns those because of which none did
	 */
	send(ops: readonly Op[]): Promise<readonly Refused[]>;
	/** Keeps conntrack and NAT on while this process lives, whatever becomes of the table; or no longer. */
	guard(on: boolean): Promise<void>;
};
