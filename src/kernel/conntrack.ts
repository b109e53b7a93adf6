import {NetError} from '../errors.ts';
import {controlTypes, decodeAcknowledgement, type Message, messageFlags} from '../wire/message.ts';
import {numberMessages} from './batch.ts';
import {errnoName} from './errno.ts';
import type {Netns} from './netns.ts';
import {NetlinkSocket} from './socket.ts';

/** One request of several that the kernel did not do; the others it did. */
export type RequestRefusal = {
	/** Which of the requests, from 0. */
	readonly index: number;
	/** As "ENOENT". */
	readonly errno: string;
};

/**
 * Connection tracking of one network namespace. All of it works on other threads: the kernel walks through the whole
 * table of the machine for a dump, whatever it is asked for (10 ms for 262,144 empty buckets, 35 ms with 100,000
 * entries of other flows; 6.18, 2 shared cores).
 */
export class Conntrack {
	readonly #netns: Netns | undefined;

	constructor({netns}: {readonly netns?: Netns} = {}) {
		this.#netns = netns;
	}

	/**
	 * All answers to an encoded GET message, some hundred at a time. The table goes on changing meanwhile: an entry that
	 * is there from the beginning to the end is told, perhaps twice; one that comes or goes may be.
	 *
	 * @param request its flags and its sequence are set here
	 * @throws NetError CONNTRACK_MISSING when the kernel has no such interface, or knows not what the request asks
	 * @throws NetError KERNEL_DENIED without CAP_NET_ADMIN, NETLINK_REFUSED for anything else
	 * @throws NetError NETLINK_LOST when the end did not come
	 */
	async *dump(request: Uint8Array, signal?: AbortSignal): AsyncGenerator<readonly Message[]> {
		using socket = this.#open();
		numberMessages(request, 1, messageFlags.request | messageFlags.dump);
		await socket.sendAside([request]);
		for (;;) {
			signal?.throwIfAborted();
			const messages = await socket.receiveAside();
			const last = messages.at(-1);
			if (last === undefined || socket.takeLoss()) {
				throw new NetError('NETLINK_LOST', 'read connection tracking to the end');
			}

			const ended = last.type === controlTypes.done || last.type === controlTypes.error;
			if (ended) {
				checkEnd(last);
			}

			const answers = ended ? messages.slice(0, -1) : messages;
			if (answers.length > 0) {
				yield answers;
			}

			if (ended) {
				return;
			}
		}
	}

	/**
	 * Has the kernel do each request for itself, in order, and returns those that it refused.
	 *
	 * @param batch encoded messages one behind the other; their sequences are set here. It must not change meanwhile
	 * @throws NetError KERNEL_DENIED without CAP_NET_ADMIN
	 * @throws NetError NETLINK_LOST when an answer was lost: some may have been refused
	 */
	async request(batch: Uint8Array): Promise<readonly RequestRefusal[]> {
		const count = numberMessages(batch, 0, messageFlags.acknowledge);
		if (count === 0) {
			return [];
		}

		using socket = this.#open();
		await socket.sendAside([batch]);
		const refusals: RequestRefusal[] = [];
		let ended = false;
		for (let messages = socket.receive(); messages.length > 0; messages = socket.receive()) {
			for (const {errno, sequence} of messages.map(decodeAcknowledgement)) {
				const name = errnoName(errno);
				if (name === 'EPERM') {
					throw new NetError('KERNEL_DENIED', `change connection tracking: ${name}`, {errno: name});
				}

				ended ||= sequence === count - 1;
				if (errno !== 0) {
					refusals.push({index: sequence, errno: name});
				}
			}
		}

		if (!ended || socket.takeLoss()) {
			throw new NetError('NETLINK_LOST', 'learn what became of requests to connection tracking', {count});
		}

		return refusals;
	}

	#open(): NetlinkSocket {
		return new NetlinkSocket('netfilter', {netns: this.#netns});
	}
}

function checkEnd(message: Message): void {
	const {errno, text} = decodeAcknowledgement(message);
	if (errno === 0) {
		return;
	}

	const name = errnoName(errno);
	const [what, details] = [`read connection tracking: ${text ?? name}`, {errno: name}];
	switch (name) {
		case 'EPERM':
			throw new NetError('KERNEL_DENIED', what, details);
		case 'EINVAL': // nfnetlink knows no such subsystem. Source: net/netfilter/nfnetlink.c, nfnetlink_rcv_msg
		case 'EOPNOTSUPP':
			throw new NetError('CONNTRACK_MISSING', what, details);
		default:
			throw new NetError('NETLINK_REFUSED', what, details);
	}
}
