import {encodeMessage} from '../../src/wire/body.ts';
import {ElementWriter} from '../../src/wire/elements.ts';
import {messageFlags} from '../../src/wire/message.ts';
import {nfFamilies, nftables, setFlags} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';

const family = nfFamilies.ipv4;
const {request, create, exclusive} = messageFlags;
const add = (type: number) => ({type, flags: request | create, sequence: 0});

/** A batch of messages about the table `lab` and its map `names`, which maps a number to a number. */
export class Batch {
	readonly #writer = new Writer();

	get bytes(): Uint8Array {
		return this.#writer.written();
	}

	table(name = 'lab'): this {
		encodeMessage(this.#writer, add(nftables.table.new), nftables.table.layout, {family, name});
		return this;
	}

	deleteTable(name = 'lab'): this {
		const header = {type: nftables.table.delete, flags: request, sequence: 0};
		encodeMessage(this.#writer, header, nftables.table.layout, {family, name});
		return this;
	}

	map(): this {
		const map = {
			table: 'lab',
			name: 'names',
			flags: setFlags.map,
			keyType: 4,
			keyLen: 4,
			dataType: 4,
			dataLen: 4,
			id: 1,
		};
		encodeMessage(this.#writer, add(nftables.set.new), nftables.set.layout, {family, ...map});
		return this;
	}

	chain(name: string, table = 'lab'): this {
		encodeMessage(this.#writer, add(nftables.chain.new), nftables.chain.layout, {family, table, name});
		return this;
	}

	/** Elements `from` to `to` - 1, as many to a message as fit; an element that exists is refused. */
	elements(from: number, to: number): this {
		return this.#elements({type: nftables.element.new, flags: request | create | exclusive, sequence: 0}, from, to);
	}

	deleteElements(from: number, to: number): this {
		return this.#elements({type: nftables.element.delete, flags: request, sequence: 0}, from, to);
	}

	#elements(header: Parameters<ElementWriter['open']>[0], from: number, to: number): this {
		const writer = new ElementWriter(this.#writer);
		writer.open(header, family, 'lab', 'names');
		const value = header.type === nftables.element.new ? new Uint8Array(4) : undefined;
		for (let key = from; key < to; key++) {
			const element = {key: Uint8Array.of(key >> 24, key >> 16, key >> 8, key), value};
			if (!writer.add(element)) {
				writer.close();
				writer.open(header, family, 'lab', 'names');
				writer.add(element);
			}
		}

		writer.close();
		return this;
	}
}

/** Asks for all elements of the map. */
export function elementsRequest(): Uint8Array {
	const writer = new Writer();
	const body = {family, table: 'lab', set: 'names'};
	encodeMessage(writer, {type: nftables.element.get, flags: 0, sequence: 0}, nftables.element.layout, body);
	return writer.written();
}
