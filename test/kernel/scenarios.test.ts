import anyTest from 'ava';
import {askLab} from '../lab/ask.ts';
import {clusterObjects, matrixObjects, matrixTable} from '../lab/matrix.ts';
import {NodeUnderTest} from '../lab/node-under-test.ts';
import {readList} from '../lab/pipeline.ts';
import {readScenarios} from '../lab/scenario.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {everyTransition} from '../lab/transitions.ts';

const test = anyTest.serial; // one node, one set of rules
let lab: Lab;
let node: NodeUnderTest;
test.before(async () => {
	lab = await buildLab();
	node = new NodeUnderTest(lab.hosts.n1);
});
test.after.always(async () => {
	await node.end();
	await lab.end();
});

for (const {name, flags, objectsPath, tables} of readScenarios()) {
	test(`${name}: real packets go where the table says`, async (t) => {
		await node.sync(flags, readList(objectsPath));
		t.deepEqual(await askLab(lab, tables), []);
	});
}

/** So many Services change their state at one time, each on its own part of the way through all transitions. */
const lanes = 28;

test('after a change from any state of a Service to any other, real packets find the new state and no rest of the old', async (t) => {
	t.timeout(180_000);
	const way = everyTransition();
	const length = Math.ceil(way.length / lanes);
	await node.sync(new Map([['cluster-cidr', '10.128.0.0/16,fd00:128::/48']]), clusterObjects());
	for (let step = 0; step <= length; step++) {
		const services = Array.from({length: lanes}, (_, lane) => {
			const state = way[Math.min(lane * length + step, way.length - 1)];
			return state === undefined ? [] : [{...state, name: `web-${lane}`, index: lane + 1}];
		}).flat();
		await node.put(services.flatMap(matrixObjects));
		t.deepEqual(await askLab(lab, services.map(matrixTable)), [], `step ${step}`);
	}
});
