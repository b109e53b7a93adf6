import {testProp} from '@fast-check/ava';
import test from 'ava';
import {Tally} from '../../src/daemon/tally.ts';
import type {Takes} from '../../src/dataplane/dataplane.ts';
import {createWorld, reduce} from '../../src/model/world.ts';
import type {Frontend} from '../../src/plan/frontend.ts';
import {Planner} from '../../src/plan/planner.ts';
import {buildOptions, planOf} from '../plan/planned.ts';
import {
	buildEndpoint,
	buildLocalEndpoint,
	buildNode,
	buildPort,
	buildService,
	buildSlice,
} from '../support/builders.ts';
import {anyHistory} from '../support/clusters.ts';

/** A dataplane that lacks session affinity, and anything for port 30080. */
function takes({affinityTimeoutSeconds, port}: Frontend): Takes {
	if (port === 30_080) {
		return {kind: 'no', because: 'a test says so'};
	}

	return affinityTimeoutSeconds === undefined ? {kind: 'whole'} : {kind: 'partly', missing: ['session affinity']};
}

const groups = ['internal IPv4', 'internal IPv6', 'external IPv4', 'external IPv6', 'dataplane'] as const;

function counts(tally: Tally) {
	return [tally.endpoints, ...groups.map((group) => tally.size(group))];
}

function count(objects: Parameters<typeof planOf>[0]) {
	const tally = new Tally(takes);
	tally.follow(planOf(objects), undefined);
	return counts(tally);
}

test('endpoints are counted at cluster IPs alone, once for each port and family', (t) => {
	const service = buildService('shop/web', {type: 'NodePort', ports: [buildPort({nodePort: 30_081})]});
	const slice = buildSlice('shop/web', [buildEndpoint('10.129.0.1'), buildLocalEndpoint('10.128.0.1')]);
	t.deepEqual(count([buildNode(), service, slice]), [2, 0, 0, 0, 0, 0]);
});

test('a service port whose policy leaves it without an endpoint here is counted once, whatever its addresses', (t) => {
	const slice = buildSlice('shop/web', [buildEndpoint('10.129.0.1')]);
	const parts = {type: 'NodePort', ports: [buildPort({nodePort: 30_081})], externalIps: ['192.0.2.1']} as const;
	t.deepEqual(count([buildNode(), buildService('shop/web', {...parts, externalTrafficPolicy: 'Local'}), slice]), [
		...[1, 0, 0, 1, 0, 0],
	]);
	t.deepEqual(count([buildService('shop/web', {internalTrafficPolicy: 'Local'}), slice]), [0, 1, 0, 0, 0, 0]);
	t.deepEqual(
		count([buildService('shop/web', {internalTrafficPolicy: 'Local'})]),
		[0, 0, 0, 0, 0, 0],
		'nobody answers anywhere: that is no matter of policy',
	);
});

test('a Service that the dataplane does not serve whole is counted once', (t) => {
	const ports = [buildPort({nodePort: 30_080}), buildPort({name: 'other', port: 81})];
	const service = buildService('shop/web', {type: 'NodePort', ports, affinityTimeoutSeconds: 60});
	t.is(count([buildNode(), service]).at(-1), 1);
});

testProp(
	'after any history the counts are those that are made from nothing',
	[anyHistory],
	(t, history) => {
		const world = createWorld();
		const planner = new Planner(buildOptions());
		const tally = new Tally(takes);
		for (const changes of history) {
			tally.follow(planner.plan, planner.update(world, reduce(world, changes)));
		}

		const fresh = new Tally(takes);
		fresh.follow(planner.plan, undefined);
		t.deepEqual(counts(tally), counts(fresh));
		tally.follow(planner.plan, undefined);
		t.deepEqual(counts(tally), counts(fresh), 'and a full sync counts the same');
	},
	{numRuns: 200},
);
