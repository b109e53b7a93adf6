import {join} from 'node:path';
import test from 'ava';
import {dump} from 'js-yaml';
import {golden} from './lab/golden.ts';
import {judge} from './lab/judge.ts';
import {allPolicies, clusterObjects, type MatrixService, matrixObjects, matrixTable} from './lab/matrix.ts';
import {type Location, locations, type Policies} from './lab/oracle.ts';
import {packetsOf, parsePackets, printPackets} from './lab/packets.ts';
import {Pipeline, readList} from './lab/pipeline.ts';
import {decideByPlan} from './lab/plan-judge.ts';
import {readScenarios, scenarioFolder} from './lab/scenario.ts';
import {everyTransition} from './lab/transitions.ts';

const scenarios = readScenarios();

for (const policies of allPolicies) {
	const name = matrixName(policies);
	test(`the folder ${name} says what kube-proxy does for every place of the endpoints and kind of client`, (t) => {
		const services = matrixServices(policies);
		const objects = [...clusterObjects(), ...services.flatMap(matrixObjects)];
		golden(t, join(scenarioFolder, name, 'objects.yaml'), printObjects(objects));
		golden(t, join(scenarioFolder, name, 'packets.txt'), printPackets(services.map(matrixTable)));
	});
}

test('there are scenarios, and their tables read back as they are written', (t) => {
	t.true(scenarios.length >= 4, `only ${scenarios.length} scenarios found`);
	for (const {name, tables} of scenarios) {
		t.true(tables.flatMap(packetsOf).length > 0, `${name} has no packet`);
		t.deepEqual(parsePackets(printPackets(tables)), tables, name);
	}
});

for (const {name, flags, objectsPath, tables} of scenarios) {
	test(`${name}: the plan sends each packet where its table says`, (t) => {
		const pipeline = new Pipeline(flags);
		pipeline.put(readList(objectsPath));
		t.deepEqual(
			judge(tables, (packet) => decideByPlan(pipeline.plan, packet)),
			[],
		);
	});
}

test('after a change from any state of a Service to any other, the plan is the one of the new state', (t) => {
	const pipeline = new Pipeline(new Map([['cluster-cidr', '10.128.0.0/16,fd00:128::/48']]));
	pipeline.put(clusterObjects());
	for (const [step, state] of everyTransition().entries()) {
		const service = {...state, name: 'web', index: 1};
		pipeline.put(matrixObjects(service));
		const surprises = judge([matrixTable(service)], (packet) => decideByPlan(pipeline.plan, packet));
		t.deepEqual(surprises, [], `step ${step}: ${JSON.stringify(state)}`);
	}
});

function matrixName({internal, external}: Policies): string {
	return `internal-${internal.toLowerCase()}-external-${external.toLowerCase()}`;
}

function matrixServices(policies: Policies): MatrixService[] {
	const places = Object.keys(locations) as Location[]; // the keys of a literal
	return places.map((location, at) => ({...policies, location, name: location, index: at + 1}));
}

/** As `kubectl get services,endpointslices,nodes,servicecidrs -A -o yaml` prints a list: keys in order of the alphabet. */
function printObjects(items: readonly unknown[]): string {
	return dump(
		{apiVersion: 'v1', items, kind: 'List', metadata: {resourceVersion: ''}},
		{
			sortKeys: true,
			seqNoIndent: true,
			quoteStyle: 'double',
		},
	);
}
