import {createRequire} from 'node:module';
import {NetError} from '../errors.ts';
import {errnoName} from './errno.ts';

/** The functions of the addon; each throws an Error with `errno` and `syscall`. Source: native/*.c */
type Addon = {
	/** Opens and binds a socket in the network namespace of this thread; an fd. */
	netlinkOpen(protocol: number, receiveBytes: number, sendBytes: number): number;
	netlinkJoin(fd: number, group: number): void;
	/** One datagram to the kernel. It has been worked off when this returns, and its answers can be received. */
	netlinkSend(fd: number, parts: readonly Uint8Array[]): void;
	/** As netlinkSend, on a thread of Node's pool; `parts` must not change until the promise settles. */
	netlinkSendAside(fd: number, parts: readonly Uint8Array[]): Promise<void>;
	/** Bytes now in `buffer`: whole datagrams, each begun at a multiple of 4. 0 when nothing waits. */
	netlinkReceive(fd: number, buffer: Uint8Array): number;
	/** As netlinkReceive, on a thread of Node's pool; `buffer` is not ours until the promise settles. */
	netlinkReceiveAside(fd: number, buffer: Uint8Array): Promise<number>;
	/** Datagrams thrown away since the socket was made, because its receive buffer was full. */
	netlinkDrops(fd: number): number;
	netlinkPort(fd: number): number;
	netlinkClose(fd: number): void;
	/** Calls `callback` with this thread in the network namespace behind `fd`; returns and throws what it does. */
	inNamespace<T>(fd: number, callback: () => T): T;
	/** Of the process at the other end of a connected unix socket, as of the moment when it connected. */
	peerCredentials(fd: number): {readonly pid: number; readonly uid: number; readonly gid: number};
	/** Starts the thread that waits for sockets. Once. */
	pollerStart(onReadable: (token: number) => void): void;
	/** `onReadable(token)` is called once when `fd` can be read or has failed. */
	pollerArm(fd: number, token: number): void;
	/** Whether the poller keeps the process alive. */
	pollerHold(hold: boolean): void;
};

let loaded: Addon | undefined;

/**
 * The addon, loaded at the first call: rooms that only speak about the kernel need no compiler.
 *
 * @throws NetError KERNEL_ADDON when it was not built, or for another machine
 */
export function addon(): Addon {
	if (loaded === undefined) {
		try {
			loaded = createRequire(import.meta.url)('../../build/fairlead.node') as Addon;
		} catch (error) {
			throw new NetError('KERNEL_ADDON', 'load the native addon build/fairlead.node', {}, error);
		}
	}

	return loaded;
}

/**
 * What `call` returns.
 *
 * @param what could not be done if it fails, without "cannot"
 * @throws NetError KERNEL_DENIED for EPERM and EACCES, KERNEL_REFUSED for any other errno; details name `errno`
 * (as "EPERM") and `syscall`
 */
export function systemCall<T>(what: string, call: () => T): T {
	try {
		return call();
	} catch (error) {
		throw systemError(what, error);
	}
}

/** The NetError for an error with an `errno`, of the addon or of Node; anything else is returned as it is. */
export function systemError(what: string, error: unknown): unknown {
	if (!(error instanceof Error && 'errno' in error && typeof error.errno === 'number')) {
		return error;
	}

	const errno = errnoName(Math.abs(error.errno)); // Node's are negative
	const syscall = 'syscall' in error ? String(error.syscall) : undefined;
	const code = errno === 'EPERM' || errno === 'EACCES' ? 'KERNEL_DENIED' : 'KERNEL_REFUSED';
	return new NetError(code, `${what}: ${errno}`, {errno, syscall}, error);
}
