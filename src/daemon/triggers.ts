import {type EndpointSlice, type ObjectKey, serviceKey} from '../model/objects.ts';
import type {Trigger} from './follower.ts';

/** While no commit succeeds, so many wait at most: what came first counts. */
const mostPending = 10_000;

/**
 * When what no commit carried yet had been brought about. Nothing of what was read before the first commit: it happened
 * before anybody was there to see it. Source: kube-proxy, EndpointsChangeTracker.
 */
export class Triggers {
	/** By Service; undefined until the first commit. */
	#pending: Map<ObjectKey, Trigger[]> | undefined;
	#count = 0;

	/** A slice changed because of what happened then. Milliseconds since 1970. */
	note({namespace, service, family}: EndpointSlice, at: number): void {
		if (this.#pending === undefined || this.#count >= mostPending) {
			return;
		}

		const key = serviceKey(namespace, service);
		const waiting = this.#pending.get(key) ?? [];
		waiting.push({family, at});
		this.#pending.set(key, waiting);
		this.#count++;
	}

	/** A slice went: when that was brought about is not known, and what waits of its Service would measure it. */
	forget({namespace, service}: EndpointSlice): void {
		const key = serviceKey(namespace, service);
		this.#count -= this.#pending?.get(key)?.length ?? 0;
		this.#pending?.delete(key);
	}

	/** All of it, for the commit that carries it. */
	take(): readonly Trigger[] {
		const taken = [...(this.#pending?.values() ?? [])].flat();
		this.#pending = new Map();
		this.#count = 0;
		return taken;
	}
}
