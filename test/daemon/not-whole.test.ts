import test from 'ava';
import {unservedRows} from '../../src/daemon/not-whole.ts';

test('a Service without node ports is told of as lacking a part, for it is served at its other addresses', (t) => {
	const service = {namespace: 'shop', name: 'web', port: 'http', protocol: 'TCP'} as const;
	const because = {object: 'Node here', field: 'status.addresses', decided: 'no address is known'};
	t.deepEqual(
		unservedRows([
			{service, because},
			{service, key: '203.0.113.7 TCP 80', because},
		]),
		[
			{service: 'shop/web:http', what: 'a part of it', because: 'Node here, status.addresses: no address is known'},
			{
				...{service: 'shop/web:http', what: '203.0.113.7 TCP 80'},
				because: 'Node here, status.addresses: no address is known',
			},
		],
	);
});
