import type {Address} from '../../net/address.ts';
import {printAction} from './actions.ts';
import type {BackendId, Element} from './ruleset.ts';

/** Which backend clients have: `MAJOR:0 . ADDRESS`, the service port and the client, to the id. */
export type Affinity = ReadonlyMap<string, BackendId>;

/** The part of a packet's walk that is about the backend which its client has. */
export class ClientWalk {
	/** All that the packet's priority may be behind the choice of an id; empty while it is none. */
	ids: readonly (BackendId | undefined)[] = [];
	readonly #source: Address;
	readonly #affinity: Map<string, BackendId>;

	constructor(source: Address, affinity: Affinity) {
		[this.#source, this.#affinity] = [source, new Map(affinity)];
	}

	/** Any of the ids in these slots; false when they have none. */
	pick(slots: readonly (Element | undefined)[]): boolean {
		const ids = slots.map((element) => (element?.set === 'sticky-slots' ? element.id : undefined));
		const isFound = ids.some((id) => id !== undefined);
		this.ids = isFound ? ids : this.ids;
		return isFound;
	}

	/** The id that the client learned; false when it has none. */
	recall(): boolean {
		const id = this.#affinity.get(this.#key());
		this.ids = id === undefined ? this.ids : [id];
		return id !== undefined;
	}

	forget(): true {
		this.#affinity.delete(this.#key());
		return true;
	}

	clear(): void {
		this.ids = [];
	}

	/** The service port, which all ids have in their upper half, and the client. */
	#key(): string {
		const id = this.ids.find((one) => one !== undefined) ?? 0;
		return `${printAction(id - (id % 0x1_0000))} . ${this.#source}`;
	}
}
