import {type Address, addressLength, type Family, writeAddress} from '../../net/address.ts';
import {protocolNumbers} from '../../net/port.ts';
import {lastAddress} from '../../net/prefix.ts';
import {elementFlags, type Element as WireElement, type Verdict as WireVerdict} from '../../wire/elements.ts';
import {verdicts} from '../../wire/expressions.ts';
import {littleEndian} from '../../wire/writer.ts';
import {keyLength} from './declaration.ts';
import {type Element, type ServiceKey, serviceKey, type Verdict} from './ruleset.ts';

type Scratch = {-readonly [K in keyof WireElement]: WireElement[K]};

/** Elements in the form of the wire. What one call returns is overwritten by the next: no element costs an object. */
export class ElementForm {
	readonly #service: Uint8Array;
	readonly #slot: Uint8Array;
	readonly #slotView: DataView;
	/** Whose key stands in front of the slot: the slots of one frontend follow each other. */
	#slotAt: ServiceKey | undefined;
	#slotEnd = 0;
	readonly #range: Uint8Array;
	readonly #rangeEnd: Uint8Array;
	readonly #pair: Uint8Array;
	readonly #address: Uint8Array;
	readonly #backend: Uint8Array;
	readonly #action = new Uint32Array(1);
	readonly #actionBytes = new Uint8Array(this.#action.buffer);
	readonly #scratch: Scratch = {
		key: new Uint8Array(),
		keyEnd: undefined,
		value: undefined,
		verdict: undefined,
		flags: undefined,
		timeoutMs: undefined,
		expirationMs: undefined,
		comment: undefined,
	};

	constructor(family: Family) {
		const address = addressLength(family);
		const length = keyLength(serviceKey, family);
		this.#service = new Uint8Array(length);
		this.#slot = new Uint8Array(length + 4);
		this.#slotView = new DataView(this.#slot.buffer);
		this.#range = new Uint8Array(length + address);
		this.#rangeEnd = new Uint8Array(length + address);
		this.#pair = new Uint8Array(2 * address);
		this.#address = new Uint8Array(address);
		this.#backend = new Uint8Array(address + 4);
	}

	/** The element; to be deleted it needs no more than its key. */
	element(element: Element, verb: 'add' | 'delete'): WireElement {
		const scratch = this.#scratch;
		scratch.keyEnd = undefined;
		scratch.value = undefined;
		scratch.verdict = undefined;
		scratch.flags = undefined;
		scratch.comment = undefined;
		this.#setKey(element);
		if (verb === 'add') {
			this.#setData(element);
		}

		return scratch;
	}

	/** The first key behind an interval that ends with `last`. */
	end(last: Address): WireElement | undefined {
		const key = this.#address;
		writeAddress(last, key, 0);
		for (let index = key.length - 1; index >= 0; index--) {
			const byte = key[index] ?? 0;
			key[index] = byte + 1;
			if (byte < 0xff) {
				this.#scratch.key = key;
				this.#scratch.flags = elementFlags.intervalEnd;
				return this.#scratch;
			}
		}

		return undefined;
	}

	#setKey(element: Element): void {
		const scratch = this.#scratch;
		switch (element.set) {
			case 'endpoints':
			case 'sticky-slots':
				this.#setSlot(element.at, element.slot);
				return;
			case 'sticky-endpoints':
			case 'sticky-local-endpoints': // an id is written as a slot is
				this.#setSlot(element.at, element.id);
				return;
			case 'services':
			case 'cluster-policy':
			case 'local-policy':
			case 'external':
			case 'external-local':
				this.#writeService(this.#service, element.at);
				scratch.key = this.#service;
				return;
			case 'source-ranges':
				writeAddress(element.source.address, this.#range, this.#writeService(this.#range, element.at));
				writeAddress(lastAddress(element.source), this.#rangeEnd, this.#writeService(this.#rangeEnd, element.at));
				scratch.key = this.#range;
				scratch.keyEnd = this.#rangeEnd;
				return;
			case 'hairpin':
				writeAddress(element.address, this.#pair, writeAddress(element.address, this.#pair, 0));
				scratch.key = this.#pair;
				return;
			case 'cluster-ips':
				this.#setAddress(element.address);
				return;
			case 'verdicts':
			case 'policy-verdicts':
				this.#action[0] = element.action;
				scratch.key = this.#actionBytes;
				return;
			case 'service-cidrs':
			case 'local-pods':
			case 'unmasqueraded':
				this.#setAddress(element.prefix.address);
		}
	}

	#setSlot(at: ServiceKey, slot: number): void {
		if (at !== this.#slotAt) {
			this.#slotEnd = this.#writeService(this.#slot, at);
			this.#slotAt = at;
		}

		this.#slotView.setUint32(this.#slotEnd, slot, littleEndian);
		this.#scratch.key = this.#slot;
	}

	#setAddress(address: Address): void {
		writeAddress(address, this.#address, 0);
		this.#scratch.key = this.#address;
	}

	#setData(element: Element): void {
		const scratch = this.#scratch;
		switch (element.set) {
			case 'endpoints':
			case 'sticky-endpoints':
			case 'sticky-local-endpoints':
				writePort(this.#backend, writeAddress(element.to.address, this.#backend, 0), element.to.port);
				scratch.value = this.#backend;
				return;
			case 'services':
				scratch.comment = element.comment;
				this.#setAction(element.action);
				return;
			case 'cluster-policy':
			case 'local-policy':
				this.#setAction(element.action);
				return;
			case 'sticky-slots':
				this.#setAction(element.id);
				return;
			case 'verdicts':
			case 'policy-verdicts':
				scratch.verdict = wireVerdict(element.verdict);
				return;
			case 'external':
			case 'external-local':
			case 'source-ranges':
			case 'cluster-ips':
			case 'hairpin':
			case 'service-cidrs':
			case 'local-pods':
			case 'unmasqueraded':
				return; // of a set: all of it is its key
		}
	}

	/** Of an id too: it is carried as an action is. */
	#setAction(action: number): void {
		this.#action[0] = action;
		this.#scratch.value = this.#actionBytes;
	}

	/** Writes address, protocol and port, and returns the offset behind them. The padding stays zero. */
	#writeService(into: Uint8Array, {address, protocol, port}: ServiceKey): number {
		const at = writeAddress(address, into, 0);
		into[at] = protocolNumbers[protocol];
		return writePort(into, at + 4, port);
	}
}

function writePort(into: Uint8Array, at: number, port: number): number {
	into[at] = port >> 8;
	into[at + 1] = port & 0xff;
	return at + 4;
}

function wireVerdict(verdict: Verdict): WireVerdict {
	return verdict.kind === 'drop' ? {code: verdicts.drop} : {code: verdicts.goto, chain: verdict.chain};
}
