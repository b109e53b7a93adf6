import {NetError} from '../errors.ts';
import {align, littleEndian, viewOf} from '../wire/writer.ts';

const headerLength = 16; // NLMSG_HDRLEN

/**
 * Gives each message of `batch` its sequence, in place: `first`, `first + 1` and so on. The last one also gets
 * `lastFlags`.
 *
 * @returns how many messages there are
 * @throws NetError WIRE_TRUNCATED when something else than whole messages is in it
 */
export function numberMessages(batch: Uint8Array, first: number, lastFlags: number): number {
	const view = viewOf(batch);
	let [count, last] = [0, -1];
	for (let at = 0, length = 0; at < batch.length; at += align(length)) {
		length = at + headerLength > batch.length ? 0 : view.getUint32(at, littleEndian); // nlmsg_len
		if (length < headerLength) {
			throw new NetError('WIRE_TRUNCATED', `number the messages of a batch: byte ${at} begins none`, {at, length});
		}

		view.setUint32(at + 8, first + count, littleEndian); // nlmsg_seq
		last = at;
		count++;
	}

	if (last >= 0) {
		view.setUint16(last + 6, view.getUint16(last + 6, littleEndian) | lastFlags, littleEndian); // nlmsg_flags
	}

	return count;
}
