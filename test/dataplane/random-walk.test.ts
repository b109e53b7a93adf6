import {fc, testProp} from '@fast-check/ava';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {createWorld, reduce} from '../../src/model/world.ts';
import {families} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import type {PlanOptions} from '../../src/plan/options.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {Planner} from '../../src/plan/planner.ts';
import {buildOptions, podCidr} from '../plan/planned.ts';
import {anyHistory} from '../support/clusters.ts';
import {FakeNftables} from '../support/fake-nftables.ts';
import {buildPlan} from '../support/frontends.ts';
import {anyStickyPlans, touchedBetween} from '../support/sticky-plans.ts';
import {tableText} from '../support/table-text.ts';

const {signal} = new AbortController();

const anyDetector = fc.constantFrom<PlanOptions['detector']>(
	{kind: 'none'},
	{kind: 'nodeCidr'},
	{kind: 'clusterCidr', cidrs: [podCidr]},
	{kind: 'bridgeInterface', name: 'cni0'},
);

const anyPodMasquerade = fc.constantFrom<PlanOptions['podMasquerade']>(
	undefined,
	{except: []},
	{except: [parsePrefix('10.0.0.0/8'), parsePrefix('fd00::/8')]},
);

async function texts(kernel: FakeNftables): Promise<readonly string[]> {
	return await Promise.all(families.map(async (family) => await tableText(kernel, family)));
}

async function fromNothing(plan: Plan): Promise<readonly string[]> {
	const kernel = new FakeNftables();
	await new NftablesDataplane({kernel}).sync(plan, true, signal);
	return await texts(kernel);
}

testProp(
	'whatever changes in whatever order, the kernel has what a sync from nothing gives, and a resync sends nothing',
	[anyHistory, anyDetector, fc.boolean(), anyPodMasquerade],
	async (t, history, detector, masqueradeAll, podMasquerade) => {
		const world = createWorld();
		const planner = new Planner(buildOptions({detector, masqueradeAll, podMasquerade}));
		const kernel = new FakeNftables();
		const dataplane = new NftablesDataplane({kernel});
		await dataplane.sync(planner.plan, true, signal);
		for (const changes of history) {
			const {refused} = await dataplane.update(planner.plan, planner.update(world, reduce(world, changes)), signal);
			t.deepEqual(refused, []);
		}

		const wanted = await fromNothing(planner.plan);
		t.deepEqual(await texts(kernel), wanted);
		const resync = await new NftablesDataplane({kernel}).sync(planner.plan, true, signal);
		t.deepEqual(await texts(kernel), wanted);
		t.deepEqual(resync.refused, []);
		t.is((await new NftablesDataplane({kernel}).sync(planner.plan, true, signal)).operations, 0);
	},
	{numRuns: 15},
);

testProp(
	'from the table of any plan, a sync makes that of any other',
	[anyHistory, anyHistory, anyPodMasquerade, anyPodMasquerade],
	async (t, before, after, ...podMasquerades) => {
		const kernel = new FakeNftables();
		const plans = [before, after].map((history, index) => {
			const world = createWorld();
			const planner = new Planner(buildOptions({podMasquerade: podMasquerades[index]}));
			planner.update(world, reduce(world, history.flat()));
			return planner.plan;
		});
		for (const plan of plans) {
			const dataplane = new NftablesDataplane({kernel});
			t.deepEqual((await dataplane.sync(plan, true, signal)).refused, []);
			t.deepEqual(await texts(kernel), await fromNothing(plan));
		}
	},
	{numRuns: 15},
);

testProp(
	'whatever becomes of Services whose clients keep their backend, the kernel has what a sync from nothing gives',
	[anyStickyPlans],
	async (t, plans) => {
		const kernel = new FakeNftables();
		const dataplane = new NftablesDataplane({kernel});
		let before = buildPlan([]);
		await dataplane.sync(before, true, signal);
		for (const plan of plans) {
			const touched = touchedBetween(before, plan);
			const change = {touched, node: false, healthChecks: false, unserved: new Set<string>(), staleFlows: []};
			t.deepEqual((await dataplane.update(plan, change, signal)).refused, []);
			const wanted = await fromNothing(plan);
			t.deepEqual(await texts(kernel), wanted);
			t.false(wanted.join('\n').includes('ids shared true') || / ids .* false$/m.test(wanted.join('\n')));
			t.is((await new NftablesDataplane({kernel}).sync(plan, true, signal)).operations, 0);
			before = plan;
		}
	},
	{numRuns: 12},
);
