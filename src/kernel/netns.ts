import {closeSync, constants, fstatSync, openSync, stat} from 'node:fs';
import {NetError} from '../errors.ts';
import {addon, systemCall, systemError} from './native.ts';

/** An open network namespace: it lives at least until {@link close}, whatever happens to its path. */
export class Netns {
	/** Where it was opened, such as `/run/netns/pod` or `/proc/42/ns/net`. */
	readonly path: string;
	/** Number of the namespace, as `lsns` and `readlink /proc/self/ns/net` show it. */
	readonly inode: number;
	#fd: number | undefined;

	/**
	 * @throws NetError NETNS_MISSING when nothing is at `path`
	 * @throws NetError KERNEL_DENIED, KERNEL_REFUSED
	 */
	constructor(path: string) {
		this.path = path;
		this.#fd = open(path);
		this.inode = fstatSync(this.#fd).ino;
	}

	/**
	 * What `callback` returns, called with this thread in the namespace: for making sockets, which keep the namespace
	 * they were made in. The thread is back before the next line runs, also when `callback` throws. It must not
	 * await, nor start anything that reads files or opens sockets later.
	 *
	 * @throws NetError KERNEL_DENIED without CAP_SYS_ADMIN
	 */
	run<T>(callback: () => T): T {
		const fd = this.descriptor;
		startThreads();
		return systemCall(`enter network namespace "${this.path}"`, () => addon().inNamespace(fd, callback));
	}

	/**
	 * Number of the open file, for messages that name the namespace by it: IFLA_NET_NS_FD.
	 *
	 * @throws NetError NETNS_MISSING when it was closed: the number may stand for another file by now
	 */
	get descriptor(): number {
		if (this.#fd === undefined) {
			throw new NetError('NETNS_MISSING', `enter network namespace "${this.path}": it was closed`);
		}

		return this.#fd;
	}

	/** Lets go of the namespace. Sockets made in it stay open. */
	close(): void {
		if (this.#fd !== undefined) {
			closeSync(this.#fd);
			this.#fd = undefined;
		}
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

/** The network namespace that this process is in. */
export function ownNetns(): Netns {
	return new Netns('/proc/thread-self/ns/net');
}

function open(path: string): number {
	try {
		return openSync(path, constants.O_RDONLY);
	} catch (error) {
		if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
			throw new NetError('NETNS_MISSING', `open network namespace "${path}"`, {path}, error);
		}

		throw systemError(`open network namespace "${path}"`, error);
	}
}

let threadsStarted = false;

/**
 * Makes Node start its threads for file work now. Started inside a namespace they would stay there for good, and
 * every later write to /proc/sys/net would reach that namespace instead of the node's.
 */
function startThreads(): void {
	if (!threadsStarted) {
		threadsStarted = true;
		stat('/proc/self/ns/net', () => undefined);
	}
}
