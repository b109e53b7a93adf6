import {fc, testProp} from '@fast-check/ava';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import {createWorld, reduce} from '../../src/model/world.ts';
import {families} from '../../src/net/address.ts';
import {Planner} from '../../src/plan/planner.ts';
import {buildOptions} from '../plan/planned.ts';
import {anyHistory} from '../support/clusters.ts';
import {buildPlan} from '../support/frontends.ts';
import {anyStickyPlans, touchedBetween} from '../support/sticky-plans.ts';
import {tableText} from '../support/table-text.ts';

const {signal} = new AbortController();

testProp.serial(
	'whatever changes in whatever order, the real kernel has what a sync from nothing gives, in both forms of the table',
	[anyHistory, fc.constantFrom('owned' as const, 'guarded' as const), fc.boolean()],
	async (t, history, form, masqueradeAll) => {
		const world = createWorld();
		const planner = new Planner(buildOptions({masqueradeAll}));
		using reader = new Nftables();
		const texts = async () => await Promise.all(families.map(async (family) => await tableText(reader, family)));
		const dataplane = new NftablesDataplane({kernel: new Nftables(), form});
		try {
			await dataplane.sync(planner.plan, true, signal);
			for (const changes of history) {
				const {refused} = await dataplane.update(planner.plan, planner.update(world, reduce(world, changes)), signal);
				t.deepEqual(refused, []);
			}

			const walked = await texts();
			t.is((await dataplane.sync(planner.plan, true, signal)).operations, 0);
			await dataplane.cleanup();
			t.deepEqual(await texts(), ['no table', 'no table']);
			await dataplane.sync(planner.plan, true, signal);
			t.deepEqual(walked, await texts());
		} finally {
			await dataplane.cleanup();
			dataplane.close();
		}
	},
	{numRuns: 30},
);

testProp.serial(
	'whatever becomes of Services whose clients keep their backend, the real kernel has what a sync from nothing gives',
	[anyStickyPlans, fc.constantFrom('owned' as const, 'guarded' as const)],
	async (t, plans, form) => {
		using reader = new Nftables();
		const texts = async () => await Promise.all(families.map(async (family) => await tableText(reader, family)));
		const dataplane = new NftablesDataplane({kernel: new Nftables(), form});
		try {
			let before = buildPlan([]);
			await dataplane.sync(before, true, signal);
			for (const plan of plans) {
				const touched = touchedBetween(before, plan);
				const change = {touched, node: false, healthChecks: false, unserved: new Set<string>(), staleFlows: []};
				t.deepEqual((await dataplane.update(plan, change, signal)).refused, []);
				before = plan;
			}

			const walked = await texts();
			t.deepEqual(await dataplane.sync(before, true, signal), {operations: 0, refused: []});
			await dataplane.cleanup();
			await dataplane.sync(before, true, signal);
			t.deepEqual(walked, await texts());
		} finally {
			await dataplane.cleanup();
			dataplane.close();
		}
	},
	{numRuns: 30},
);
