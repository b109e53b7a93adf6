import {once} from 'node:events';
import {createServer} from 'node:net';
import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {listenHttp, textReply} from '../../src/observe/http.ts';
import {freePort} from '../support/free-port.ts';

test('a server that is closed before it listens leaves its port to others', async (t) => {
	const port = await freePort();
	let bound = false;
	const close = listenHttp({
		bind: {address: '127.0.0.1', port},
		answer: () => textReply(200, 'ok'),
		bound: () => {
			bound = true;
		},
	});
	close();
	await setImmediate();
	const other = createServer().listen(port, '127.0.0.1');
	t.teardown(() => other.close());
	await once(other, 'listening');
	t.false(bound);
});
