import {allStates} from './matrix.ts';
import type {State} from './oracle.ts';

/**
 * States of the matrix, each differing from the one before, in an order in which every state comes right after
 * every other one: there and back for each pair, 784 states in all.
 */
export function everyTransition(): State[] {
	return allStates.flatMap((from, index) => [from, ...allStates.slice(index + 1).flatMap((to) => [to, from])]);
}
