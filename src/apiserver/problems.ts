import type {NetError} from '../errors.ts';
import {isSame} from '../model/same.ts';

/** Who hears of problems: each is told once when it appears, and once, as the same value, when it is mended. */
export type ProblemListener = {
	readonly report?: (problem: NetError) => void;
	readonly resolved?: (problem: NetError) => void;
	/** Something that is skipped or done anew, and needs nobody: one line for the log. */
	readonly warn?: (warning: string) => void;
};

/**
 * What is wrong just now, place by place: an object, a kind, the API server. One problem may be in several places (an
 * API server that is away breaks every watch) and is told once.
 */
export class Problems {
	readonly #listener: ProblemListener;
	readonly #places = new Map<string, NetError>();

	constructor(listener: ProblemListener) {
		this.#listener = listener;
	}

	/** From now on this is what is wrong at `place`. */
	set(place: string, problem: NetError): void {
		const known = [...this.#places.values()].find((other) => isEqual(other, problem));
		const before = this.#places.get(place);
		if (before !== undefined && before === known) {
			return;
		}

		this.#places.set(place, known ?? problem);
		if (known === undefined) {
			this.#listener.report?.(problem);
		}

		this.#tellMended(before);
	}

	/** Nothing is wrong at `place` any more. */
	clear(place: string): void {
		const before = this.#places.get(place);
		this.#places.delete(place);
		this.#tellMended(before);
	}

	#tellMended(problem: NetError | undefined): void {
		if (problem !== undefined && ![...this.#places.values()].includes(problem)) {
			this.#listener.resolved?.(problem);
		}
	}
}

function isEqual(a: NetError, b: NetError): boolean {
	return a.code === b.code && a.message === b.message && isSame(a.details['object'], b.details['object']);
}
