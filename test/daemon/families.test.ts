import test from 'ava';
import {servedFamilies} from '../../src/daemon/families.ts';

const host = (files: Readonly<Record<string, string>>) => (path: string) => files[path];

test('a node serves IPv6 when the kernel has it and it is not switched off', (t) => {
	const disable = '/proc/sys/net/ipv6/conf/all/disable_ipv6';
	t.deepEqual(servedFamilies(host({'/proc/net/if_inet6': '', [disable]: '0\n'})), ['IPv4', 'IPv6']);
	t.deepEqual(servedFamilies(host({'/proc/net/if_inet6': '', [disable]: '1\n'})), ['IPv4']);
	t.deepEqual(servedFamilies(host({})), ['IPv4']);
});

test('the files are read where the kernel has them', (t) => {
	t.true(servedFamilies().includes('IPv4'));
});
