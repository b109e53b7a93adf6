import {createServer} from 'node:net';
import {NetError} from '../errors.ts';

/** Gives the place of the one daemon of this network namespace free. */
export type Release = () => void;

/**
 * Takes the place of the one daemon of this network namespace: an abstract unix socket, which the kernel keeps one
 * of per network namespace and frees when the process ends, however it ends. The socket does not keep the process
 * running, and nobody answers on it.
 *
 * @param purpose what needs the place, for the message: "start"
 * @throws NetError DAEMON_RUNNING when another process has it
 * Source: unix(7), "Abstract sockets"
 */
export async function lockNamespace(purpose: string, name = 'fairlead'): Promise<Release> {
	const server = createServer((socket) => socket.destroy());
	return await new Promise((resolve, reject) => {
		server.once('error', (cause: NodeJS.ErrnoException) => {
			const what = `${purpose}: a fairlead daemon runs in this network namespace`;
			const taken = cause.code === 'EADDRINUSE';
			reject(taken ? new NetError('DAEMON_RUNNING', what, {socket: `@${name}`}) : cause);
		});
		server.listen({path: `\0${name}`}, () => {
			server.unref();
			resolve(() => server.close());
		});
	});
}
