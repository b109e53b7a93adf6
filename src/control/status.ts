/** A moment, for people and for programs: `ageSeconds` is right even where the wall clock was set meanwhile. */
export type Moment = {
	/** ISO 8601, UTC. */
	readonly at: string;
	readonly ageSeconds: number;
};

/** A part of a Service that is not in force as it is written, and why. */
export type NotWhole = {readonly service: string; readonly what: string; readonly because: string};

/** An error as data, with what to do next. */
export type Problem = {
	readonly code: string;
	readonly message: string;
	readonly hint: string;
	readonly details?: Readonly<Record<string, unknown>> | undefined;
};

/** Something that failed and is tried again. */
export type Failure = Problem & {
	/** Absent where it is tried again at once, or just now. */
	readonly retryInSeconds?: number | undefined;
};

/** The last commit that the kernel took. */
type CommitStatus = Moment & {
	readonly durationMs: number;
	readonly operations: number;
	/** Services that it did not take. */
	readonly refused: number;
	/** Whether everything was compared, not only what had changed. */
	readonly full: boolean;
};

/** How fresh one source of changes is. */
export type SourceStatus = {
	readonly name: string;
	/** Since when it has told everything it knew at its start; absent before. */
	readonly synced?: Moment | undefined;
	/** Whether its last word was that nothing is missing. */
	readonly complete: boolean;
	readonly lastChange?: Moment | undefined;
	/** What is known from it, by kind, as far as it matters to this proxy: a headless Service does not. */
	readonly objects: Readonly<Record<string, number>>;
	/** How often it was opened again. */
	readonly restarts: number;
	/** How many of {@link Status.problems} are its. */
	readonly problems: number;
	/** Why it is not open just now. */
	readonly failure?: Failure | undefined;
};

/** How many frontends of one kind a dataplane serves. */
export type Served = {readonly whole: number; readonly partly: number; readonly notAtAll: number};

export type DataplaneStatus = {
	readonly name: string;
	/** By kind: clusterIP, nodePort, externalIP, loadBalancerIP, hostPort. */
	readonly frontends: Readonly<Record<string, Served>>;
};

/** All of a status but its long lists. */
export type StatusHead = {
	/** When it was taken, by the daemon's clock. */
	readonly takenAt: string;
	readonly version: string;
	readonly pid: number;
	readonly nodeName: string;
	readonly started: Moment;
	readonly memory: {readonly residentBytes: number; readonly heapUsedBytes: number};
	readonly mode: {readonly name: string; readonly because: string};
	readonly families: readonly string[];
	/** Since when everything known has been in the kernel without a break; absent when it is not. */
	readonly inForce?: Moment | undefined;
	/** What has to happen before it is, a phrase each. */
	readonly awaiting: readonly string[];
	/** Why the last commit failed as a whole. */
	readonly failure?: Failure | undefined;
	/** How long the oldest change that is not in the kernel has been waiting. */
	readonly pendingSeconds?: number | undefined;
	readonly services: number;
	readonly frontends: number;
	/** Of cluster IPs, each as often as it stands behind one. */
	readonly endpoints: number;
	readonly lastCommit?: CommitStatus | undefined;
	readonly sources: readonly SourceStatus[];
	readonly dataplanes: readonly DataplaneStatus[];
};

/** A problem of a source: a file or an object that was refused. */
export type SourceProblem = Problem & {readonly source: string};

/** What a daemon does, how fresh it is, and what is not as written. */
export type Status = StatusHead & {
	/** In order of Services. */
	readonly notWhole: readonly NotWhole[];
	readonly problems: readonly SourceProblem[];
};

/** A status in pieces that each take little time to write: rows in any order, then the head, which ends it. */
export type StatusPart =
	| {readonly kind: 'notWhole'; readonly rows: readonly NotWhole[]}
	| {readonly kind: 'problems'; readonly rows: readonly SourceProblem[]}
	| {readonly kind: 'head'; readonly head: StatusHead};

/** Whether all that is known is in the kernel, as it is written. */
export function isWhole({inForce, notWhole, problems, sources}: Status): boolean {
	const fresh = sources.every(({complete, failure}) => complete && failure === undefined);
	return inForce !== undefined && fresh && notWhole.length === 0 && problems.length === 0;
}

/** Puts statuses together from their parts. */
export class StatusAssembly {
	#notWhole: NotWhole[] = [];
	#problems: SourceProblem[] = [];

	/** The status that `part` ends; undefined while more is to come. */
	add(part: StatusPart): Status | undefined {
		switch (part.kind) {
			case 'notWhole':
				this.#notWhole.push(...part.rows);
				return undefined;
			case 'problems':
				this.#problems.push(...part.rows);
				return undefined;
			case 'head': {
				const status = {...part.head, notWhole: this.#notWhole.toSorted(byService), problems: this.#problems};
				[this.#notWhole, this.#problems] = [[], []];
				return status;
			}
		}
	}
}

/** The order in which people look for a Service. */
export function byService(a: NotWhole, b: NotWhole): number {
	return compare(a.service, b.service) || compare(a.what, b.what) || compare(a.because, b.because);
}

function compare(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
