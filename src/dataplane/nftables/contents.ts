import {type Address, addressFromBytes, addressLength, type Family} from '../../net/address.ts';
import {isPort, type Protocol, protocolNumbers} from '../../net/port.ts';
import {lastAddress, type Prefix, prefixOf} from '../../net/prefix.ts';
import {type FrontendKey, frontendKey} from '../../plan/frontend.ts';
import type {ElementReader} from '../../wire/element-reader.ts';
import {elementFlags} from '../../wire/elements.ts';
import {verdicts as verdictCodes} from '../../wire/expressions.ts';
import {littleEndian} from '../../wire/writer.ts';
import {type Action, verdictOf} from './actions.ts';
import {keyLength} from './declaration.ts';
import type {Contents} from './found.ts';
import {emptyHeld, fillSlot, type Growing, stickyList} from './growing.ts';
import {type ForeignElement, firstLocalSlot, type PrefixSet, type SetName, type Slot, serviceKey} from './ruleset.ts';

/** A padding byte that is not zero, a protocol or a port that no Service has: the element is foreign. */
type Decoded<T> = T | undefined;

/** Collects the elements of one table into what each service key has, one element after another. */
export class ContentsReader implements Contents {
	readonly held = new Map<FrontendKey, Growing>();
	readonly clusterIps: Address[] = [];
	readonly hairpins: Address[] = [];
	readonly verdicts = {verdicts: new Set<Action>(), 'policy-verdicts': new Set<Action>()};
	readonly bounds = {'service-cidrs': [] as string[], 'local-pods': [] as string[], unmasqueraded: [] as string[]};
	readonly foreign: ForeignElement[] = [];
	readonly #addressLength: 4 | 16;
	readonly #keyLength: number;
	/** Equal addresses are one string: there are many more elements than addresses. */
	readonly #addresses = new Map<string | number, Address>();

	constructor(family: Family) {
		this.#addressLength = addressLength(family);
		this.#keyLength = keyLength(serviceKey, family);
	}

	/** Takes the element that `reader` stands at. */
	add(set: SetName, reader: ElementReader): void {
		if (reader.keyLength === 0 || !this.#take(set, reader)) {
			this.foreign.push(foreignElement(set, reader));
		}
	}

	/** Whether the element is one that we could have made. */
	#take(set: SetName, reader: ElementReader): boolean {
		switch (set) {
			case 'services':
			case 'cluster-policy':
			case 'local-policy':
				return this.#takeAction(set, reader);
			case 'external':
			case 'external-local': {
				const held = this.#heldAt(reader, 0);
				if (held !== undefined) {
					held[set === 'external' ? 'external' : 'externalLocal'] = true;
				}

				return held !== undefined;
			}
			case 'endpoints':
				return this.#takeEndpoint(reader);
			case 'sticky-slots':
				return this.#takeStickySlot(reader);
			case 'sticky-endpoints':
			case 'sticky-local-endpoints':
				return this.#takeStickyEndpoint(set === 'sticky-endpoints' ? 'sticky' : 'stickyLocal', reader);
			case 'affinity':
				return true; // what packets learned
			case 'source-ranges':
				return this.#takeSourceRange(reader);
			case 'cluster-ips':
				this.clusterIps.push(this.#address(reader, reader.keyAt));
				return true;
			case 'hairpin':
				return this.#takeHairpin(reader);
			case 'verdicts':
			case 'policy-verdicts':
				return this.#takeVerdict(set, reader);
			case 'service-cidrs':
			case 'local-pods':
			case 'unmasqueraded':
				this.#takeBound(set, reader);
				return true;
		}
	}

	#takeAction(set: 'services' | 'cluster-policy' | 'local-policy', reader: ElementReader): boolean {
		const held = reader.valueLength === 4 ? this.#heldAt(reader, 0) : undefined;
		if (held === undefined) {
			return false;
		}

		const action = reader.view.getUint32(reader.valueAt, littleEndian);
		if (set === 'services') {
			held.action = action;
			held.comment = reader.comment();
		} else {
			held[set === 'cluster-policy' ? 'clusterPolicy' : 'localPolicy'] = action;
		}

