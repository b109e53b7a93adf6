import type {Socket} from 'node:net';
import {NetError} from '../errors.ts';
import {addon, systemCall} from './native.ts';

/** The process at the other end of a unix socket, as it was when it connected. */
export type Peer = {readonly pid: number; readonly uid: number; readonly gid: number};

/**
 * Who is at the other end of a connected unix socket; ids are those of this process's user namespace.
 *
 * @throws NetError KERNEL_REFUSED when the socket is closed
 * Source: unix(7), SO_PEERCRED
 */
export function readPeer(socket: Socket): Peer {
	const fd = descriptorOf(socket);
	if (fd < 0) {
		throw new NetError('KERNEL_REFUSED', 'read who is at the other end of a socket that is closed');
	}

	return systemCall('read who is at the other end of a socket', () => addon().peerCredentials(fd));
}

/** Node tells the number of a socket's file nowhere but in its inner handle (24.21); -1 when it has none any more. */
function descriptorOf(socket: Socket): number {
	const handle: unknown = '_handle' in socket ? socket._handle : undefined;
	const isOpen = typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number';
	return isOpen ? Number(handle.fd) : -1;
}
