import type {SourceName} from '../model/change.ts';
import type {Metrics} from '../observe/metrics.ts';
import type {Clock} from './clock.ts';
import type {Follower} from './follower.ts';
import type {Inbox, Mail} from './inbox.ts';

type Changes = {readonly services: number; readonly endpoints: number};

/** What the sources tell, counted as it comes in, and what of it no commit carried yet. */
export class SourceMetrics implements Follower {
	readonly #metrics: Metrics;
	readonly #clock: Clock;
	readonly #inbox: Inbox;
	#pending: Changes = {services: 0, endpoints: 0};

	constructor(metrics: Metrics, sources: readonly SourceName[], inbox: Inbox, clock: Clock) {
		this.#metrics = metrics;
		this.#clock = clock;
		this.#inbox = inbox;
		for (const source of sources) {
			metrics.add('sourceRestarts', {source}, 0);
			metrics.set('sourceSynced', {source}, 0);
			metrics.set('sourceComplete', {source}, 0);
		}

		metrics.collect('serviceChangesPending', {}, () => this.#pending.services);
		metrics.collect('endpointChangesPending', {}, () => this.#pending.endpoints);
		for (const mail of inbox.waiting) {
			this.#hear(mail); // it came in while metrics were loaded
		}

		inbox.listen((mail) => this.#hear(mail));
	}

	/** Nothing is taken in while a commit is in flight: what waits is all that it did not carry. */
	committed(): void {
		this.#pending = countChanges(this.#inbox.waiting);
	}

	unchanged(): void {
		this.committed();
	}

	#hear(mail: Mail): void {
		const {source, changes} = mail;
		if (changes === 'restarted') {
			this.#metrics.add('sourceRestarts', {source});
			this.#metrics.set('sourceComplete', {source}, 0);
			return;
		}

		this.#metrics.set('sourceLastChange', {source}, this.#clock.wall() / 1000);
		for (const change of changes) {
			if (change.verb === 'synced') {
				this.#metrics.set('sourceSynced', {source}, 1);
				this.#metrics.set('sourceComplete', {source}, change.complete ? 1 : 0);
			}
		}

		const found = countChanges([mail]);
		this.#metrics.add('serviceChanges', {}, found.services);
		this.#metrics.add('endpointChanges', {}, found.endpoints);
		this.#pending = sum(this.#pending, found);
	}
}

function sum(a: Changes, b: Changes): Changes {
	return {services: a.services + b.services, endpoints: a.endpoints + b.endpoints};
}

function countChanges(mail: readonly Mail[]): Changes {
	let [services, endpoints] = [0, 0];
	for (const {changes} of mail) {
		for (const change of changes === 'restarted' ? [] : changes) {
			const kind = change.verb === 'put' ? change.object.kind : change.verb === 'delete' ? change.kind : undefined;
			services += kind === 'Service' ? 1 : 0;
			endpoints += kind === 'EndpointSlice' ? 1 : 0;
		}
	}

	return {services, endpoints};
}
