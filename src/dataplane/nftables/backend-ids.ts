import {printServicePort, type ServicePortName} from '../../plan/frontend.ts';
import type {BackendId, Fragment, LocatedSlot, Slot, StickyBackends, StickyList} from './ruleset.ts';

/** The ids of one service port. */
type Port = {
	/** The upper half of each of them. */
	readonly major: number;
	/** By address and port. */
	readonly ids: Map<string, BackendId>;
	/** Whose an id is, and how many lists in the kernel have it. */
	readonly users: Map<BackendId, {readonly backend: string; count: number}>;
};

const majorFirst = 0x8000;
const majors = 0x8000;
/** None is 0: of a client's key the lower half of the id is cleared. */
const minors = 0xffff;

/**
 * What backends are called by the map of clients. As slots, ids are not desired state: what the kernel has is kept.
 * One that is given is the hash of what it names, or the next free one behind that. So an id does not soon come to
 * mean another backend, and one that comes back is known again.
 */
export class BackendIds {
	readonly #ports = new Map<string, Port>();
	/** Whose each upper half is; undefined where the kernel has it and nobody claimed it yet. */
	readonly #owners = new Map<number, string | undefined>();
	/** Service ports of which an id may have no user. */
	readonly #idle = new Set<string>();

	/** @param found ids that the kernel has: no other service port is called as one of them */
	constructor(found: Iterable<BackendId> = []) {
		for (const id of found) {
			this.#owners.set(id >>> 16, undefined);
		}
	}

	/** Keeps the ids by which the kernel calls backends of the service port, but for those that contradict earlier ones. */
	adopt(service: ServicePortName, list: StickyList | undefined): void {
		const owner = ownerOf(service);
		for (const [id, slot] of list?.backends ?? []) {
			const major = id >>> 16;
			const port = this.#ports.get(owner) ?? (this.#isFree(major) ? this.#open(owner, major) : undefined);
			const backend = backendOf(slot);
			if (port?.major === major && !port.users.has(id) && !port.ids.has(backend)) {
				name(port, id, backend);
				this.#idle.add(owner);
			}
		}
	}

	/** The backends with their ids, in the order of `slots`. */
	assign(service: ServicePortName, slots: readonly LocatedSlot[]): StickyBackends {
		const owner = ownerOf(service);
		const port = this.#ports.get(owner) ?? this.#open(owner, this.#freeMajor(owner));
		const backends = new Map<BackendId, LocatedSlot>();
		const ids = slots.map((slot) => {
			const backend = backendOf(slot);
			const id = port.ids.get(backend) ?? this.#give(owner, port, backend);
			backends.set(id, slot);
			return id;
		});
		return {ids, backends};
	}

	/** Says that the kernel has the lists of `fragment`, or with -1 no longer. */
	count({owner, sticky, stickyLocal}: Fragment, by: 1 | -1): void {
		const lists = [sticky, stickyLocal].filter((list) => list !== undefined);
		const port = lists.length === 0 ? undefined : this.#ports.get(ownerOf(owner));
		for (const id of lists.flatMap(({backends}) => [...backends.keys()])) {
			const user = port?.users.get(id);
			if (user !== undefined) {
				user.count += by;
			}
		}

		if (port !== undefined && by < 0) {
			this.#idle.add(ownerOf(owner));
		}
	}

	/** Frees the ids without users. Not while something is on its way to the kernel. */
	sweep(): void {
		for (const owner of this.#idle) {
			const port = this.#ports.get(owner);
			for (const [id, {backend, count}] of port?.users ?? []) {
				if (count === 0) {
					port?.users.delete(id);
					port?.ids.delete(backend);
				}
			}

			if (port?.users.size === 0) {
				this.#ports.delete(owner);
				this.#owners.delete(port.major);
			}
		}

		this.#idle.clear();
	}

	#isFree(major: number): boolean {
		return major >= majorFirst && this.#owners.get(major) === undefined;
	}

	#open(owner: string, major: number): Port {
		const port: Port = {major, ids: new Map(), users: new Map()};
		this.#ports.set(owner, port);
		this.#owners.set(major, owner);
		this.#idle.add(owner);
		return port;
	}

	/** With more service ports than halves two have the same: a client of both may then be sent to another backend. */
	#freeMajor(owner: string): number {
		const wished = hash(owner) % majors;
		for (let step = 0; step < majors; step++) {
			const major = majorFirst + ((wished + step) % majors);
			if (!this.#owners.has(major)) {
				return major;
			}
		}

		return majorFirst + wished;
	}

	#give(owner: string, port: Port, backend: string): BackendId {
		this.#idle.add(owner);
		const wished = hash(backend) % minors;
		for (let step = 0; ; step++) {
			const id = port.major * 0x1_0000 + 1 + ((wished + step) % minors);
			if (!port.users.has(id) || step === minors) {
				name(port, id, backend);
				return id;
			}
		}
	}
}

function name({ids, users}: Port, id: BackendId, backend: string): void {
	ids.set(backend, id);
	users.set(id, {backend, count: 0});
}

function ownerOf(service: ServicePortName): string {
	return `${printServicePort(service)}/${service.protocol}`;
}

function backendOf({address, port}: Slot): string {
	return `${address} ${port}`;
}

/** FNV-1a, 32 bits, over UTF-16 code units. Source: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash(text: string): number {
	let value = 0x811c_9dc5;
	for (let index = 0; index < text.length; index++) {
		value = Math.imul(value ^ text.charCodeAt(index), 0x0100_0193);
	}

	return value >>> 0;
}
