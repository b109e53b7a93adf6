import {once} from 'node:events';
import {type AddressInfo, createServer, type Server} from 'node:net';

/** A server that holds a port of 127.0.0.1 which the kernel chose. */
export async function holdPort(): Promise<{readonly port: number; readonly server: Server}> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {server, port: (server.address() as AddressInfo).port};
}

/** A port of 127.0.0.1 that was free just now. */
export async function freePort(): Promise<number> {
	const {port, server} = await holdPort();
	server.close();
	await once(server, 'close');
	return port;
}
