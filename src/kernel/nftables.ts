import {NetError} from '../errors.ts';
import {decodeBody, encodeMessage} from '../wire/body.ts';
import {
	type Acknowledgement,
	controlTypes,
	decodeAcknowledgement,
	type Message,
	messageFlags,
} from '../wire/message.ts';
import {encodeBatchBegin, encodeBatchEnd, nftables, nftablesGroup} from '../wire/nftables.ts';
import {Writer} from '../wire/writer.ts';
import {numberMessages} from './batch.ts';
import {dump} from './dump.ts';
import {errnoName} from './errno.ts';
import {listen} from './listen.ts';
import type {Netns} from './netns.ts';
import {NetlinkSocket} from './socket.ts';
import {TableDump} from './table-dump.ts';
import {type RulesetEvent, transactions} from './transactions.ts';

/** One message of a batch that the kernel did not take. Because of it nothing of the batch happened. */
export type BatchRefusal = {
	/** Which message of the batch, from 0. */
	readonly index: number;
	/** As "EEXIST". */
	readonly errno: string;
	/** The kernel's own sentence, where it has one. */
	readonly text?: string;
	/** Which byte of the message is at fault, counted from its start: finds the element in a message of many. */
	readonly offset?: number;
};

/**
 * A batch of at most so many bytes is sent from this thread: the kernel needs some 50 µs for it, another thread would
 * cost as much again to wake, and on a busy node milliseconds until it runs. Only while another process commits does
 * the loop wait for it.
 */
const smallBatchBytes = 16_384;

/** Sequences of a batch start anew behind it, so that they never overflow 32 bits inside one. */
const sequenceWrap = 0x4000_0000;

/**
 * nf_tables of one network namespace. All transactions leave through one socket, one after another: the kernel takes
 * it for the owner of tables that carry the owner flag.
 */
export class Nftables {
	/** Netlink port of the writing socket: owner of owned tables, and `port` of the events that we cause. */
	readonly port: number;
	/** How many batches the kernel took: by so much we moved the {@link generation}, where each changed something. */
	commits = 0;
	readonly #netns: Netns | undefined;
	readonly #socket: NetlinkSocket;
	readonly #begin = new Writer(64);
	readonly #end = new Writer(64);
	#sequence = 1;
	#previous: Promise<unknown> = Promise.resolve();

	/** @throws NetError KERNEL_REFUSED when the kernel was built without nf_tables */
	constructor({netns}: {readonly netns?: Netns} = {}) {
		this.#netns = netns;
		this.#socket = this.#open();
		this.port = this.#socket.port;
	}

	/**
	 * Makes all of `batch` happen at once, or nothing of it. Resolves after the kernel's commit, with no refusals;
	 * or, when nothing was changed, with each message that the kernel did not take (should they be more than the
	 * receive buffer holds, with the first of them).
	 *
	 * @param batch encoded messages one behind the other, without begin and end; their sequences are set here. It
	 * must not change before the promise settles
	 * @param generation refuses unless the ruleset still is of this {@link generation}
	 * @throws NetError NFT_STALE when it is of another
	 * @throws NetError NFT_REFUSED when the kernel refused the batch as a whole, with `errno`
	 * @throws NetError NFT_TOO_LONG when the batch is longer than the send buffer
	 * @throws NetError KERNEL_DENIED without CAP_NET_ADMIN
	 * @throws NetError NETLINK_LOST when the answer was lost: read the ruleset again to know what happened
	 */
	async commit(batch: Uint8Array, generation?: number): Promise<readonly BatchRefusal[]> {
		const turn = this.#previous.then(async () => await this.#commit(batch, generation));
		this.#previous = turn.catch(() => undefined);
		return await turn;
	}

	/**
	 * The number of the ruleset's version; every commit of any process adds one.
	 *
	 * @throws NetError NETLINK_REFUSED, KERNEL_DENIED
	 */
	generation(): number {
		using socket = this.#open();
		const {type, layout} = {type: nftables.generation.get, layout: nftables.generation.layout};
		const request = new Writer(64);
		encodeMessage(request, {type, flags: messageFlags.request, sequence: 1}, layout, {});
		socket.send([request.written()]);
		const [answer] = socket.receive();
		if (answer === undefined) {
			throw new NetError('NETLINK_LOST', 'read the generation of the ruleset');
		}

		if (answer.type === controlTypes.error) {
			throw refusedWhole('read the generation of the ruleset', decodeAcknowledgement(answer));
		}

		return decodeBody(layout, answer.payload).id ?? 0;
	}

