import {type Action, chainOf, isBalance, isFinal, verdictOf} from './actions.ts';
import type {Chain, Element, Op} from './ruleset.ts';

/** Makes a chain and fills it. One that is there already, but empty, is as good. */
export function addChain({name, hook, rules}: Chain): Op[] {
	return [{verb: 'add', kind: 'chain', name, hook}, ...rules.map((rule) => addRule(name, rule))];
}

/** Empties a chain that is there and fills it: rules are only ever added at the end. */
export function refillChain({name, rules}: Chain): Op[] {
	return [{verb: 'flush', kind: 'chain', name}, ...rules.map((rule) => addRule(name, rule))];
}

function addRule(chain: string, rule: Chain['rules'][number]): Op {
	return {verb: 'add', kind: 'rule', chain, rule};
}

/** What makes `action` one that a frontend can name: the chain of a balancing one, then the elements that lead to it. */
export function addAction(action: Action): Op[] {
	const elements = elementsOf(action).map((element): Op => ({verb: 'add', kind: 'element', ...element}));
	return isBalance(action) ? [...addChain(chainOf(action)), ...elements] : elements;
}

/** Takes balancing actions away again; their chains stay, empty. See {@link removeChains}. */
export function removeActions(actions: readonly Action[]): Op[] {
	return actions.flatMap((action) => [
		...elementsOf(action).map((element): Op => ({verb: 'delete', kind: 'element', ...element})),
		{verb: 'flush', kind: 'chain', name: chainOf(action).name},
	]);
}

/**
 * Deletes chains that nothing names any more. A transaction of its own, behind the one that took the last reference:
 * kernels before 6.2 count an element's reference until some time after the commit, and say EBUSY meanwhile.
 */
export function removeChains(names: readonly string[]): Op[] {
	return names.map((name) => ({verb: 'delete', kind: 'chain', name}));
}

/** The elements that lead to an action: `services` may name any, a policy only one that ends there. */
export function elementsOf(action: Action): Element[] {
	const verdict = verdictOf(action);
	if (verdict === undefined) {
		return [];
	}

	const all: Element[] = [{set: 'verdicts', action, verdict}];
	return isFinal(action) ? [...all, {set: 'policy-verdicts', action, verdict}] : all;
}
