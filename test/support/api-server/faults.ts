import type {Status} from './status.ts';

/** What is wrong with the double. Everything else it does as a real API server does. */
export type Faults = {
	/** Requests whose path and query hold `match` are refused, so many times. */
	refuse: {readonly match: string; times: number; readonly status: Status; readonly retryAfter?: string}[];
	/** As an API server before 1.27, or one whose gate WatchList is off. */
	streamsNoLists: boolean;
	/** A list that streams is never said to be complete. */
	listsNoEnd: boolean;
	/** Every resourceVersion is too old, whatever it is. */
	expiresAll: boolean;
	/** Connections are taken and nothing is ever said on them. */
	isSilent: boolean;
	/** Bearer tokens that are taken; any when absent. */
	tokens: ReadonlySet<string> | undefined;
	/** Resources that it does not have, and those that nobody may read. */
	absent: ReadonlySet<string>;
	forbidden: ReadonlySet<string>;
};

export function noFaults(): Faults {
	return {
		refuse: [],
		streamsNoLists: false,
		listsNoEnd: false,
		expiresAll: false,
		isSilent: false,
		tokens: undefined,
		absent: new Set(),
		forbidden: new Set(),
	};
}
