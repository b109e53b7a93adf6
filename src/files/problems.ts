import {NetError} from '../errors.ts';
import type {Fault} from './reading.ts';

/** Who hears of problems: each is told once when it appears, and once, as the same value, when it is mended. */
export type ProblemListener = {
	/** Details name what is known of: file, document, item, object, field, line, column, other (the other file). */
	readonly report?: (problem: NetError) => void;
	readonly resolved?: (problem: NetError) => void;
	/** Something inside an object of `file` that is skipped, as kube-proxy skips it. */
	readonly warn?: (warning: string, file: string) => void;
};

/** What is wrong just now, place by place; a place is a path and what is looked at there. */
export class Problems {
	readonly #listener: ProblemListener;
	readonly #places = new Map<string, ReadonlyMap<string, NetError>>();

	constructor(listener: ProblemListener) {
		this.#listener = listener;
	}

	/** From now on these, and no others, are the faults of `place`. */
	set(place: string, faults: readonly Fault[]): void {
		const before = this.#places.get(place);
		const now = new Map<string, NetError>();
		for (const {key, code, message, details} of faults) {
			now.set(key, before?.get(key) ?? new NetError(code, message, details));
		}

		if (now.size === 0) {
			this.#places.delete(place);
		} else {
			this.#places.set(place, now);
		}

		this.#tell(before, now);
	}

	/** Places with problems, such as those that start with `kind`. */
	places(kind: string): readonly string[] {
		return [...this.#places.keys()].filter((place) => place.startsWith(kind));
	}

	#tell(before: ReadonlyMap<string, NetError> | undefined, now: ReadonlyMap<string, NetError>): void {
		for (const [key, problem] of now) {
			if (before?.has(key) !== true) {
				this.#listener.report?.(problem);
			}
		}

		for (const [key, problem] of before ?? []) {
			if (!now.has(key)) {
				this.#listener.resolved?.(problem);
			}
		}
	}
}
