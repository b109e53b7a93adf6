import {setImmediate} from 'node:timers/promises';
import type {Family} from '../../net/address.ts';
import type {FrontendKey} from '../../plan/frontend.ts';
import type {Outcome, Refusal} from '../dataplane.ts';
import {Batch, operationsMax} from './batch.ts';
import {type Shared, surplusSlots} from './diff.ts';
import {type Door, sendAll} from './door.ts';
import type {Held, Op} from './ruleset.ts';
import {Sending, type Sent} from './send.ts';

/** What calls did, added up. */
export class Sum implements Outcome {
	operations = 0;
	readonly refused: Refusal[] = [];
	/** Whether the table is not what it was thought to be. */
	mismatch = false;
	/** Tables that had to be made anew, and why. */
	readonly rebuilt: string[] = [];
}

/** What the kernel has by frontend key, and of the things that frontends share. */
type Known = {readonly held: Map<FrontendKey, Held>; readonly shared: Shared};

/**
 * Sends differences in transactions of a bounded size, and keeps what is known in step. While the kernel works one
 * off, the next one is encoded.
 */
export class Sender {
	readonly #door: Door;
	readonly #family: Family;
	readonly #known: Known;
	readonly #sum: Sum;
	readonly #signal: AbortSignal;
	#batch = new Batch();
	#onItsWay: Promise<void> | undefined;
	/** Deletions that wait for what was sent to be in the kernel. */
	#surplus: Op[] = [];

	constructor(door: Door, family: Family, known: Known, sum: Sum, signal: AbortSignal) {
		[this.#door, this.#family, this.#known, this.#sum, this.#signal] = [door, family, known, sum, signal];
	}

	/** Whether what was added is enough for a transaction now: call {@link flush} then. */
	add(...difference: Parameters<Batch['add']>): boolean {
		this.#batch.add(...difference);
		return this.#batch.isFull;
	}

	/** Sends what was added, and returns while it is on its way. */
	async flush(): Promise<void> {
		await this.#send();
		if (this.#surplus.length >= operationsMax) {
			await this.#onItsWay;
			await this.#removeSurplus();
		}

		await setImmediate(); // where there was nothing to send too, others get their turn
		this.#signal.throwIfAborted();
	}

	/** Sends what is left, and waits until all of it is in the kernel. */
	async end(): Promise<void> {
		if (this.#batch.differences.length > 0) {
			await this.#send();
		}

		await this.#onItsWay;
		await this.#removeSurplus();
	}

	async #removeSurplus(): Promise<void> {
		const ops = this.#surplus;
		this.#surplus = [];
		if (ops.length > 0 && (await sendAll(this.#door, ops)).length > 0) {
			this.#sum.mismatch = true;
		} else {
			this.#sum.operations += ops.length;
		}
	}

	/** Returns when the batch is on its way. */
	async #send(): Promise<void> {
		const sending = new Sending(this.#door, this.#family, this.#known.shared, this.#batch.differences);
		this.#batch = new Batch();
		await this.#onItsWay;
		this.#onItsWay = sending.send().then((sent) => this.#note(sent));
		this.#onItsWay.catch(() => undefined); // thrown by whoever waits for it
	}

	#note({operations, taken, refused, mismatch}: Sent): void {
		this.#sum.operations += operations;
		this.#sum.refused.push(...refused);
		this.#sum.mismatch ||= mismatch;
		for (const difference of taken) {
			const {key, after} = difference;
			this.#surplus.push(...surplusSlots(difference));
			if (after === undefined) {
				this.#known.held.delete(key);
			} else {
				this.#known.held.set(key, after);
			}
		}
	}
}
