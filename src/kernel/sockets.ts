import {readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {type Owner, programOf} from './processes.ts';

/** TCP_LISTEN. Source: include/net/tcp_states.h */
const listenState = '0A';

/** __SO_ACCEPTCON, in hex as /proc/net/unix prints it. Source: include/uapi/linux/net.h */
const acceptsConnections = '00010000';

/**
 * Inodes of the sockets that listen on a TCP port, on any address.
 *
 * @param tables texts of /proc/net/tcp and tcp6
 */
export function portListeners(port: number, tables: readonly string[] = readTcp()): readonly number[] {
	const hex = port.toString(16).toUpperCase().padStart(4, '0');
	return tables
		.flatMap((text) => text.split('\n').map((line) => line.trim().split(/\s+/)))
		.filter(([, local = '', , state]) => state === listenState && local.endsWith(`:${hex}`))
		.map((fields) => Number(fields[9]));
}

/**
 * Inode of the socket that listens at an abstract name, such as `fairlead`; undefined when none does.
 *
 * @param table text of /proc/net/unix
 */
export function abstractListener(name: string, table = readFileSync('/proc/net/unix', 'utf8')): number | undefined {
	const found = table
		.split('\n')
		.map((line) => line.trim().split(/\s+/))
		.find((fields) => fields[3] === acceptsConnections && fields[7] === `@${name}`);
	return found === undefined ? undefined : Number(found[6]);
}

/** Who holds these sockets, by inode; of other users' processes only root learns it. */
export function socketOwners(inodes: ReadonlySet<number>): ReadonlyMap<number, Owner> {
	const owners = new Map<number, Owner>();
	for (const entry of inodes.size === 0 ? [] : readdirSync('/proc')) {
		for (const inode of /^\d+$/.test(entry) ? socketsOf(entry) : []) {
			if (inodes.has(inode)) {
				owners.set(inode, {pid: Number(entry), name: programOf(entry)});
			}
		}
	}

	return owners;
}

function socketsOf(pid: string): readonly number[] {
	try {
		return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
			const [, inode] = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`)) ?? [];
			return inode === undefined ? [] : [Number(inode)];
		});
	} catch {
		return []; // it ended meanwhile, or is another user's
	}
}

function readTcp(): readonly string[] {
	return ['/proc/net/tcp', '/proc/net/tcp6'].map(read);
}

/** Empty when it is not there: a kernel without IPv6 has no tcp6, and a process may end at any moment. */
function read(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return '';
	}
}

function readLink(path: string): string {
	try {
		return readlinkSync(path);
	} catch {
		return '';
	}
}
