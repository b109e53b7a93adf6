import {fc, testProp} from '@fast-check/ava';
import {keyOf} from '../../src/model/objects.ts';
import {createWorld, everythingTouched, reduce, type World} from '../../src/model/world.ts';
import {familyOf} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import {mergeEndpoints, servingBackends} from '../../src/plan/endpoints.ts';
import type {Frontend, FrontendKey} from '../../src/plan/frontend.ts';
import type {PlanOptions} from '../../src/plan/options.ts';
import type {Plan, PlanChange} from '../../src/plan/plan.ts';
import {Planner} from '../../src/plan/planner.ts';
import {thisNode} from '../support/builders.ts';
import {anyHistory} from '../support/clusters.ts';
import {buildOptions, podCidr} from './planned.ts';

const anyOptions: fc.Arbitrary<PlanOptions> = fc
	.record({
		detector: fc.constantFrom<PlanOptions['detector']>(
			{kind: 'none'},
			{kind: 'nodeCidr'},
			{kind: 'clusterCidr', cidrs: [podCidr]},
			{kind: 'bridgeInterface', name: 'cni0'},
		),
		masqueradeAll: fc.boolean(),
		nodePortAddresses: fc.constantFrom<PlanOptions['nodePortAddresses']>(
			[],
			['primary'],
			['all', 'localhost'],
			[parsePrefix('172.31.1.9/32')],
		),
		families: fc.constantFrom<PlanOptions['families']>(['IPv4', 'IPv6'], ['IPv4']),
	})
	.map((options) => buildOptions(options));

function fromNothing(world: World, options: PlanOptions): Plan {
	const planner = new Planner(options);
	planner.update(world, everythingTouched(world));
	return planner.plan;
}

