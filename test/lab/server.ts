import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer, type Socket} from 'node:net';
import type {Serve} from './requests.ts';

/**
 * Serves TCP and UDP on every port, both families, until the process ends: each client is told
 * `NAME SOURCE-ADDRESS\n`, then gets its own bytes back.
 */
export async function serve({name, ports, address = '::'}: Serve): Promise<null> {
	await Promise.all(ports.flatMap((port) => [serveTcp(name, port, address), serveUdp(name, port, address)]));
	return null;
}

/**
 * Sockets that listen on one port. Node takes one new connection from each in a turn of its loop, however many wait
 * (libuv 1.45 and newer): on a busy machine one socket alone would answer fewer clients than come.
 */
const listeners = 16;

async function serveTcp(name: string, port: number, address: string): Promise<void> {
	await Promise.all(
		Array.from({length: listeners}, async () => {
			const server = createServer((socket) => greet(name, socket));
			server.listen({port, host: address, backlog: 4096, reusePort: true});
			await once(server, 'listening');
		}),
	);
}

function greet(name: string, socket: Socket): void {
	socket.on('error', () => socket.destroy()); // a probe resets its connection once it knows who answered
	socket.setNoDelay(true);
	socket.write(`${name} ${plain(socket.remoteAddress ?? '?')}\n`);
	socket.pipe(socket);
}

async function serveUdp(name: string, port: number, address: string): Promise<void> {
	const socket = createSocket({type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 << 20});
	socket.on('message', (_, from) => {
		socket.send(`${name} ${plain(from.address)}\n`, from.port, from.address);
	});
	socket.bind({port, address, exclusive: true});
	await once(socket, 'listening');
}

/** An IPv4 address as itself where a socket of both families shows it mapped into IPv6. */
function plain(address: string): string {
	return address.replace(/^::ffff:/, '');
}
