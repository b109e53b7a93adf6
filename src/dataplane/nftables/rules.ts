import type {Family} from '../../net/address.ts';
import {familyOf} from '../../net/address.ts';
import type {Frontend} from '../../plan/frontend.ts';
import type {NodePlan} from '../../plan/plan.ts';
import {BackendIds} from './backend-ids.ts';
import {compileBase} from './base.ts';
import {compile} from './compile.ts';
import {diff, diffShared, sharedDelta, sharedTurnover} from './diff.ts';
import {printKey} from './print.ts';
import {References} from './references.ts';
import {build} from './repair.ts';
import type {Chain, Element, Op, SetName} from './ruleset.ts';

/** A table as a value: what the kernel has after some operations. Elements are found by their printed keys. */
export type Rules = {
	readonly family: Family;
	readonly chains: Map<string, Chain>;
	readonly sets: Map<SetName, Map<string, Element>>;
};

/** All that is sent to an empty kernel for these frontends and this node; frontends of the other family are left out. */
export function fullOps(frontends: Iterable<Frontend>, node: NodePlan, family: Family): Op[] {
	const shared = {
		clusterIps: new References<never>(),
		hairpins: new References<never>(),
		balances: new References<never>(),
		keepUnused: true,
	};
	const ids = new BackendIds();
	const differences = [...frontends]
		.filter(({address}) => familyOf(address) === family)
		.map((frontend) => ({key: frontend.key, before: undefined, after: compile(frontend, ids)}));
	const {before, after} = build(compileBase(node, family));
	const turnover = sharedTurnover(shared, sharedDelta(differences));
	const all = [...before, ...diffShared(turnover), ...diff(differences), ...after];
	return [{verb: 'add', kind: 'table', owned: false}, ...all];
}

/** The table that `ops` leave behind where there was none. */
export function rulesOf(ops: Iterable<Op>, family: Family): Rules {
	const rules: Rules = {family, chains: new Map(), sets: new Map()};
	for (const op of ops) {
		applyOp(rules, op);
	}

	return rules;
}

/** Does to the table what the kernel does, without asking whether it would. */
function applyOp(rules: Rules, op: Op): void {
	switch (op.kind) {
		case 'table':
			if (op.verb === 'delete') {
				rules.chains.clear();
				rules.sets.clear();
			}

			return;
		case 'set':
			rules.sets.set(op.verb === 'add' ? op.spec.name : op.name, new Map());
			return;
		case 'chain':
			applyChain(rules, op);
			return;
		case 'rule': {
			const chain = rules.chains.get(op.chain);
			if (chain !== undefined) {
				rules.chains.set(op.chain, {...chain, rules: [...chain.rules, op.rule]});
			}

			return;
		}
		case 'element':
			applyElement(rules, op.verb, op);
			return;
		case 'foreignSet':
		case 'foreignElement':
			return; // a table that we made has none
	}
}

function applyChain(rules: Rules, {verb, name, hook}: Extract<Op, {readonly kind: 'chain'}>): void {
	const chain = rules.chains.get(name);
	if (verb === 'delete') {
		rules.chains.delete(name);
	} else if (verb === 'flush') {
		rules.chains.set(name, {...(chain ?? {name}), rules: []});
	} else {
		rules.chains.set(name, {name, ...(hook && {hook}), rules: []});
	}
}

function applyElement(rules: Rules, verb: 'add' | 'delete', element: Element): void {
	const set = rules.sets.get(element.set);
	if (verb === 'add') {
		set?.set(printKey(element), element);
	} else {
		set?.delete(printKey(element));
	}
}
