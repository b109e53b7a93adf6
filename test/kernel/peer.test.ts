import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {connect, createServer, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {readPeer} from '../../src/kernel/peer.ts';

test('a unix socket tells who is at its other end, and a closed one is an error', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'peer-'));
	const server = createServer();
	t.teardown(() => {
		server.close();
		rmSync(folder, {recursive: true});
	});
	server.listen({path: join(folder, 's')});
	await once(server, 'listening');
	const accepted = once(server, 'connection') as Promise<[Socket]>;
	const client = connect({path: join(folder, 's')});
	const [socket] = await accepted;
	t.deepEqual(readPeer(socket), {pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.()} as never);
	client.destroy();
	socket.destroy();
	await once(socket, 'close');
	t.like(
		t.throws(() => readPeer(socket)),
		{code: 'KERNEL_REFUSED'},
	);
});

test('a TCP socket has no such peer', async (t) => {
	const server = createServer();
	t.teardown(() => server.close());
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	const client = connect({port: typeof address === 'object' && address !== null ? address.port : 0});
	await once(client, 'connect');
	t.true(readPeer(client).pid <= 0, 'the kernel knows of no process there');
	client.destroy();
});
