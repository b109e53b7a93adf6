import {type EndpointSlice, type ObjectKey, serviceKey} from '../model/objects.ts';
import {isSame} from '../model/same.ts';
import {createWorld, type Touched, type World} from '../model/world.ts';
import {Claims} from './claims.ts';
import {type Frontend, type FrontendKey, kindOrder} from './frontend.ts';
import {isSameBackends, isSameFrontend} from './frontends.ts';
import {planHostPorts} from './host-ports.ts';
import {affectedByNode, guardsLoopback, type NodeView, planNode} from './node.ts';
import type {PlanOptions} from './options.ts';
import type {HealthCheck, NodePlan, Plan, PlanChange, Unserved} from './plan.ts';
import {createEdit, finishEdit, type PlanEdit} from './plan-change.ts';
import {heldHealthCheckReason, heldReason} from './reasons.ts';
import {planService, type ServicePlan} from './services.ts';

/** About 10 ms of planning. */
const endpointsPerStep = 10_000;

/** The one writer of a plan. It follows one world: everything that is ever touched in it must be told. */
export class Planner {
	readonly #options: PlanOptions;
	/** Of pods with host ports too: `namespace/pod/name` is no Service's name. */
	readonly #services = new Map<ObjectKey, ServicePlan>();
	readonly #frontends: Claims<FrontendKey, Frontend>;
	readonly #healthChecks: Claims<number, HealthCheck>;
	readonly #unserved = new Map<string, readonly Unserved[]>();
	readonly #plan: {node: NodePlan; healthCheckAddresses: Plan['healthCheckAddresses']} & Omit<
		Plan,
		'node' | 'healthCheckAddresses'
	>;
	/** Services and pods still to plan, those included that a caller of {@link steps} gave up before. */
	#queue: readonly ObjectKey[] = [];
	#next = 0;
	#node: NodeView;

