import test from 'ava';
import {printPlan} from '../../src/dataplane/nftables/nftables.ts';
import {fullOps, type Rules, rulesOf} from '../../src/dataplane/nftables/rules.ts';
import {type Fate, walk} from '../../src/dataplane/nftables/walk.ts';
import {families, familyOf} from '../../src/net/address.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {golden} from '../lab/golden.ts';
import {type Decision, type FirstPacket, judge} from '../lab/judge.ts';
import {clusterObjects, matrixObjects, matrixTable} from '../lab/matrix.ts';
import {Pipeline, readList} from '../lab/pipeline.ts';
import {readScenarios} from '../lab/scenario.ts';
import {everyTransition} from '../lab/transitions.ts';

function decideByRules({frontends, node}: Plan): (packet: FirstPacket) => Decision {
	const tables = families.map((family): Rules => rulesOf(fullOps(frontends.values(), node, family), family));
	return (packet) => {
		const [rules] = tables.filter(({family}) => family === familyOf(packet.destination));
		return rules === undefined ? {kind: 'pass'} : decision(walk(rules, packet).fate);
	};
}

function decision(fate: Fate): Decision {
	switch (fate.kind) {
		case 'refused':
			return {kind: 'refuse'};
		case 'dropped':
			return {kind: 'drop'};
		case 'passed':
			return {kind: 'pass'};
		case 'answered':
			return {kind: 'echo'};
		case 'backends': {
			const backends = fate.backends.map(({masqueraded, ...slot}) => ({...slot, masquerade: masqueraded}));
			return fate.lost === 0 ? {kind: 'backends', backends, kept: fate.kept} : {kind: 'drop'};
		}
	}
}

for (const {name, flags, objectsPath, rulesetPath, tables} of readScenarios()) {
	test(`${name}: the rules send each packet where its table says, and are those of the golden file`, (t) => {
		const pipeline = new Pipeline(flags);
		pipeline.put(readList(objectsPath));
		t.deepEqual(judge(tables, decideByRules(pipeline.plan)), []);
		golden(t, rulesetPath, printPlan(pipeline.plan));
	});
}

test('in every state of a Service the rules send packets where it says', (t) => {
	const pipeline = new Pipeline(new Map([['cluster-cidr', '10.128.0.0/16,fd00:128::/48']]));
	pipeline.put(clusterObjects());
	const states = new Map(everyTransition().map((state) => [JSON.stringify(state), state]));
	t.true(states.size >= 28);
	for (const [name, state] of states) {
		const service = {...state, name: 'web', index: 1};
		pipeline.put(matrixObjects(service));
		t.deepEqual(judge([matrixTable(service)], decideByRules(pipeline.plan)), [], name);
	}
});
