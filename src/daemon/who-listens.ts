import type {Owner} from '../kernel/processes.ts';
import {abstractListener, portListeners, socketOwners} from '../kernel/sockets.ts';

/** Ports that a daemon answers on by default, and kube-proxy likewise. */
export const answerPorts = [
	[10_256, 'health answers'],
	[10_249, 'metrics'],
] as const;

/** The process that holds the lock of this network namespace; `pid` 0 when this user may not know it. */
export function findDaemon(): Owner | undefined {
	const inode = abstractListener('fairlead');
	return inode === undefined ? undefined : (socketOwners(new Set([inode])).get(inode) ?? {pid: 0, name: 'fairlead'});
}

/** Who listens on a TCP port, a row for each socket; `pid` 0 for one that this user may not know. */
export function portOwners(port: number): readonly Owner[] {
	const inodes = portListeners(port);
	const known = socketOwners(new Set(inodes));
	return inodes.map((inode) => known.get(inode) ?? {pid: 0, name: 'somebody'});
}
