import {NetError} from '../errors.ts';
import {type Draft, encodeMessage, type Layout} from '../wire/body.ts';
import {controlTypes, decodeAcknowledgement, type Message, messageFlags} from '../wire/message.ts';
import {Writer} from '../wire/writer.ts';
import {errnoName} from './errno.ts';
import type {Netns} from './netns.ts';
import {NetlinkSocket} from './socket.ts';

/** One thing that the kernel is asked to do or to tell, as data. Made by {@link routeRequest}. */
export type RouteRequest = {
	/** For people, without "cannot", as `add route 10.0.0.0/8`. */
	readonly what: string;
	readonly type: number;
	/** NLM_F_*, without REQUEST and ACK. */
	readonly flags: number;
	readonly layout: Layout;
	readonly body: Draft<Layout>;
};

/** @param type one of `rtnetlink` in wire/rtnetlink.ts, with the layout that belongs to it */
export function routeRequest<L extends Layout>(
	what: string,
	type: number,
	flags: number,
	layout: L,
	body: Draft<L>,
): RouteRequest {
	return {what, type, flags, layout, body};
}

/** A request that the kernel did not do. */
export type RouteRefusal = {
	/** Which of the requests, from 0. */
	readonly index: number;
	readonly what: string;
	/** As "EEXIST". */
	readonly errno: string;
	/** The kernel's own sentence, where it gave one. */
	readonly text: string | undefined;
};

/** What became of requests: each was done for itself, whatever became of those before. */
export type RouteOutcome = {readonly refusals: readonly RouteRefusal[]; readonly answers: readonly Message[]};

/** A dump that changes run into this often is changed by something that is broken. */
const attemptsMax = 20;

/**
 * Links, addresses, routes, neighbours and traffic control of one network namespace. The kernel works requests off
 * while they are sent, so that a call needs no waiting: 20 requests in one datagram take some 0.1 ms.
 */
export class Rtnetlink {
	readonly #socket: NetlinkSocket;
	readonly #writer = new Writer(2048);

	/** @throws NetError KERNEL_DENIED, KERNEL_REFUSED; NETNS_MISSING when `netns` was closed */
	constructor({netns}: {readonly netns?: Netns | undefined} = {}) {
		this.#socket = new NetlinkSocket('route', {netns});
	}

	/**
	 * Has the kernel work off `requests` in order, as one datagram.
	 *
	 * @throws NetError NETLINK_LOST when an answer did not come
	 */
	run(requests: readonly RouteRequest[]): RouteOutcome {
		if (requests.length === 0) {
			return {refusals: [], answers: []}; // the kernel refuses an empty datagram
		}

		this.#socket.send([this.#encode(requests)]);
		return this.#outcome(requests);
	}

	/** As {@link run}, on another thread: for what takes the kernel milliseconds. One at a time, and no other call meanwhile. */
	async runAside(requests: readonly RouteRequest[]): Promise<RouteOutcome> {
		await this.#socket.sendAside([this.#encode(requests)]);
		return this.#outcome(requests);
	}

	/** All answers to a GET request, from one state. For tables that are short: nothing else happens meanwhile. */
	dump(request: RouteRequest): readonly Message[] {
		for (let attempt = 1; attempt <= attemptsMax; attempt++) {
			this.#writer.reset();
			const flags = messageFlags.request | messageFlags.dump;
			encodeMessage(this.#writer, {type: request.type, flags, sequence: 0}, request.layout, request.body);
			this.#socket.send([this.#writer.written()]);
			const answers = this.#dumped(request);
			if (answers !== undefined) {
				return answers;
			}
		}

		throw new NetError('NETLINK_CHANGING', `${request.what}: it changed in each of ${attemptsMax} attempts`);
	}

	/** Idempotent. */
	close(): void {
		this.#socket.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#encode(requests: readonly RouteRequest[]): Uint8Array {
		this.#writer.reset();
		for (const [sequence, {type, flags, layout, body}] of requests.entries()) {
			const all = flags | messageFlags.request | messageFlags.acknowledge;
			encodeMessage(this.#writer, {type, flags: all, sequence}, layout, body);
		}

		return this.#writer.written();
	}

	#outcome(requests: readonly RouteRequest[]): RouteOutcome {
		const refusals: RouteRefusal[] = [];
		const answers: Message[] = [];
		let acknowledged = 0;
		for (let messages = this.#socket.receive(); messages.length > 0; messages = this.#socket.receive()) {
			for (const message of messages) {
				if (message.type !== controlTypes.error) {
					answers.push(message);
					continue;
				}

				acknowledged++;
				const {errno, sequence: index, text} = decodeAcknowledgement(message);
				if (errno !== 0) {
					refusals.push({index, what: requests[index]?.what ?? '', errno: errnoName(errno), text});
				}
			}
		}

		if (this.#socket.takeLoss() || acknowledged < requests.length) {
			const details = {requests: requests.map(({what}) => what), acknowledged};
			throw new NetError('NETLINK_LOST', 'learn what became of links and routes', details);
		}

		return {refusals, answers};
	}

	/** Undefined when they are of several states, or not all there. */
	#dumped({what}: RouteRequest): Message[] | undefined {
		const answers: Message[] = [];
		let interrupted = false;
		for (let messages = this.#socket.receive(); messages.length > 0; messages = this.#socket.receive()) {
			for (const message of messages) {
				interrupted ||= (message.flags & messageFlags.dumpInterrupted) !== 0;
				if (message.type !== controlTypes.done && message.type !== controlTypes.error) {
					answers.push(message);
					continue;
				}

				const {errno, text} = decodeAcknowledgement(message);
				if (errno !== 0) {
					const name = errnoName(errno);
					throw new NetError('NETLINK_REFUSED', `${what}: ${text ?? name}`, {errno: name, text});
				}

				return interrupted || this.#socket.takeLoss() ? undefined : answers;
			}
		}

		return undefined;
	}
}
