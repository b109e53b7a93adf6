import type {NetError} from '../errors.ts';
import type {Frontend, ServicePortName} from '../plan/frontend.ts';
import type {Plan, PlanChange} from '../plan/plan.ts';

/** Whether a dataplane serves a frontend; `partly` names what of it is not in force. */
export type Takes =
	| {readonly kind: 'whole'}
	| {readonly kind: 'partly'; readonly missing: readonly string[]}
	| {readonly kind: 'no'; readonly because: string};

/** What one commit did. */
export type Outcome = {
	/** Operations that the kernel took. */
	readonly operations: number;
	/** Frontends that the kernel refused, with its words; they stay as they were, and all others went on. */
	readonly refused: readonly Refusal[];
	/** What was there under our name and could not be used: made anew, with the reason, for people. */
	readonly rebuilt?: readonly string[];
	/** Whether an update met what it did not expect, and everything was compared: rules may have been missing. */
	readonly compared?: boolean;
};

export type Refusal = {readonly service: ServicePortName | undefined; readonly error: NetError};

/** What another process did to what we wrote. */
export type ForeignEdit = {
	/** Absent where the kernel did not tell. The id is that of the first pid namespace. */
	readonly by?: {readonly process: string; readonly pid: number};
	/** For people: `ip fairlead: 1 element of services deleted`. */
	readonly what: string;
};

/**
 * A way to make the kernel do what the plan says. One writer per kernel table: calls are made one after another.
 * No call is made before every source said `synced`.
 */
export type Dataplane = {
	readonly name: string;
	takes(frontend: Frontend): Takes;
	/**
	 * Reads what the kernel has and sends the difference to `plan`. Correct from any state; what is already right
	 * is not touched.
	 *
	 * @param prune whether what the plan does not name is removed: only once every source said `synced` and `complete`
	 */
	sync(plan: Plan, prune: boolean, signal: AbortSignal): Promise<Outcome>;
	/** Sends what `change` touched. Ends in the same state as {@link sync}, at the cost of the change. */
	update(plan: Plan, change: PlanChange, signal: AbortSignal): Promise<Outcome>;
	/**
	 * Tells what other processes did to what we wrote, from the first {@link sync} on and until `signal` is aborted;
	 * {@link mend} undoes it. Nothing is missed: what could not be heard is told as one that changed anything.
	 */
	watch(signal: AbortSignal): AsyncIterable<ForeignEdit>;
	/** Undoes all that {@link watch} told since the last call, at the cost of what was done. Correct at any time. */
	mend(plan: Plan, signal: AbortSignal): Promise<Outcome>;
	/** Everything that {@link sync} would send to an empty kernel, as text for people and their tools. */
	print(plan: Plan): string;
	/** Removes every trace of this dataplane from the kernel. */
	cleanup(): Promise<void>;
	/** Frees sockets; what is in the kernel stays in force. */
	close(): void;
};
