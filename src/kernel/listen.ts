import {setImmediate} from 'node:timers/promises';
import type {Message} from '../wire/message.ts';
import type {NetlinkSocket} from './socket.ts';

/** Multicast messages as they came, or the word that some never came: what they would have told must be read anew. */
export type Heard = {readonly kind: 'messages'; readonly messages: readonly Message[]} | {readonly kind: 'lost'};

/**
 * What the kernel says to the groups that `socket` has joined, from now on, until `signal` is aborted; the socket is
 * then closed. After `lost`, messages from before the loss do not come any more, so that a state read after it is
 * never overwritten by an older one.
 */
export function listen(socket: NetlinkSocket, signal: AbortSignal): AsyncGenerator<Heard> {
	const close = () => socket.close();
	signal.addEventListener('abort', close, {once: true});
	return hear(socket, signal, () => signal.removeEventListener('abort', close));
}

async function* hear(socket: NetlinkSocket, signal: AbortSignal, release: () => void): AsyncGenerator<Heard> {
	try {
		while (!signal.aborted) {
			const messages = socket.receive();
			if (socket.takeLoss()) {
				await drain(socket);
				yield {kind: 'lost'};
			} else if (messages.length > 0) {
				yield {kind: 'messages', messages};
				await setImmediate(); // a flood must not keep the loop to itself
			} else {
				await socket.readable(signal);
			}
		}
	} finally {
		release();
		socket.close();
	}
}

/** Throws away what waits. In a flood that never pauses the bound ends it, and the next loss is found soon enough. */
async function drain(socket: NetlinkSocket): Promise<void> {
	for (let round = 0; round < 1000; round++) {
		const empty = socket.receive().length === 0;
		if (empty && !socket.takeLoss()) {
			return;
		}

		await setImmediate();
	}
}
