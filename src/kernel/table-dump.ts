import {decodeBody} from '../wire/body.ts';
import {ElementReader} from '../wire/element-reader.ts';
import type {Message} from '../wire/message.ts';
import {nftables} from '../wire/nftables.ts';
import type {DumpCheck} from './dump.ts';
import type {NetlinkSocket} from './socket.ts';

/** Changes with each dump, so that two elements taken for one are not so again. */
let salt = 0;

/**
 * Checks a dump of one table of nf_tables, for what the kernel marks too little and too much.
 *
 * Too little: while a hash set that has grown is still moved into its new size, up to some 100 ms behind the commit,
 * a dump holds elements twice and misses as many others. It goes on where it stopped by counting elements, in an
 * order that has changed. (Source: net/netfilter/nft_set_hash.c, nft_rhash_walk; seen on 6.18: of 100,000 elements
 * 80,867 differed.) So no element may appear twice.
 *
 * Too much: any commit to any table interrupts a dump, and a large set takes seconds. With other writers on the node
 * it might never be read. So a dump is forgiven the commits that did not touch its table, as the events tell.
 */
export class TableDump implements DumpCheck {
	readonly #reader = new ElementReader();
	readonly #seen = new Set<number>();
	#count = 0;
	readonly #events: NetlinkSocket;
	readonly #family: number;
	readonly #table: string | undefined;
	readonly #generation: () => number;
	#heardGeneration: number | undefined;
	#touched = false;

	/**
	 * @param request the encoded message that asks for the dump; one that names no table is forgiven nothing
	 * @param events a socket that has joined the group of nf_tables
	 * @param generation the ruleset's version right now
	 */
	constructor(request: Uint8Array, events: NetlinkSocket, generation: () => number) {
		salt++;
		const {family, table} = tableOf(request.subarray(16)); // behind struct nlmsghdr
		[this.#family, this.#table, this.#events, this.#generation] = [family, table, events, generation];
	}

	accepts(answers: readonly Message[]): boolean {
		const reader = this.#reader;
		for (const message of answers) {
			if (message.type === nftables.element.new) {
				reader.open(message.payload);
				while (reader.next()) {
					this.#seen.add(identity(reader));
					this.#count++;
				}
			}
		}

		this.#hear();
		return this.#seen.size === this.#count && !this.#touched;
	}

	forgives(): boolean {
		const now = this.#generation();
		this.#hear();
		// a commit shows in dumps before its events are sent: until they are here, it may be one of our table
		const heardAll = this.#heardGeneration !== undefined && ((this.#heardGeneration - now) | 0) >= 0;
		return this.#table !== undefined && heardAll && !this.#touched && !this.#events.takeLoss();
	}

	close(): void {
		this.#events.close();
	}

	#hear(): void {
		for (let messages = this.#events.receive(); messages.length > 0; messages = this.#events.receive()) {
			for (const message of messages) {
				if (message.type === nftables.generation.new) {
					this.#heardGeneration = decodeBody(nftables.generation.layout, message.payload).id;
				} else {
					const {family, table} = tableOf(message.payload);
					this.#touched ||= family === this.#family && table === this.#table;
				}
			}
		}
	}
}

/** The table that a message is about. Attribute 1 names it in messages of every kind: NFTA_TABLE_NAME, NFTA_*_TABLE. */
function tableOf(payload: Uint8Array): {readonly family: number; readonly table: string | undefined} {
	const {family, table} = decodeBody(nftables.element.layout, payload);
	return {family, table};
}

/** 53 bits of the element's key and flags: of 300,000 elements two are alike in one dump of 100,000. */
function identity(reader: ElementReader): number {
	const low = hash(salt ^ (reader.flags << 24), reader);
	const high = hash(~salt, reader);
	return (high >>> 11) * 0x1_0000_0000 + (low >>> 0);
}

function hash(seed: number, reader: ElementReader): number {
	const {bytes, keyAt, keyLength, keyEndAt, keyEndLength} = reader;
	const value = mix(mix(seed, bytes, keyAt, keyLength), bytes, keyEndAt, keyEndLength);
	return value ^ (value >>> 13);
}

/** FNV-1a with shifts, so that different seeds give independent results. */
function mix(seed: number, bytes: Uint8Array, at: number, length: number): number {
	let value = Math.imul(seed ^ 0x811c_9dc5, 0x85eb_ca6b);
	for (let index = at; index < at + length; index++) {
		value = Math.imul(value ^ (bytes[index] ?? 0), 0x0100_0193);
		value ^= value >>> 15;
	}

	return Math.imul(value ^ (value >>> 16), 0xc2b2_ae35);
}