	constructor(options: PlanOptions) {
		this.#options = options;
		this.#node = planNode(createWorld(), options);
		this.#frontends = new Claims((a, b) => kindOrder[a.kind] - kindOrder[b.kind] || this.#byAge(a.service, b.service));
		this.#healthChecks = new Claims((a, b) => this.#byAge(a, b));
		this.#plan = {
			frontends: this.#frontends.held,
			node: this.#node.plan,
			healthChecks: this.#healthChecks.held,
			healthCheckAddresses: this.#node.healthCheckAddresses,
			unserved: this.#unserved,
		};
	}

	/** One object for the planner's life, edited by {@link update} and {@link steps} alone. */
	get plan(): Plan {
		return this.#plan;
	}

	/** Makes the plan follow what was touched in the world, at the cost of what was touched. */
	update(world: World, touched: Touched): PlanChange {
		const [change] = this.steps(world, touched, Number.POSITIVE_INFINITY);
		return change ?? finishEdit(createEdit());
	}

	/**
	 * As {@link update}, in steps between which the caller may take a breath. The plan is right for the Services that
	 * the steps so far named; their changes together are the change. What is not taken to the end goes on with the
	 * next call of either.
	 *
	 * @param endpoints how many endpoints a step plans, at least one Service's
	 */
	*steps(world: World, touched: Touched, endpoints: number = endpointsPerStep): Generator<PlanChange, void> {
		let edit = this.#begin(world, touched);
		let planned = 0;
		while (this.#next < this.#queue.length) {
			const key = this.#queue[this.#next++] ?? '';
			planned += 1 + this.#replan(world, key, edit);
			if (planned >= endpoints) {
				yield finishEdit(edit);
				edit = createEdit();
				planned = 0;
			}
		}

		yield finishEdit(edit);
	}

	#begin(world: World, touched: Touched): PlanEdit {
		const edit = createEdit();
		this.#queue = [...this.#queue.slice(this.#next), ...touched.services, ...touched.pods];
		this.#next = 0;
		const isOfNode = touched.nodes.has(this.#options.nodeName) || touched.nodeAddresses || touched.serviceCidrs;
		if (!isOfNode && guardsLoopback(world, this.#options) === this.#node.plan.guardsLoopback) {
			return edit;
		}

		const [before, after] = [this.#node, planNode(world, this.#options)];
		this.#node = after;
		if (!isSame(before.plan, after.plan)) {
			this.#plan.node = after.plan;
			edit.node = true;
		}

		if (!isSame(before.healthCheckAddresses, after.healthCheckAddresses)) {
			this.#plan.healthCheckAddresses = after.healthCheckAddresses;
			edit.healthChecks = true;
		}

		const affected = affectedByNode(world, before, after);
		if (affected.length > 0) {
			this.#queue = [...new Set([...this.#queue, ...affected])];
		}

		return edit;
	}

	/** Returns how many endpoints that took. */
	#replan(world: World, key: ObjectKey, edit: PlanEdit): number {
		const slices = world.slices.get(key) ?? none;
		const before = this.#services.get(key);
		const after = this.#planOf(world, key, slices);
		if (after === undefined) {
			this.#services.delete(key);
		} else {
			this.#services.set(key, after);
		}

		const rivals = this.#swapFrontends(before, after, edit);
		rivals.push(...this.#swapHealthCheck(before?.healthCheck, after?.healthCheck, edit));
		this.#tellUnserved(key, after, edit);
		for (const rival of new Set(rivals)) {
			this.#tellUnserved(rival, this.#services.get(rival), edit);
		}

		let endpoints = 0;
		for (const slice of slices) {
			endpoints += slice.endpoints.length;
		}

		return endpoints;
	}

	/** What the Service, or the pod, of this name asks for; undefined when it is not there, or a pod asks for nothing. */
	#planOf(world: World, key: ObjectKey, slices: readonly EndpointSlice[]): ServicePlan | undefined {
		const pod = world.pods.get(key);
		if (pod !== undefined) {
			return planHostPorts(pod, this.#node);
		}

		const service = world.services.get(key);
		return service === undefined ? undefined : planService(key, service, slices, this.#node);
	}

	/** Returns the Services and pods that claim one of the frontends too. */
	#swapFrontends(before: ServicePlan | undefined, after: ServicePlan | undefined, edit: PlanEdit): ObjectKey[] {
		const rivals: ObjectKey[] = [];
		for (const [key, old, put] of pairs(before?.frontends ?? none, after?.frontends ?? none)) {
			const replaced = this.#frontends.replace(key, old, put);
			const {heldBefore, held} = replaced;
			for (const {service} of replaced.rivals) {
				rivals.push(serviceKey(service.namespace, service.name));
			}

			const isTouched = !isSameFrontend(heldBefore, held);
			if (isTouched) {
				edit.touched.add(key);
			}

			if (isTouched || !isSameBackends(before?.serving?.get(key) ?? none, after?.serving?.get(key) ?? none)) {
				this.#tellStaleFlows(held ?? heldBefore, edit);
			}
		}

		return rivals;
	}

	/**
	 * Policies, hints and readiness of backends do not make flows stale; that the backend serves no more does. A
	 * frontend that is gone has none that serve, unless another Service took it over.
	 */
	#tellStaleFlows(frontend: Frontend | undefined, edit: PlanEdit): void {
		if (frontend?.protocol === 'UDP') {
			const {key, address, protocol, port, service} = frontend;
			const planned = this.#services.get(serviceKey(service.namespace, service.name));
			edit.staleFlows.set(key, {address, protocol, port, serving: planned?.serving?.get(key) ?? none});
		}
	}

	/** Returns the Services that claim one of the ports too. */
	#swapHealthCheck(before: HealthCheck | undefined, after: HealthCheck | undefined, edit: PlanEdit): ObjectKey[] {
		const rivals: ObjectKey[] = [];
		const swap = (port: number, old: HealthCheck | undefined, put: HealthCheck | undefined) => {
			const replaced = this.#healthChecks.replace(port, old, put);
			rivals.push(...replaced.rivals.map(({namespace, name}) => serviceKey(namespace, name)));
			edit.healthChecks ||= !isSame(replaced.heldBefore, replaced.held);
		};
		if (before !== undefined) {
			swap(before.port, before, after?.port === before.port ? after : undefined);
		}

		if (after !== undefined && after.port !== before?.port) {
			swap(after.port, undefined, after);
		}

		return rivals;
	}

	#tellUnserved(key: ObjectKey, service: ServicePlan | undefined, edit: PlanEdit): void {
		const rows = service === undefined ? none : [...service.unserved, ...this.#lostClaims(service)];
		const before = this.#unserved.get(key) ?? none;
		if (isSame(rows, before)) {
			return;
		}

		edit.unserved.add(key);
		if (rows.length === 0) {
			this.#unserved.delete(key);
		} else {
			this.#unserved.set(key, rows);
		}
	}

	#lostClaims({frontends, healthCheck}: ServicePlan): readonly Unserved[] {
		const lost: Unserved[] = [];
		for (const {key, service, kind} of frontends) {
			const holder = this.#frontends.held.get(key);
			if (holder !== undefined && holder.service !== service) {
				lost.push({service, key, because: heldReason(holder, kind)});
			}
		}

		const holder = healthCheck && this.#healthChecks.held.get(healthCheck.port);
		if (healthCheck !== undefined && holder !== undefined && holder !== healthCheck) {
			const service = {namespace: healthCheck.namespace, name: healthCheck.name, port: '', protocol: 'TCP'} as const;
			lost.push({service, because: heldHealthCheckReason(holder)});
		}

		return lost;
	}

	/** The older Service first, one of unknown age last; then by `namespace/name`. */
	#byAge(a: {namespace: string; name: string}, b: {namespace: string; name: string}): number {
		const [left, right] = [serviceKey(a.namespace, a.name), serviceKey(b.namespace, b.name)];
		const age = (key: ObjectKey) => this.#services.get(key)?.createdAt ?? Number.MAX_SAFE_INTEGER;
		return age(left) - age(right) || (left < right ? -1 : 1);
	}
}

const none: readonly never[] = [];

/** A frontend before and after, by key: each key of either list once. */
function pairs(
	before: readonly Frontend[],
	after: readonly Frontend[],
): readonly (readonly [key: FrontendKey, before: Frontend | undefined, after: Frontend | undefined])[] {
	if (before.length === 0) {
		return after.map((frontend) => [frontend.key, undefined, frontend]);
	}

	const arriving = new Map(after.map((frontend) => [frontend.key, frontend]));
	const kept = before.map((old) => [old.key, old, arriving.get(old.key)] as const);
	for (const {key} of before) {
		arriving.delete(key);
	}

	return [...kept, ...[...arriving].map(([key, frontend]) => [key, undefined, frontend] as const)];
}
