import type {Refusal} from '../dataplane/dataplane.ts';
import type {Change} from '../model/change.ts';
import {keyOf, type ObjectKey, serviceKey} from '../model/objects.ts';
import type {Logger} from '../observe/log.ts';
import {asNetError} from './bug.ts';
import type {Cluster} from './cluster.ts';
import type {Mail, Receipt} from './inbox.ts';

type Known = Pick<Cluster, 'bearsOnPlan' | 'ownersOf'>;

const inForce: Receipt = {kind: 'inForce'};

/**
 * Tells who waits for it what became of their mail, each once: when the first commit that carried it is acknowledged,
 * or when there was nothing to commit. What bears on no plan waits for no commit, once the first is in force. Mail
 * that nobody waits for is not kept.
 */
export class Receipts {
	readonly #known: Known;
	readonly #log: Logger;
	readonly #waiting = new Set<Mail>();
	/** Mail that the next commit carries, and the Services and pods that it is about. */
	readonly #carried = new Map<Mail, ReadonlySet<ObjectKey>>();
	#state: 'loading' | 'inForce' | 'ended' = 'loading';

	constructor(known: Known, log: Logger) {
		[this.#known, this.#log] = [known, log];
	}

	/** Mail came in. */
	arrived(mail: Mail): void {
		if (mail.settled === undefined) {
			return;
		}

		if (this.#state === 'ended') {
			this.#tell(mail, {kind: 'ended'});
		} else if (this.#state === 'inForce' && this.#bearsOnNothing(mail)) {
			this.#tell(mail, inForce);
		} else {
			this.#waiting.add(mail);
		}
	}

	/** Mail is about to be taken into the world: the next commit carries it. */
	taken(mail: readonly Mail[]): void {
		for (const each of this.#waiting.size === 0 ? [] : mail) {
			if (this.#waiting.delete(each)) {
				this.#carried.set(each, each.changes === 'restarted' ? new Set() : this.#known.ownersOf(each.changes));
			}
		}
	}

	/** Whether somebody waits for the next commit. */
	get areAwaited(): boolean {
		return this.#carried.size > 0;
	}

	/** All that was taken is in force, but for what is refused. */
	settle(refused: Iterable<Refusal>): void {
		this.#state = 'inForce';
		const all = this.#carried.size === 0 ? [] : [...refused];
		for (const [mail, owners] of this.#carried) {
			const own = all.filter(({service}) => service && owners.has(serviceKey(service.namespace, service.name)));
			this.#tell(mail, own.length === 0 ? inForce : {kind: 'refused', refused: own});
		}

		this.#carried.clear();
	}

	/** No commit will come any more. */
	end(): void {
		this.#state = 'ended';
		for (const mail of [...this.#carried.keys(), ...this.#waiting]) {
			this.#tell(mail, {kind: 'ended'});
		}

		this.#carried.clear();
		this.#waiting.clear();
	}

	/** While earlier mail about the same is on its way, nobody knows what this will change. */
	#bearsOnNothing({changes}: Mail): boolean {
		if (changes === 'restarted' || this.#known.bearsOnPlan(changes)) {
			return false;
		}

		const keys = new Set(changes.map(attachmentOf));
		const open = [...this.#carried.keys(), ...this.#waiting];
		return !open.some(
			(mail) => mail.changes === 'restarted' || mail.changes.some((each) => keys.has(attachmentOf(each))),
		);
	}

	#tell({settled}: Mail, receipt: Receipt): void {
		try {
			settled?.(receipt);
		} catch (caught) {
			this.#log.error('a receipt was not taken', {error: asNetError(caught, 'take a receipt')});
		}
	}
}

/** The key of the attachment that a change is about; undefined for any other object. */
function attachmentOf(change: Change): ObjectKey | undefined {
	switch (change.verb) {
		case 'put':
			return change.object.kind === 'PodAttachment' ? keyOf(change.object) : undefined;
		case 'delete':
			return change.kind === 'PodAttachment' ? change.key : undefined;
		case 'synced':
			return undefined;
	}
}