		return true;
	}

	#takeEndpoint(reader: ElementReader): boolean {
		const held = this.#heldAt(reader, 4);
		const slot = held && this.#slotNumber(reader);
		const to = this.#slot(reader);
		if (held === undefined || slot === undefined || to === undefined) {
			return false;
		}

		const [list, index] = slot < firstLocalSlot ? [held.slots, slot] : [held.localSlots, slot - firstLocalSlot];
		fillSlot(list, index, to);
		return true;
	}

	#takeStickySlot(reader: ElementReader): boolean {
		const held = reader.valueLength === 4 ? this.#heldAt(reader, 4) : undefined;
		const slot = held && this.#slotNumber(reader);
		if (held === undefined || slot === undefined) {
			return false;
		}

		const id = reader.view.getUint32(reader.valueAt, littleEndian);
		const [list, index] =
			slot < firstLocalSlot ? (['sticky', slot] as const) : (['stickyLocal', slot - firstLocalSlot] as const);
		fillSlot(stickyList(held, list).ids, index, id);
		return true;
	}

	#takeStickyEndpoint(list: 'sticky' | 'stickyLocal', reader: ElementReader): boolean {
		const held = this.#heldAt(reader, 4);
		const to = this.#slot(reader);
		if (held === undefined || to === undefined) {
			return false;
		}

		stickyList(held, list).backends.set(reader.view.getUint32(reader.keyAt + this.#keyLength, littleEndian), to);
		return true;
	}

	/** Behind the service key; undefined for one that no list has. */
	#slotNumber(reader: ElementReader): Decoded<number> {
		const slot = reader.view.getUint32(reader.keyAt + this.#keyLength, littleEndian);
		return slot < 2 * firstLocalSlot ? slot : undefined;
	}

	#slot(reader: ElementReader): Decoded<Slot> {
		const at = reader.valueAt + this.#addressLength;
		if (reader.valueLength !== this.#addressLength + 4) {
			return undefined;
		}

		const [port, padding] = [reader.view.getUint16(at), reader.view.getUint16(at + 2)];
		return isPort(port) && padding === 0 ? {address: this.#address(reader, reader.valueAt), port} : undefined;
	}

	#takeSourceRange(reader: ElementReader): boolean {
		const length = this.#keyLength;
		const {bytes, keyAt, keyEndAt} = reader;
		const sameKey = bytes.subarray(keyAt, keyAt + length).every((byte, index) => byte === bytes[keyEndAt + index]);
		if (reader.keyEndLength !== reader.keyLength || !sameKey) {
			return false;
		}

		const first = this.#address(reader, keyAt + length);
		const prefix = prefixBetween(first, this.#address(reader, keyEndAt + length), this.#addressLength * 8);
		const held = prefix && this.#heldAt(reader, this.#addressLength);
		if (held !== undefined && prefix !== undefined) {
			held.sourceRanges.push(prefix);
		}

		return held !== undefined;
	}

	#takeHairpin(reader: ElementReader): boolean {
		const from = this.#address(reader, reader.keyAt);
		if (from !== this.#address(reader, reader.keyAt + this.#addressLength)) {
			return false;
		}

		this.hairpins.push(from);
		return true;
	}

	#takeVerdict(set: 'verdicts' | 'policy-verdicts', reader: ElementReader): boolean {
		const action = reader.view.getUint32(reader.keyAt, littleEndian);
		const verdict = verdictOf(action);
		const isRight =
			verdict?.kind === 'drop'
				? reader.verdict === verdictCodes.drop
				: verdict !== undefined && reader.verdict === verdictCodes.goto && reader.chain() === verdict.chain;
		if (isRight) {
			this.verdicts[set].add(action);
		}

		return isRight;
	}

	#takeBound(set: PrefixSet, reader: ElementReader): void {
		const key = reader.bytes.subarray(reader.keyAt, reader.keyAt + reader.keyLength);
		this.bounds[set].push(bound(key, (reader.flags & elementFlags.intervalEnd) !== 0));
	}

	/** What is known of the element's service key. @param rest bytes that the key has behind it */
	#heldAt(reader: ElementReader, rest: number): Decoded<Growing> {
		if (reader.keyLength !== this.#keyLength + rest) {
			return undefined;
		}

		const at = reader.keyAt + this.#addressLength;
		const number = reader.view.getUint32(at); // in network order: the protocol is the first byte, the rest padding
		const protocol = protocolByNumber.get(number / 0x100_0000);
		const [port, padding] = [reader.view.getUint16(at + 4), reader.view.getUint16(at + 6)];
		if (protocol === undefined || !isPort(port) || padding !== 0) {
			return undefined;
		}

		const address = this.#address(reader, reader.keyAt);
		const key = frontendKey(address, protocol, port);
		const known = this.held.get(key);
		if (known !== undefined) {
			return known;
		}

		const held = emptyHeld({address, protocol, port});
		this.held.set(key, held);
		return held;
	}

	#address(reader: ElementReader, at: number): Address {
		const {view} = reader;
		const words =
			this.#addressLength === 4 ? view.getUint32(at) : [0, 4, 8, 12].map((word) => view.getUint32(at + word)).join();
		const known = this.#addresses.get(words);
		if (known !== undefined) {
			return known;
		}

		const address = addressFromBytes(reader.bytes.subarray(at, at + this.#addressLength));
		this.#addresses.set(words, address);
		return address;
	}
}

export const protocolByNumber: ReadonlyMap<number, Protocol> = new Map(
	(['TCP', 'UDP', 'SCTP'] as const).map((protocol) => [protocolNumbers[protocol], protocol]),
);

/** The element that `reader` stands at, by what names it in its set. */
export function foreignElement(set: SetName, {bytes, keyAt, keyLength, keyEndAt, keyEndLength, flags}: ElementReader) {
	const key = bytes.slice(keyAt, keyAt + keyLength);
	const keyEnd = keyEndLength === 0 ? undefined : bytes.slice(keyEndAt, keyEndAt + keyEndLength);
	return {set, key, keyEnd, flags: flags & elementFlags.catchAll} satisfies ForeignElement;
}

/** A bound of an interval as one sortable text. */
export function bound(key: Uint8Array, isEnd: boolean): string {
	return `${Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join('')}${isEnd ? '-' : '+'}`;
}

/** The prefix from the first to the last address; undefined when the range is none. */
function prefixBetween(first: Address, last: Address, width: number): Prefix | undefined {
	for (let bits = width; bits >= 0; bits--) {
		const prefix = prefixOf(first, bits);
		if (prefix.address !== first) {
			return undefined;
		}

		if (lastAddress(prefix) === last) {
			return prefix;
		}
	}

	return undefined;
}
