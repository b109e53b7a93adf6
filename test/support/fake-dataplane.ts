import type {Dataplane, ForeignEdit, Outcome, Takes} from '../../src/dataplane/dataplane.ts';
import {NetError} from '../../src/errors.ts';
import {type Frontend, type FrontendKey, printServicePort} from '../../src/plan/frontend.ts';
import type {Plan, PlanChange} from '../../src/plan/plan.ts';

/** One call as a test reads it: `sync`, `sync and prune`, `update 10.96.0.1 TCP 80, …`. */
type Call = string;

/**
 * A dataplane whose kernel is a map. It fails or refuses on demand, a commit can be held open, and it ends the test
 * when a call is made while another one is in flight.
 */
export class FakeDataplane implements Dataplane {
	readonly name = 'fake';
	/** What the kernel would have, by frontend. */
	readonly kernel = new Map<FrontendKey, Frontend>();
	readonly calls: Call[] = [];
	/** Services, as `namespace/name:port`, that the kernel refuses until they are taken out. */
	readonly refusing = new Set<string>();
	/** Thrown by the next calls, first one first. */
	readonly failures: Error[] = [];
	closed = false;
	readonly #edits: ForeignEdit[] = [];
	#edited: (() => void) | undefined;
	#gate: Promise<void> | undefined;
	#busy = false;

	/** Holds every commit open from now on, until the function that is returned is called. */
	hold(): () => void {
		const {promise, resolve} = Promise.withResolvers<void>();
		this.#gate = promise;
		return () => {
			this.#gate = undefined;
			resolve();
		};
	}

	takes(frontend: Frontend): Takes {
		return frontend.affinityTimeoutSeconds === undefined
			? {kind: 'whole'}
			: {kind: 'partly', missing: ['session affinity']};
	}

	async sync(plan: Plan, prune: boolean): Promise<Outcome> {
		const gone = prune ? [...this.kernel.keys()].filter((key) => !plan.frontends.has(key)) : [];
		return await this.#commit(prune ? 'sync and prune' : 'sync', plan, [...plan.frontends.keys(), ...gone]);
	}

	async update(plan: Plan, {touched}: PlanChange): Promise<Outcome> {
		return await this.#commit(`update ${[...touched].toSorted().join(', ')}`.trim(), plan, [...touched]);
	}

	/** Does what another process would: takes a frontend out of the kernel. */
	edit(key: FrontendKey, edit: ForeignEdit = {by: {process: 'nft', pid: 7}, what: `${key} deleted`}): void {
		this.kernel.delete(key);
		this.#edits.push(edit);
		this.#edited?.();
	}

	async *watch(signal: AbortSignal): AsyncGenerator<ForeignEdit> {
		const stopped = () => signal.aborted;
		while (!stopped()) {
			const edit = this.#edits.shift();
			if (edit !== undefined) {
				yield edit;
				continue;
			}

			const {promise, resolve} = Promise.withResolvers<void>();
			this.#edited = resolve;
			signal.addEventListener('abort', () => resolve());
			await promise;
		}
	}

	async mend(plan: Plan): Promise<Outcome> {
		const missing = [...plan.frontends.keys()].filter((key) => !this.kernel.has(key));
		return await this.#commit(`mend ${missing.join(', ')}`.trim(), plan, missing);
	}

	print(plan: Plan): string {
		return [...plan.frontends.keys()].map((key) => `${key}\n`).join('');
	}

	async cleanup(): Promise<void> {
		await this.#gate;
		this.kernel.clear();
	}

	close(): void {
		this.closed = true;
	}

	async #commit(call: Call, plan: Plan, keys: readonly FrontendKey[]): Promise<Outcome> {
		if (this.#busy || this.closed) {
			throw new Error(`${call} while ${this.closed ? 'closed' : 'another commit is in flight'}`);
		}

		this.#busy = true;
		this.calls.push(call);
		const wanted = new Map(keys.map((key) => [key, plan.frontends.get(key)]));
		await this.#gate;
		this.#busy = false;
		const failure = this.failures.shift();
		if (failure !== undefined) {
			throw failure;
		}

		return this.#apply(wanted);
	}

	#apply(wanted: ReadonlyMap<FrontendKey, Frontend | undefined>): Outcome {
		const refused = [...wanted.values()].filter((front) => front !== undefined).filter((front) => this.#refuses(front));
		for (const [key, front] of wanted) {
			if (front === undefined) {
				this.kernel.delete(key);
			} else if (!this.#refuses(front)) {
				this.kernel.set(key, front);
			}
		}

		return {
			operations: wanted.size - refused.length,
			refused: refused.map(({service}) => ({
				service,
				error: new NetError('KERNEL_REFUSED', `add ${printServicePort(service)}`),
			})),
		};
	}

	#refuses({service}: Frontend): boolean {
		return this.refusing.has(printServicePort(service));
	}
}
