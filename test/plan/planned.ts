import type {Change} from '../../src/model/change.ts';
import type {NodeAddress, WorldObject} from '../../src/model/objects.ts';
import {createWorld, everythingTouched, reduce, type World} from '../../src/model/world.ts';
import {parseAddress} from '../../src/net/address.ts';
import {parsePrefix, printPrefix} from '../../src/net/prefix.ts';
import {type Frontend, printServicePort, type Target} from '../../src/plan/frontend.ts';
import type {PlanOptions} from '../../src/plan/options.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {Planner} from '../../src/plan/planner.ts';
import {thisNode} from '../support/builders.ts';

type Objects = readonly WorldObject[];

export const podCidr = parsePrefix('10.128.0.0/9');

const defaults: PlanOptions = {
	nodeName: thisNode,
	families: ['IPv4', 'IPv6'],
	detector: {kind: 'clusterCidr', cidrs: [podCidr]},
	masqueradeAll: false,
	nodePortAddresses: ['primary'],
	nodeIps: [],
};

export function buildOptions(options: Partial<PlanOptions> = {}): PlanOptions {
	return {...defaults, ...options};
}

export function worldOf(objects: Objects): World {
	const world = createWorld();
	reduce(
		world,
		objects.map((object): Change => ({verb: 'put', object})),
	);
	return world;
}

/** The plan for a world of these objects, from nothing. */
export function planOf(objects: Objects, options: Partial<PlanOptions> = {}): Plan {
	const planner = new Planner(buildOptions(options));
	const world = worldOf(objects);
	planner.update(world, everythingTouched(world));
	return planner.plan;
}

/** Every frontend as `key kind → who answers, masquerade`, sorted: what a test wants to see of a plan at a glance. */
export function printPlan(plan: Plan): readonly string[] {
	return [...plan.frontends.values()].map(printFrontend).sort();
}

export function printFrontend({key, kind, target, local, masquerade, sourceRanges}: Frontend): string {
	const forOthers = local === undefined ? '' : `, others ${printTarget(local)}`;
	const ranges = sourceRanges === undefined ? '' : `, from ${sourceRanges.map(printPrefix).join(' ')}`;
	return `${key} ${kind} → ${printTarget(target)}${forOthers}, masquerade ${masquerade}${ranges}`;
}

export function printTarget(target: Target): string {
	if (target.kind !== 'backends') {
		return target.kind;
	}

	return target.backends
		.map(({address, port, local}) => `${address}:${port}${local ? ' here' : ''}`)
		.sort()
		.join(' ');
}

/** The reasons of the frontend with this key, as `object field: decided`. */
export function printReasons(plan: Plan, key: string): readonly string[] {
	const because = plan.frontends.get(key)?.because ?? [];
	return because.map(({object, field, decided}) => `${object} ${field}: ${decided}`);
}

/** What is not served, as `service port, key: object field: decided`. */
export function printUnserved(plan: Plan): readonly string[] {
	const rows = [...plan.unserved.values()].flat();
	return rows.map(({service, key = '-', because: {object, field, decided}}) => {
		return `${printServicePort(service)}, ${key}: ${object} ${field}: ${decided}`;
	});
}

export function nodeAddress(address: string, name = 'eth0'): NodeAddress {
	return {kind: 'NodeAddress', address: parseAddress(address), interface: name};
}
