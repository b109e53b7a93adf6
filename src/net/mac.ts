import {NetError} from '../errors.ts';

declare const mac: unique symbol;

/** A hardware address of an Ethernet interface as six pairs of lower-case hex digits, `02:00:5e:00:53:01`. */
export type Mac = string & {readonly [mac]: true};

/**
 * The address that `text` is: of one interface, neither a group's nor all zero.
 *
 * @throws NetError NET_INVALID
 */
export function parseMac(text: string): Mac {
	const lower = text.toLowerCase().replaceAll('-', ':');
	if (!/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(lower) || /^.[13579bdf]/.test(lower) || lower === '00:00:00:00:00:00') {
		throw new NetError('NET_INVALID', `read ${JSON.stringify(text)} as the hardware address of one interface`, {text});
	}

	return lower as Mac;
}

export function macBytes(address: Mac): Uint8Array {
	return Uint8Array.from(address.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** @param bytes six of them */
export function macFromBytes(bytes: Uint8Array): Mac {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}
