import {ElementReader} from '../wire/element-reader.ts';
import {nftables} from '../wire/nftables.ts';
import type {DumpCheck} from './dump.ts';

/** Changes with each dump, so that two elements taken for one are not so again. */
let salt = 0;

/**
 * Checks that no element of a set appears twice in a dump. Elements do, and as many others are missing, while the
 * kernel still moves a hash set that has grown into its new size, up to some 100 ms behind the commit: it goes on
 * where it stopped by counting elements, in an order that has changed, and does not mark the dump as interrupted.
 *
 * Source: net/netfilter/nft_set_hash.c, nft_rhash_walk; seen on 6.18: 100,000 elements, of which 80,867 differed
 */
export function checkEachElementOnce(): DumpCheck {
	salt++;
	const reader = new ElementReader();
	const seen = new Set<number>();
	let count = 0;
	return (answers) => {
		for (const message of answers) {
			if (message.type === nftables.element.new) {
				reader.open(message.payload);
				while (reader.next()) {
					seen.add(identity(reader));
					count++;
				}
			}
		}

		return seen.size === count;
	};
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
