import {NetError} from '../errors.ts';
import {Netns, ownNetns} from '../kernel/netns.ts';

/**
 * The container's network namespace, open.
 *
 * @throws NetError CNI_NETNS when nothing is there, or when it is the node's own
 */
export function openSandbox(path: string): Netns {
	let netns: Netns;
	try {
		netns = new Netns(path);
	} catch (cause) {
		throw new NetError('CNI_NETNS', `open the network namespace ${path}`, {path}, cause);
	}

	if (netns.inode === nodeInode()) {
		netns.close();
		throw new NetError('CNI_NETNS', `attach ${path}: it is the node's own network namespace`, {path});
	}

	return netns;
}

/** Whether the namespace of this number is still at its path. */
export function isSandboxThere(path: string, inode: number): boolean {
	try {
		using netns = new Netns(path);
		return netns.inode === inode;
	} catch {
		return false;
	}
}

let node: number | undefined;

function nodeInode(): number {
	if (node === undefined) {
		using own = ownNetns();
		node = own.inode;
	}

	return node;
}
