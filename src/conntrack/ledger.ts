import {type Backend, type Frontend, type FrontendKey, frontendKey} from '../plan/frontend.ts';
import type {StaleFlows} from '../plan/plan.ts';

/**
 * Which frontends have to be looked at for stale flows, and who serves each right now.
 *
 * A frontend that only gained backends needs no look. Once looked at, all flows to it are answered by those who
 * served then; whatever begins later is sent by the rules to one who serves. So flows go stale only when one of them
 * serves no more. That does not hold of a frontend that is new here, or that had nobody: its flows may have begun
 * without a rule. Nor does it after rules were missing: see {@link doubt}.
 */
export class FlowLedger {
	/** The last word on each frontend that has somebody who serves, or that is to be looked at. */
	readonly #known = new Map<FrontendKey, StaleFlows>();
	#owed = new Set<FrontendKey>();

	/** Takes in what a commit says of one frontend, when it is in force. */
	tell(flows: StaleFlows): void {
		const key = keyOf(flows);
		const before = this.#known.get(key);
		this.#known.set(key, flows);
		if (before === undefined || before.serving.length === 0 || !includes(flows.serving, before.serving)) {
			this.#owed.add(key);
		}
	}

	/**
	 * Rules were missing or wrong for a while: flows to any of `frontends` may have begun that no rule would make. One
	 * that has backends of which no commit told yet is left to that commit: until then all its flows would be stale.
	 */
	doubt(frontends: Iterable<Frontend>): void {
		for (const {key, address, protocol, port, target} of frontends) {
			const known = this.#known.get(key);
			if (protocol === 'UDP' && (known !== undefined || target.kind !== 'backends')) {
				this.#known.set(key, known ?? {address, protocol, port, serving: nobody});
				this.#owed.add(key);
			}
		}
	}

	/** How many frontends are to be looked at. */
	get owed(): number {
		return this.#owed.size;
	}

	/** Who serves a frontend right now; undefined when nothing is known of it. */
	servingOf(key: FrontendKey): readonly Backend[] | undefined {
		return this.#known.get(key)?.serving;
	}

	/** The frontends to be looked at; what is told of them from now on counts for the next time. */
	take(): readonly StaleFlows[] {
		const taken = [...this.#owed].flatMap((key) => this.#known.get(key) ?? []);
		this.#owed = new Set();
		return taken;
	}

	/** They were looked at to the end. Those that have nobody are forgotten: there may be no frontend any more. */
	settle(taken: readonly StaleFlows[]): void {
		for (const flows of taken) {
			const key = keyOf(flows);
			if (!this.#owed.has(key) && this.#known.get(key)?.serving.length === 0) {
				this.#known.delete(key);
			}
		}
	}

	/** They were not looked at to the end, and are owed again. */
	restore(taken: readonly StaleFlows[]): void {
		for (const flows of taken) {
			this.#owed.add(keyOf(flows));
		}
	}
}

const nobody: readonly Backend[] = [];

function keyOf({address, protocol, port}: StaleFlows): FrontendKey {
	return frontendKey(address, protocol, port);
}

function includes(backends: readonly Backend[], others: readonly Backend[]): boolean {
	if (backends === others) {
		return true;
	}

	const names = new Set(backends.map(nameOf));
	return others.every((other) => names.has(nameOf(other)));
}

function nameOf({address, port}: Backend): string {
	return `${address} ${port}`;
}
