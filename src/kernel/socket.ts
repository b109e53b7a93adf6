import {NetError} from '../errors.ts';
import {decodeMessages, type Message} from '../wire/message.ts';
import {addon, systemCall, systemError} from './native.ts';
import type {Netns} from './netns.ts';
import {waitReadable} from './poller.ts';

/** NETLINK_*. Source: include/uapi/linux/netlink.h */
const protocols = {route: 0, sockDiag: 4, netfilter: 12} as const;

export type NetlinkProtocol = keyof typeof protocols;

export type NetlinkOptions = {
	/** Where the socket lives; the namespace of this process unless told. */
	readonly netns?: Netns | undefined;
	/** Multicast groups to join, by number (RTNLGRP_*, NFNLGRP_*). */
	readonly groups?: readonly number[];
	/** What the kernel may queue for us, counted with its overhead of some 700 bytes a message. */
	readonly receiveBytes?: number;
};

/** A limit, not an allocation. Without CAP_NET_ADMIN in the first user namespace net.core.rmem_max is the limit. */
const defaultReceiveBytes = 16 * 1024 * 1024;
/** The longest datagram that can be sent, likewise bound by net.core.wmem_max. */
const sendBytes = 256 * 1024 * 1024;

/** Holds what one {@link NetlinkSocket.receive} reads; what it returns are copies. */
let receiveBuffer: Uint8Array | undefined;
const receiveBufferBytes = 512 * 1024;
/** Two datagrams of a dump: whoever decodes them keeps the loop for a millisecond or two. */
const asideBufferBytes = 160 * 1024;

/**
 * A netlink socket. The kernel works a request off while it is sent, so its answers can be received in the same
 * turn, and an answer that is not there then never comes. Only multicast messages have to be waited for.
 */
export class NetlinkSocket {
	/** The address of this socket, which the kernel writes into what it caused: `Message.port` of events. */
	readonly port: number;
	readonly #fd: number;
	#closed = false;
	#drops = 0;
	#failed = false;
	/** Another thread works with the descriptor. */
	#busy = false;
	#asideBuffer: Uint8Array | undefined;
	readonly #waits = new Set<() => void>();

	/** @throws NetError KERNEL_DENIED, KERNEL_REFUSED */
	constructor(protocol: NetlinkProtocol, options: NetlinkOptions = {}) {
		const {netns} = options;
		const make = () => open(protocol, options);
		this.#fd = netns === undefined ? make() : netns.run(make);
		this.port = addon().netlinkPort(this.#fd);
	}

	/**
	 * Sends `parts` as one datagram. The kernel has worked it off on return.
	 *
	 * @throws NetError KERNEL_REFUSED with `errno` EMSGSIZE when it is longer than the send buffer
	 */
	send(parts: readonly Uint8Array[]): void {
		this.#checkOpen();
		systemCall('send a netlink message', () => addon().netlinkSend(this.#fd, parts));
	}

	/**
	 * As {@link send}, on another thread: the loop goes on while the kernel works, or waits for a lock that another
	 * process holds. `parts` must stay as they are meanwhile, and nothing else may be sent.
	 */
	async sendAside(parts: readonly Uint8Array[]): Promise<void> {
		this.#checkOpen();
		try {
			await this.#aside(addon().netlinkSendAside(this.#fd, parts));
		} catch (error) {
			throw systemError('send a netlink message', error);
		}
	}

	/**
	 * The messages that wait, some 512 KiB at most; none when nothing waits. Never throws: what could not be read
	 * shows as {@link takeLoss}.
	 */
	receive(): Message[] {
		if (this.#closed) {
			return [];
		}

		receiveBuffer ??= new Uint8Array(receiveBufferBytes);
		try {
			const length = addon().netlinkReceive(this.#fd, receiveBuffer);
			return length === 0 ? [] : decodeMessages(receiveBuffer.slice(0, length));
		} catch {
			// ENOBUFS when the kernel had no memory for a message, or bytes that are no message: neither comes again
			this.#failed = true;
			return [];
		}
	}

	/**
	 * As {@link receive}, some 64 KiB at most, on another thread: each read of a dump makes the kernel walk on through
	 * a table, and where little of it is asked for that takes tens of milliseconds. Nothing else may be received meanwhile.
	 */
	async receiveAside(): Promise<Message[]> {
		if (this.#closed) {
			return [];
		}

		this.#asideBuffer ??= new Uint8Array(asideBufferBytes);
		const buffer = this.#asideBuffer;
		try {
			const length = await this.#aside(addon().netlinkReceiveAside(this.#fd, buffer));
			return length === 0 ? [] : decodeMessages(buffer.slice(0, length));
		} catch {
			this.#failed = true; // as in receive
			return [];
		}
	}

	/** Whether messages to this socket were lost since the last call: its buffer was full, or reading failed. */
	takeLoss(): boolean {
		if (this.#closed) {
			return false;
		}

		const drops = addon().netlinkDrops(this.#fd);
		const lost = this.#failed || drops !== this.#drops;
		this.#drops = drops;
		this.#failed = false;
		return lost;
	}

	/** Resolves when messages wait, when `signal` is aborted, or when the socket is closed. */
	async readable(signal?: AbortSignal): Promise<void> {
		if (this.#closed || signal?.aborted === true) {
			return;
		}

		const {promise, resolve} = Promise.withResolvers<void>();
		const wake = () => resolve();
		const stop = waitReadable(this.#fd, wake);
		this.#waits.add(wake);
		signal?.addEventListener('abort', wake);
		try {
			await promise;
		} finally {
			signal?.removeEventListener('abort', wake);
			this.#waits.delete(wake);
			stop();
		}
	}

	/** Idempotent. The kernel forgets what belongs to the socket: memberships, a dump, ownership of tables. */
	close(): void {
		if (!this.#closed) {
			this.#closed = true;
			if (!this.#busy) {
				addon().netlinkClose(this.#fd);
			}

			for (const wake of this.#waits) {
				wake();
			}
		}
	}

	/** The descriptor is closed behind the call, should it be closed meanwhile. */
	async #aside<T>(call: Promise<T>): Promise<T> {
		this.#busy = true;
		try {
			return await call;
		} finally {
			this.#busy = false;
			if (this.#closed) {
				addon().netlinkClose(this.#fd);
			}
		}
	}

	/** Its number may by now stand for another file. */
	#checkOpen(): void {
		if (this.#closed) {
			throw new NetError('KERNEL_REFUSED', 'send through a netlink socket that was closed');
		}
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

function open(protocol: NetlinkProtocol, {groups = [], receiveBytes = defaultReceiveBytes}: NetlinkOptions): number {
	const fd = systemCall(`open a ${protocol} netlink socket`, () =>
		addon().netlinkOpen(protocols[protocol], receiveBytes, sendBytes),
	);
	try {
		for (const group of groups) {
			systemCall(`join the ${protocol} multicast group ${group}`, () => addon().netlinkJoin(fd, group));
		}
	} catch (error) {
		addon().netlinkClose(fd);
		throw error;
	}

	return fd;
}
