import {once} from 'node:events';
import {type AddressInfo, createServer, type Server} from 'node:net';

/** A server that holds a port of 127.0.0.1 which the kernel chose. */
export async function holdPort(): Promise<{readonly port: number; readonly server: Server}> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {server, port: (server.address() as AddressInfo).port};
}

/** Below those that the kernel gives to clients: between two tests one of them could take it. */
const [first, count] = [12_000, 20_000];

/** A port of 127.0.0.1 that was free just now. */
export async function freePort(): Promise<number> {
	for (;;) {
		const port = first + Math.floor(Math.random() * count);
		const server = createServer().listen(port, '127.0.0.1');
		const isFree = await once(server, 'listening').then(
			() => true,
			() => false,
		);
		if (isFree) {
			server.close();
			await once(server, 'close');
			return port;
		}
	}
}
