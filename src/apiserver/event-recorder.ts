import {NetError} from '../errors.ts';
import {Access} from './access.ts';
import {Backoff} from './backoff.ts';
import {type Clock, pause} from './clock.ts';
import {type Happening, happeningKey, type Occurrence} from './event.ts';
import {EventBudget} from './event-budget.ts';
import {EventSender, type Sent} from './event-sender.ts';
import type {ConfigOptions} from './kubeconfig.ts';
import {Requests} from './requests.ts';

export type EventOptions = ConfigOptions & {
	readonly nodeName: string;
	/** `wall`: milliseconds since 1970. */
	readonly clock: Clock & {readonly wall: () => number};
	/** Called when events are lost, once until one is told again. */
	readonly warn: (warning: string) => void;
};

/** One that waits to be sent; what happens again meanwhile is counted. */
type Waiting = {-readonly [K in keyof Occurrence]: Occurrence[K]};

/** One that was sent. `at` is when it happened last, by the clock. */
type Told = {readonly name: string; readonly count: number; readonly at: number};

/** An hour and a half of what may be sent: nobody reads older ones, the API server keeps them for an hour. */
const waitingMax = 500;

/** As client-go's: what happens again within this time is one event that happened twice. */
const seriesMs = 360_000;

/** As client-go's. With the waits between them that is five minutes. */
const refusalsMax = 12;

/** A Service that cannot be served is found by all nodes in the same instant: they tell of it spread over this time. */
const spreadMs = 20_000;

/** Tells people what happened, as Events of the API server. What cannot be told is lost, and nothing else with it. */
export class EventRecorder {
	readonly #options: EventOptions;
	readonly #budget: EventBudget;
	readonly #waiting = new Map<string, Waiting>();
	readonly #told = new Map<string, Told>();
	/** Kinds of loss that were warned of. */
	readonly #warned = new Set<string>();
	#wake = () => {};

	constructor(options: EventOptions) {
		this.#options = options;
		this.#budget = new EventBudget(options.clock);
	}

	/** Returns at once and never throws. The oldest are kept when too many wait. */
	record(happening: Happening): void {
		const key = happeningKey(happening);
		const {clock} = this.#options;
		const at = clock.wall();
		const waiting = this.#waiting.get(key);
		if (waiting !== undefined) {
			waiting.count++;
			waiting.at = at;
		} else if (this.#waiting.size < waitingMax) {
			this.#waiting.set(key, {happening, count: 1, at, chance: clock.random()});
			this.#wake();
		} else {
			this.#warn('full', `more than ${waitingMax} events wait to be sent; newer ones are lost`);
		}
	}

	/** Sends what was recorded, one after the other, until the signal; what waits then is lost. Never rejects. */
	async run(signal: AbortSignal): Promise<void> {
		const {clock, nodeName} = this.#options;
		const access = new Access(this.#options);
		const sender = new EventSender(new Requests(access, clock), nodeName);
		while (!signal.aborted) {
			const [next] = this.#waiting;
			if (next === undefined) {
				this.#warned.delete('full');
				await this.#recorded(signal);
				await pause(clock, clock.random() * spreadMs, signal);
			} else {
				await pause(clock, this.#budget.waitMs, signal);
				await this.#tell(sender, next, signal);
			}
		}

		access.close();
	}

	/** Resolves when something waits, or when the signal is aborted. */
	async #recorded(signal: AbortSignal): Promise<void> {
		const {promise, resolve} = Promise.withResolvers<void>();
		this.#wake = () => resolve();
		signal.addEventListener('abort', this.#wake);
		await promise;
		signal.removeEventListener('abort', this.#wake);
	}

	/** What happens again meanwhile waits anew. */
	async #tell(sender: EventSender, [key, waiting]: [string, Waiting], signal: AbortSignal): Promise<void> {
		this.#waiting.delete(key);
		const before = this.#toldBefore(key);
		if (before !== undefined && waiting.happening.scope === 'cluster') {
			return; // it can be read where it is
		}

		this.#budget.spend();
		const count = waiting.count + (before?.count ?? 0);
		const send = async () => await sender.send({...waiting, count}, before?.name, signal);
		const sent = await this.#sendUntilAnswered(send, signal);
		if (sent?.kind === 'told') {
			this.#warned.delete('refused');
			this.#told.set(key, {name: sent.name, count, at: this.#options.clock.now()});
		} else if (sent?.kind === 'refused') {
			const {code, reason, message} = sent.refusal;
			this.#warn('refused', `the API server takes no event: ${code} ${reason} ${message}`);
		}
	}

	/** Also through an outage, however long. Undefined when it cannot be sent at all. */
	async #sendUntilAnswered(send: () => Promise<Sent>, signal: AbortSignal): Promise<Sent | undefined> {
		const {clock} = this.#options;
		const backoff = new Backoff(clock);
		const stopped = () => signal.aborted;
		for (let refusals = 0; !stopped(); ) {
			try {
				const sent = await send();
				refusals++;
				if (sent.kind !== 'refused' || !isPassing(sent.refusal.code) || refusals === refusalsMax) {
					return sent;
				}

				await pause(clock, backoff.next(sent.refusal.retryAfterMs), signal);
			} catch (error) {
				if (!stopped() && !isOutage(error)) {
					this.#warn('refused', `an event cannot be sent: ${error instanceof Error ? error.message : String(error)}`);
					return undefined;
				}

				await pause(clock, backoff.next(), signal);
			}
		}

		return undefined;
	}

	/** Where it was sent, if it happened not long ago; who did not is forgotten. */
	#toldBefore(key: string): Told | undefined {
		const since = this.#options.clock.now() - seriesMs;
		for (const [each, {at}] of this.#told) {
			if (at < since) {
				this.#told.delete(each);
			}
		}

		return this.#told.get(key);
	}

	#warn(kind: 'full' | 'refused', warning: string): void {
		if (!this.#warned.has(kind)) {
			this.#warned.add(kind);
			this.#options.warn(warning);
		}
	}
}

/** Whether the same may be taken later; credentials that were not accepted are had anew. */
function isPassing(code: number): boolean {
	return code === 401 || code === 429 || code >= 500;
}

/** The reflectors tell of these. */
function isOutage(error: unknown): boolean {
	return error instanceof NetError && (error.code === 'API_UNREACHABLE' || error.code === 'API_CONFIG');
}
