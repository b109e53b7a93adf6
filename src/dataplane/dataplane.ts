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
};

export type Refusal = {readonly service: ServicePortName | undefined; readonly error: NetError};

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
	/** Everything that {@link sync} would send to an empty kernel, as text for people and their tools. */
	print(plan: Plan): string;
	/** Removes every trace of this dataplane from the kernel. */
	cleanup(): Promise<void>;
	/** Frees sockets; what is in the kernel stays in force. */
	close(): void;
};
