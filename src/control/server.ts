import type {Socket} from 'node:net';
import process from 'node:process';
import {NetError} from '../errors.ts';
import {type Peer, readPeer} from '../kernel/peer.ts';
import type {Logger} from '../observe/log.ts';
import {type After, Connection} from './connection.ts';
import type {Handlers} from './protocol.ts';
import {listenAt} from './socket-file.ts';

/**
 * Connections at once: a runtime that starts all pods of a node calls the CNI plugin for each. One more takes the place of
 * the oldest that asks nothing.
 */
const defaultConnectionsMax = 512;

export type ControlOptions = {
	/** As `controlPath` gives it. */
	readonly path: string;
	readonly handlers: Handlers;
	readonly log: Logger;
	readonly after: After;
	/** Whether this process may ask; root and the daemon's own user, unless told. */
	readonly allows?: (peer: Peer) => boolean;
	readonly connectionsMax?: number;
};

/**
 * Answers at the daemon's socket until the signal, which closes every connection and removes the file. Resolves when
 * it listens.
 *
 * @throws NetError CONTROL_SOCKET when it cannot listen there
 */
export async function serveControl(options: ControlOptions, signal: AbortSignal): Promise<void> {
	const connections = new Set<Connection>();
	const close = await listenAt(options.path, (socket) => accept(socket, connections, options));
	const stop = () => {
		close();
		for (const connection of connections) {
			connection.close();
		}
	};
	if (signal.aborted) {
		stop();
	}

	signal.addEventListener('abort', stop, {once: true});
}

function accept(socket: Socket, connections: Set<Connection>, options: ControlOptions): void {
	const {handlers, log, after, allows = isTrusted, connectionsMax = defaultConnectionsMax} = options;
	const connection = new Connection(socket, handlers, after, () => connections.delete(connection));
	const stranger = strangerAt(socket, allows);
	if (stranger !== undefined) {
		log.warn('a process that may not ask was refused at the control socket', {...stranger});
		connection.refuse(new NetError('CONTROL_DENIED', `answer user ${stranger.uid}`, {...stranger}));
		return;
	}

	if (connections.size >= connectionsMax) {
		const idle = [...connections].find(({isIdle}) => isIdle);
		if (idle === undefined) {
			connection.refuse(new NetError('CONTROL_BUSY', `answer more than ${connectionsMax} connections at once`));
			return;
		}

		idle.close();
		connections.delete(idle);
	}

	connections.add(connection);
}

/** Who is there, unless it may ask. Who is gone already is nobody's concern. */
function strangerAt(socket: Socket, allows: (peer: Peer) => boolean): Peer | undefined {
	try {
		const peer = readPeer(socket);
		return allows(peer) ? undefined : peer;
	} catch {
		return {pid: 0, uid: -1, gid: -1};
	}
}

function isTrusted({uid}: Peer): boolean {
	return uid === 0 || uid === process.getuid?.();
}