function entries<K extends string | number, V>(map: ReadonlyMap<K, V>) {
	return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A plan as a value: maps in the order of their keys. */
function sorted({frontends, healthChecks, healthCheckAddresses, unserved, node}: Plan) {
	const maps = {frontends: entries(frontends), healthChecks: entries(healthChecks), unserved: entries(unserved)};
	return {...maps, healthCheckAddresses, node};
}

testProp(
	'whatever changes in whatever order, the plan is the one that is made from nothing',
	[anyHistory, anyOptions],
	(t, history, options) => {
		const world = createWorld();
		const planner = new Planner(options);
		for (const changes of history) {
			planner.update(world, reduce(world, changes));
		}

		t.deepEqual(sorted(planner.plan), sorted(fromNothing(world, options)));
	},
	{numRuns: 400},
);

testProp(
	'who copies only what a change names has the whole plan',
	[anyHistory, anyOptions],
	(t, history, options) => {
		const world = createWorld();
		const planner = new Planner(options);
		const copy = new Map<FrontendKey, Omit<Frontend, 'because'>>();
		const withoutReasons = ({because: _, ...frontend}: Frontend) => frontend;
		let [node, unserved, healthChecks, healthCheckAddresses] = [
			{...planner.plan.node},
			new Map(planner.plan.unserved),
			new Map(planner.plan.healthChecks),
			planner.plan.healthCheckAddresses,
		];
		const follow = (change: PlanChange) => {
			for (const key of change.touched) {
				const frontend = planner.plan.frontends.get(key);
				if (frontend === undefined) {
					copy.delete(key);
				} else {
					copy.set(key, withoutReasons(frontend));
				}
			}

			node = change.node ? {...planner.plan.node} : node;
			healthChecks = change.healthChecks ? new Map(planner.plan.healthChecks) : healthChecks;
			healthCheckAddresses = change.healthChecks ? planner.plan.healthCheckAddresses : healthCheckAddresses;
			unserved = new Map([
				...unserved,
				...[...change.unserved].map((key) => [key, planner.plan.unserved.get(key) ?? []] as const),
			]);
		};

		for (const changes of history) {
			for (const step of planner.steps(world, reduce(world, changes), 3)) {
				follow(step);
			}

			const frontends = [...planner.plan.frontends].map(([key, frontend]) => [key, withoutReasons(frontend)] as const);
			t.deepEqual(entries(copy), entries(new Map(frontends)));
			t.deepEqual(node, planner.plan.node);
			t.deepEqual(entries(healthChecks), entries(planner.plan.healthChecks));
			t.deepEqual(healthCheckAddresses, planner.plan.healthCheckAddresses);
			t.deepEqual(
				entries(unserved).filter(([, rows]) => rows.length > 0),
				entries(planner.plan.unserved),
			);
		}
	},
	{numRuns: 200},
);

/** What may answer a UDP frontend, straight from the world. */
function servingOf(world: World, {kind, service, address, target}: Frontend): readonly string[] {
	if (kind === 'hostPort') {
		const backends = target.kind === 'backends' ? target.backends : [];
		return backends.map((backend) => `${backend.address}:${backend.port}`);
	}

	const slices = world.slices.get(`${service.namespace}/${service.name}`) ?? [];
	const candidates = mergeEndpoints(slices, familyOf(address), {name: service.port, protocol: 'UDP'}, thisNode);
	return servingBackends(candidates).map((backend) => `${backend.address}:${backend.port}`);
}

testProp(
	'when stale flows are deleted as told, no UDP flow is left to a backend that does not serve its address',
	[anyHistory, anyOptions],
	(t, history, options) => {
		const world = createWorld();
		const planner = new Planner(options);
		const flows = new Map<FrontendKey, Set<string>>();
		t.is(planner.plan.frontends.size, 0);
		for (const changes of history) {
			const change = planner.update(world, reduce(world, changes));
			for (const {address, protocol, port, serving} of change.staleFlows) {
				const kept = new Set(serving.map((backend) => `${backend.address}:${backend.port}`));
				const key = `${address} ${protocol} ${port}`;
				flows.set(key, (flows.get(key) ?? new Set()).intersection(kept));
			}

			for (const [key, backends] of flows) {
				const frontend = planner.plan.frontends.get(key);
				t.deepEqual([...backends.difference(new Set(frontend ? servingOf(world, frontend) : []))], [], key);
			}

			for (const frontend of planner.plan.frontends.values()) {
				const targets = [frontend.target, frontend.local].flatMap((target) =>
					target?.kind === 'backends' ? target.backends : [],
				);
				if (frontend.protocol === 'UDP') {
					// Ready is not serving: a backend may be chosen that does not serve, and its flows then do not last.
					const opened = targets.map(({address, port}) => `${address}:${port}`);
					flows.set(
						frontend.key,
						new Set([...(flows.get(frontend.key) ?? []), ...opened]).intersection(new Set(servingOf(world, frontend))),
					);
				}
			}
		}
	},
	{numRuns: 200},
);

testProp(
	'the same changes again, and in any order that keeps the last word on each object, change nothing',
	[anyHistory, fc.array(fc.nat())],
	(t, history, shuffle) => {
		const options = buildOptions();
		const world = createWorld();
		const planner = new Planner(options);
		const last = new Map(
			history
				.flat()
				.map((change) => [
					change.verb === 'put'
						? `${change.object.kind} ${keyOf(change.object)}`
						: change.verb === 'delete'
							? `${change.kind} ${change.key}`
							: '',
					change,
				]),
		);
		const changes = [...last.values()];
		planner.update(world, reduce(world, changes));
		const before = structuredClone(sorted(planner.plan));
		t.is(planner.update(world, reduce(world, changes)).touched.size, 0);

		const other = createWorld();
		const shuffled = changes.map((change, index) => [shuffle[index % (shuffle.length || 1)] ?? 0, change] as const);
		reduce(
			other,
			shuffled.toSorted(([a], [b]) => a - b).map(([, change]) => change),
		);
		t.deepEqual(sorted(fromNothing(other, options)), before);
	},
	{numRuns: 200},
);
