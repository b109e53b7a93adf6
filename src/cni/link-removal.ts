import type {After} from '../control/connection.ts';
import type {Netns} from '../kernel/netns.ts';
import {type RouteRequest, Rtnetlink, routeRequest} from '../kernel/route.ts';
import {rtnetlink} from '../wire/rtnetlink.ts';
import {refusedRequest} from './link-reading.ts';
import {removalGroup} from './node-end.ts';

/** Removing one link takes the kernel 20 ms, a hundred together as long: a little patience gathers those of a burst. */
const gatherMs = 5;

/** What the kernel did not remove is tried again after so long. */
const againMs = 1000;

/**
 * Removes marked links by group, on another thread, a moment after {@link soon}. While the kernel is at it the next
 * ones gather. What is not there any more is no error: a link goes with the namespace of its pod too.
 */
export class LinkRemoval {
	readonly #door: Rtnetlink;
	readonly #after: After;
	/** The removal that has not begun, so that what is marked now is part of it. */
	#next: Promise<void> | undefined;
	#last: Promise<void> = Promise.resolve();
	/** Ends the wait before {@link #next} begins. */
	#endWait: (() => void) | undefined;
	#closed = false;

	constructor(netns: Netns | undefined, after: After) {
		this.#door = new Rtnetlink({netns});
		this.#after = after;
	}

	/** Has all links that are marked by then removed in a moment. */
	soon(): void {
		if (this.#next === undefined && !this.#closed) {
			const next = this.#removeBehind(this.#last);
			next.catch(() => undefined); // whoever asks whether all is settled is told
			this.#next = next;
			this.#last = next;
		}
	}

	/**
	 * Resolves when what {@link soon} was called for is gone.
	 *
	 * @throws NetError CNI_KERNEL when the kernel does not remove them
	 */
	async settled(): Promise<void> {
		await this.#last;
	}

	/** Links that are marked stay; the next daemon removes them. */
	close(): void {
		this.#closed = true;
		this.#endWait?.();
		this.#door.close();
	}

	async #removeBehind(previous: Promise<void>): Promise<void> {
		await this.#wait();
		await previous.catch(() => undefined);
		this.#next = undefined; // what is marked from here on may come too late
		if (!this.#closed) {
			await this.#remove().catch((error: unknown) => {
				this.#after(againMs, () => this.soon());
				throw error;
			});
		}
	}

	async #wait(): Promise<void> {
		const {promise, resolve} = Promise.withResolvers<void>();
		const cancel = this.#after(gatherMs, resolve);
		this.#endWait = () => {
			cancel();
			resolve();
		};
		await promise;
	}

	async #remove(): Promise<void> {
		const {refusals} = await this.#door.runAside([removalRequest()]);
		const refusal = refusals.find(({errno}) => errno !== 'ENODEV' && errno !== 'ESRCH');
		if (refusal !== undefined) {
			throw refusedRequest(refusal);
		}
	}
}

function removalRequest(): RouteRequest {
	const {delete: type, layout} = rtnetlink.link;
	return routeRequest('remove links', type, 0, layout, {group: removalGroup});
}
