import type {Change} from '../model/change.ts';
import {type Address, addressFromBytes} from '../net/address.ts';
import {type Prefix, parsePrefix, prefixContains} from '../net/prefix.ts';
import {decodeBody} from '../wire/body.ts';
import {linkFlags} from '../wire/link.ts';
import type {Message} from '../wire/message.ts';
import {addressFlags, rtnetlink} from '../wire/rtnetlink.ts';

type Link = {readonly name: string; readonly up: boolean};

/** Addresses that packets reach only from this very machine, or only together with the name of an interface. */
const neverUsable: readonly Prefix[] = ['127.0.0.0/8', '::1/128', 'fe80::/10'].map(parsePrefix);

/** Not local to the kernel: duplicate detection is still running, or has found another holder. */
const notYetOurs = addressFlags.tentative | addressFlags.duplicate;

/**
 * The addresses of one network namespace that a client may connect to, built from rtnetlink messages: what
 * `fib daddr type local` matches, without loopback and link-local ones. An address that several interfaces hold (the
 * host ends of veths often do) counts once, under the interface with the lowest index. Deprecated and temporary IPv6
 * addresses count: the kernel still takes connections on them. Those of an interface that is down do not.
 */
export class AddressTable {
	readonly #links = new Map<number, Link>();
	/** Address → indexes of the interfaces that hold it. */
	readonly #holders = new Map<Address, Set<number>>();
	/** What {@link changes} has told: address → name of its interface. */
	#told: ReadonlyMap<Address, string> = new Map();

	/** Forgets what messages said, not what was told: to be followed by all links and addresses anew. */
	clear(): void {
		this.#links.clear();
		this.#holders.clear();
	}

	/** Takes in one answer or event about links or addresses; any other message changes nothing. */
	apply({type, payload}: Pick<Message, 'type' | 'payload'>): void {
		switch (type) {
			case rtnetlink.link.new: {
				const {index, name = '', flags} = decodeBody(rtnetlink.link.layout, payload);
				this.#links.set(index, {name, up: (flags & linkFlags.up) !== 0});
				break;
			}

			case rtnetlink.link.delete:
				this.#links.delete(decodeBody(rtnetlink.link.layout, payload).index);
				break;
			case rtnetlink.address.new:
			case rtnetlink.address.delete:
				this.#applyAddress(payload, type === rtnetlink.address.new);
				break;
		}
	}

	/** What has to be said so that a listener knows the table as it is; nothing when it does already. */
	changes(): Change[] {
		const current = this.#current();
		const changes: Change[] = [];
		for (const address of this.#told.keys()) {
			if (!current.has(address)) {
				changes.push({verb: 'delete', kind: 'NodeAddress', key: address});
			}
		}

		for (const [address, name] of current) {
			if (this.#told.get(address) !== name) {
				changes.push({verb: 'put', object: {kind: 'NodeAddress', address, interface: name}});
			}
		}

		this.#told = current;
		return changes;
	}

	#applyAddress(payload: Uint8Array, isNew: boolean): void {
		const {
			index,
			flags: lowFlags,
			allFlags = lowFlags,
			local,
			address: bytes,
		} = decodeBody(rtnetlink.address.layout, payload);
		const own = local ?? bytes; // of a point-to-point interface `address` is the peer's
		if (own === undefined || (own.length !== 4 && own.length !== 16)) {
			return;
		}

		const address = addressFromBytes(own);
		if (neverUsable.some((prefix) => prefixContains(prefix, address))) {
			return;
		}

		const holders = this.#holders.get(address) ?? new Set();
		if (isNew && (allFlags & notYetOurs) === 0) {
			this.#holders.set(address, holders.add(index));
		} else if (holders.delete(index) && holders.size === 0) {
			this.#holders.delete(address);
		}
	}

	/** A link that is not known yet is told of by a later message, and its addresses count from then on. */
	#current(): Map<Address, string> {
		const current = new Map<Address, string>();
		for (const [address, holders] of this.#holders) {
			const [index] = [...holders].filter((holder) => this.#links.get(holder)?.up).toSorted((a, b) => a - b);
			const link = index === undefined ? undefined : this.#links.get(index);
			if (link !== undefined) {
				current.set(address, link.name);
			}
		}

		return current;
	}
}
