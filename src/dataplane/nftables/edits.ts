import type {Family} from '../../net/address.ts';
import {decodeBody} from '../../wire/body.ts';
import {ElementReader} from '../../wire/element-reader.ts';
import type {Element as WireElement} from '../../wire/elements.ts';
import type {Message} from '../../wire/message.ts';
import {nftables} from '../../wire/nftables.ts';
import {setNames} from './base.ts';
import {foreignElement} from './contents.ts';
import {nfFamily} from './declaration.ts';
import {type ForeignElement, type SetName, tableName} from './ruleset.ts';

/** The last that was said of one element: how it was added, or nothing when it was deleted. */
export type TouchedElement = {readonly key: ForeignElement; readonly is: WireElement | undefined};

/** More of them are not worth to be looked at one by one: to read the table costs no more. */
const touchedMax = 20_000;

/** What other processes did to one of our tables, and what of it has to be looked at. */
export class Edits {
	readonly #family: number;
	readonly #reader = new ElementReader();
	/** `gone`: there is no such table. `unknown`: all of it has to be read. */
	table: 'there' | 'gone' | 'unknown' = 'there';
	/** Whether chains, rules or the table itself were changed. */
	form = false;
	/** By {@link elementName}. */
	readonly elements = new Map<string, TouchedElement>();

	constructor(family: Family) {
		this.#family = nfFamily(family);
	}

	get isEmpty(): boolean {
		return this.table === 'there' && !this.form && this.elements.size === 0;
	}

	/** Takes the messages of one transaction, and returns those that are about this table. */
	add(messages: readonly Message[]): readonly Message[] {
		const ours = messages.filter((message) => this.#isOurs(message));
		for (const message of ours) {
			this.#take(message);
		}

		return ours;
	}

	/** Says that something happened that nobody told. */
	lose(): void {
		this.table = 'unknown';
		this.elements.clear();
	}

	#isOurs({type, payload}: Message): boolean {
		const {table, element} = nftables;
		if (type === table.new || type === table.delete) {
			const {family, name} = decodeBody(table.layout, payload);
			return family === this.#family && name === tableName;
		}

		const {family, table: name} = decodeBody(element.layout, payload); // attribute 1 is the table in all of them
		return family === this.#family && name === tableName;
	}

	#take(message: Message): void {
		const {table, set, element} = nftables;
		switch (message.type) {
			case table.delete:
				this.table = 'gone';
				this.elements.clear();
				return;
			case set.new:
			case set.delete:
				this.#takeSet(decodeBody(set.layout, message.payload).name);
				return;
			case element.new:
			case element.delete:
				this.#takeElements(message);
				return;
			default:
				this.#takeForm();
		}
	}

	/** Behind the end of a table it begins another one. */
	#takeForm(): void {
		this.form = true;
		if (this.table === 'gone') {
			this.lose();
		}
	}

	/** A set of ours that is another one now holds nobody knows what. */
	#takeSet(name: string | undefined): void {
		this.#takeForm();
		if (isSetName(name) && this.table === 'there') {
			this.lose();
		}
	}

	#takeElements({type, payload}: Message): void {
		const reader = this.#reader;
		reader.open(payload);
		let count = 0;
		while (this.table === 'there' && isSetName(reader.set) && reader.next()) {
			const key = foreignElement(reader.set, reader);
			this.elements.set(elementName(key), {key, is: type === nftables.element.new ? reader.element() : undefined});
			count++;
			if (this.elements.size > touchedMax) {
				this.lose();
			}
		}

		if (count === 0 && this.table === 'there' && isSetName(reader.set)) {
			this.lose(); // a list without elements is "all of them"
		}
	}
}

function isSetName(name: string | undefined): name is SetName {
	return setNames.some((known) => known === name);
}

/** What names an element in its table. */
export function elementName({set, key, keyEnd = none}: Pick<ForeignElement, 'set' | 'key' | 'keyEnd'>): string {
	return `${set} ${textOf(key)} ${textOf(keyEnd)}`;
}

const none = new Uint8Array();

/** A character for each two bytes: of ten thousand elements the names are most of the work. */
function textOf(bytes: Uint8Array): string {
	let text = '';
	for (let index = 0; index < bytes.length; index += 2) {
		text += String.fromCharCode((bytes[index] ?? 0) * 256 + (bytes[index + 1] ?? 0));
	}

	return text;
}
