import type {Change} from '../model/change.ts';
import {
	type EndpointSlice,
	keyOf,
	type ObjectKey,
	type PodAttachment,
	podName,
	serviceKey,
	type WorldObject,
} from '../model/objects.ts';
import {createWorld, nothingTouched, reduce, type WritableTouched, type WritableWorld} from '../model/world.ts';
import type {PlanOptions} from '../plan/options.ts';
import type {Plan, PlanChange, StaleFlows} from '../plan/plan.ts';
import {mergePlanChanges} from '../plan/plan-change.ts';
import {Planner} from '../plan/planner.ts';
import type {Trigger} from './follower.ts';
import type {Kind} from './intake.ts';
import {Triggers} from './triggers.ts';

/** A few milliseconds of planning. */
const endpointsPerStep = 2000;

/** The one world of this process and the planner that follows it, fed change by change. */
export class Cluster {
	readonly #world: WritableWorld = createWorld();
	readonly #planner: Planner;
	readonly #nodeName: string;
	/** Whether a source ever told of a Node: one that tells of Services alone says nothing about this node. */
	#toldOfNodes = false;
	#touched: WritableTouched = nothingTouched();
	readonly #triggers = new Triggers();
	#steps: Generator<PlanChange, void> | undefined;
	#changes: PlanChange[] = [];

	constructor(options: PlanOptions) {
		this.#planner = new Planner(options);
		this.#nodeName = options.nodeName;
	}

	/** What this node should do, as of the last {@link advance} that left nothing. */
	get plan(): Plan {
		return this.#planner.plan;
	}

	/** Services that this proxy serves: a headless one, or another proxy's, does not count. */
	get serviceCount(): number {
		return this.#world.services.size;
	}

	/** Whether this node stays in the cluster, shall go from it, or is not (or no longer) among the Nodes that are told of. */
	get nodeState(): 'stays' | 'leaves' | 'unknown' {
		const node = this.#world.nodes.get(this.#nodeName);
		if (node === undefined) {
			return this.#toldOfNodes ? 'unknown' : 'stays';
		}

		return node.leaving ? 'leaves' : 'stays';
	}

	/** Takes one change into the world; what it touches is planned by {@link advance}. */
	take(change: Change): void {
		this.#toldOfNodes ||= change.verb === 'put' && change.object.kind === 'Node';
		const before = this.#sliceOf(change);
		reduce(this.#world, [change], this.#touched);
		const after = this.#sliceOf(change);
		if (before !== undefined && after === undefined) {
			this.#triggers.forget(before);
		} else if (after !== undefined && after !== before && change.verb === 'put' && change.triggeredAt !== undefined) {
			this.#triggers.note(after, change.triggeredAt);
		}
	}

	/** The slice that a change is about, as it is known now. */
	#sliceOf(change: Change): EndpointSlice | undefined {
		switch (change.verb) {
			case 'put':
				return change.object.kind === 'EndpointSlice' ? this.#world.sliceByName.get(keyOf(change.object)) : undefined;
			case 'delete':
				return change.kind === 'EndpointSlice' ? this.#world.sliceByName.get(change.key) : undefined;
			case 'synced':
				return undefined;
		}
	}

	/**
	 * Whether changes may bear on the plan, as far as is known before they are planned: attachments of pods without
	 * host ports, as nearly all are, never do.
	 */
	bearsOnPlan(changes: readonly Change[]): boolean {
		return changes.some((change) =>
			this.#versionsOf(change).some((object) => object?.kind !== 'PodAttachment' || object.hostPorts.length > 0),
		);
	}

	/** The Services and pods that changes which were not yet taken are about. */
	ownersOf(changes: readonly Change[]): ReadonlySet<ObjectKey> {
		const owners = changes.flatMap((change) => this.#versionsOf(change).map(ownerOf));
		return new Set(owners.filter((owner) => owner !== undefined));
	}

	/** What an object is and will be, as far as it is known. */
	#versionsOf(change: Change): readonly (WorldObject | undefined)[] {
		switch (change.verb) {
			case 'put':
				return change.object.kind === 'PodAttachment'
					? [...this.#attachment(keyOf(change.object)), change.object]
					: [this.#sliceOf(change), change.object];
			case 'delete':
				return change.kind === 'PodAttachment'
					? this.#attachment(change.key)
					: [this.#sliceOf(change) ?? this.#world.services.get(change.key)];
			case 'synced':
				return [undefined];
		}
	}

	#attachment(key: ObjectKey): readonly PodAttachment[] {
		const known = this.#world.attachments.get(key);
		return known === undefined ? [] : [known];
	}

	/** Names of all objects of a kind, as far as they matter to Services. */
	keys(kind: Kind): Iterable<ObjectKey> {
		return this.#objects(kind).keys();
	}

	/** How many objects of a kind matter to Services. */
	count(kind: Kind): number {
		return this.#objects(kind).size;
	}

	#objects(kind: Kind): ReadonlyMap<ObjectKey, unknown> {
		switch (kind) {
			case 'Service':
				return this.#world.services;
			case 'EndpointSlice':
				return this.#world.sliceByName;
			case 'Node':
				return this.#world.nodes;
			case 'ServiceCIDR':
				return this.#world.serviceCidrs;
			case 'NodeAddress':
				return this.#world.nodeAddresses;
			case 'PodAttachment':
				return this.#world.attachments;
		}
	}

	/**
	 * Plans some of what was touched, a few milliseconds of work; whether more is left. After a throw, which is a bug,
	 * the next call goes on behind what caused it.
	 */
	advance(): boolean {
		if (this.#steps === undefined) {
			this.#steps = this.#planner.steps(this.#world, this.#touched, endpointsPerStep);
			this.#touched = nothingTouched();
		}

		const steps = this.#steps;
		this.#steps = undefined; // so it stays when the planner throws: a new walk goes on with what is left
		const step = steps.next();
		if (step.done === true) {
			return false;
		}

		this.#steps = steps;
		this.#changes.push(step.value);
		return true;
	}

	/** When what was taken since the last call had been brought about. */
	triggers(): readonly Trigger[] {
		return this.#triggers.take();
	}

	/** What all planning since the last call did to the plan; undefined when there was none. */
	changed(): PlanChange | undefined {
		const change = merge(this.#changes);
		this.#changes = [];
		return change;
	}

	/** As {@link changed}, for a full sync, which compares everything: only the flows that went stale are left to tell. */
	changedFlows(): readonly StaleFlows[] {
		const flows = this.#changes.flatMap(({staleFlows}) => staleFlows);
		this.#changes = [];
		return flows;
	}
}

/** Whose frontends an object decides. */
function ownerOf(object: WorldObject | undefined): ObjectKey | undefined {
	switch (object?.kind) {
		case 'Service':
			return keyOf(object);
		case 'EndpointSlice':
			return serviceKey(object.namespace, object.service);
		case 'PodAttachment':
			return serviceKey(object.namespace, podName(object.name));
		case 'Node':
		case 'ServiceCIDR':
		case 'NodeAddress':
		case undefined:
			return undefined;
	}
}

/** Halves first: one after the other would copy what the first ones touched once for each of the others. */
function merge(changes: readonly PlanChange[]): PlanChange | undefined {
	if (changes.length <= 1) {
		return changes[0];
	}

	const middle = changes.length >> 1;
	const [left, right] = [merge(changes.slice(0, middle)), merge(changes.slice(middle))];
	return left === undefined || right === undefined ? (left ?? right) : mergePlanChanges(left, right);
}