	/**
	 * All answers to an encoded GET message, from one state of its table, each element once. Elements of a large set
	 * take long: the kernel walks from the first one for every 32 KiB (330,000 elements: 3 s). As {@link dump}.
	 */
	dump(request: Uint8Array, signal?: AbortSignal): AsyncGenerator<readonly Message[]> {
		const startCheck = () => new TableDump(request, this.#open([nftablesGroup]), () => this.generation());
		return dump(() => this.#open(), request, signal, startCheck);
	}

	/** What happens to the ruleset from now on, whoever does it, until `signal` is aborted. */
	watch(signal: AbortSignal): AsyncGenerator<RulesetEvent> {
		return transactions(listen(this.#open([nftablesGroup]), signal), this.port);
	}

	/** Rules stay in force; owned tables without the persist flag go away with the socket. */
	close(): void {
		this.#socket.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#open(groups: readonly number[] = []): NetlinkSocket {
		return new NetlinkSocket('netfilter', {netns: this.#netns, groups});
	}

	async #commit(batch: Uint8Array, generation: number | undefined): Promise<BatchRefusal[]> {
		const first = this.#sequence + 1;
		const count = numberMessages(batch, first, messageFlags.acknowledge);
		if (count === 0) {
			return [];
		}

		this.#begin.reset();
		encodeBatchBegin(this.#begin, first - 1, generation);
		this.#end.reset();
		encodeBatchEnd(this.#end, first + count);
		this.#sequence = first + count > sequenceWrap ? 1 : first + count + 1;
		await this.#send(batch);
		const refusals = this.#answers(first, count);
		this.commits += refusals.length === 0 ? 1 : 0;
		return refusals;
	}

	async #send(batch: Uint8Array): Promise<void> {
		try {
			const parts = [this.#begin.written(), batch, this.#end.written()];
			if (batch.length <= smallBatchBytes) {
				this.#socket.send(parts);
			} else {
				await this.#socket.sendAside(parts);
			}
		} catch (error) {
			if (error instanceof NetError && error.details['errno'] === 'EMSGSIZE') {
				throw new NetError('NFT_TOO_LONG', 'commit a batch', {bytes: batch.length}, error);
			}

			throw error;
		}
	}

	/** What the kernel answered to the batch whose messages have the `count` sequences from `first` on. */
	#answers(first: number, count: number): BatchRefusal[] {
		const refusals: BatchRefusal[] = [];
		let acknowledged = false;
		for (let messages = this.#socket.receive(); messages.length > 0; messages = this.#socket.receive()) {
			for (const message of messages) {
				const answer = decodeAcknowledgement(message);
				const index = answer.sequence - first;
				if (answer.errno === 0) {
					acknowledged ||= index === count - 1;
				} else if (index === -1 || index === count) {
					throw refusedWhole('commit a batch', answer);
				} else {
					refusals.push(refusal(index, answer));
				}
			}
		}

		const lost = this.#socket.takeLoss();
		if (refusals.length === 0 && (lost || !acknowledged)) {
			throw new NetError('NETLINK_LOST', 'learn what became of a batch', {lost, acknowledged});
		}

		return refusals;
	}
}

function refusal(index: number, {errno, text, offset}: Acknowledgement): BatchRefusal {
	const found = {...(text !== undefined && {text}), ...(offset !== undefined && {offset})};
	return {index, errno: errnoName(errno), ...found};
}

function refusedWhole(what: string, {errno, text}: Acknowledgement): NetError {
	const name = errnoName(errno);
	const details = {errno: name, ...(text !== undefined && {text})};
	switch (name) {
		case 'EPERM':
			return new NetError('KERNEL_DENIED', `${what}: ${name}`, details);
		case 'ERESTART':
			return new NetError('NFT_STALE', what, details);
		default:
			return new NetError('NFT_REFUSED', `${what}: ${text ?? name}`, details);
	}
}
