import {readlinkSync} from 'node:fs';
import {networkInterfaces} from 'node:os';
import test from 'ava';
import {NetError} from '../../src/errors.ts';
import {exec} from '../../src/kernel/exec.ts';
import {Netns, ownNetns} from '../../src/kernel/netns.ts';

const current = () => readlinkSync('/proc/thread-self/ns/net');

test.before(async () => {
	await exec('ip', ['netns', 'add', 'pod']);
	await exec('ip', ['-n', 'pod', 'address', 'add', '10.1.2.3/32', 'dev', 'lo']);
	await exec('ip', ['-n', 'pod', 'link', 'set', 'lo', 'up']);
});

test.after.always(async () => {
	await exec('ip', ['netns', 'delete', 'pod']);
});

test('a callback runs inside the namespace and the process is back behind it', (t) => {
	using pod = new Netns('/run/netns/pod');
	const home = current();
	const inside = pod.run(() => ({
		namespace: current(),
		addresses: networkInterfaces()['lo']?.map(({address}) => address),
	}));
	t.is(inside.namespace, `net:[${pod.inode}]`);
	t.true(inside.addresses?.includes('10.1.2.3'));
	t.is(current(), home);
	t.is(home, `net:[${ownNetns().inode}]`);
});

test('a callback that throws comes back home too, and its error passes unchanged', (t) => {
	using pod = new Netns('/run/netns/pod');
	const home = current();
	const error = t.throws(() =>
		pod.run(() => {
			throw new RangeError('mine');
		}),
	);
	t.true(error instanceof RangeError);
	t.is(error.message, 'mine');
	t.is(current(), home);
});

test('a namespace inside a namespace returns one step at a time', (t) => {
	using pod = new Netns('/run/netns/pod');
	using home = ownNetns();
	const seen = pod.run(() => [current(), home.run(current), current()]);
	t.deepEqual(seen, [`net:[${pod.inode}]`, `net:[${home.inode}]`, `net:[${pod.inode}]`]);
	t.is(current(), `net:[${home.inode}]`);
});

test('threads that read files stay in the namespace of the node', async (t) => {
	using pod = new Netns('/run/netns/pod');
	const {readlink} = await import('node:fs/promises');
	const home = current();
	const links = pod.run(() => Array.from({length: 8}, async () => await readlink('/proc/thread-self/ns/net')));
	t.deepEqual(new Set(await Promise.all(links)), new Set([home]));
});

test('a namespace that does not exist, one that is none, and a closed one are refused by name', (t) => {
	const missing = t.throws(() => new Netns('/run/netns/nobody'), {instanceOf: NetError});
	t.is(missing.code, 'NETNS_MISSING');
	t.is(missing.message, 'cannot open network namespace "/run/netns/nobody"');
	using file = new Netns('/etc/hostname');
	const wrong = t.throws(() => file.run(current), {instanceOf: NetError});
	t.is(wrong.code, 'KERNEL_REFUSED');
	t.deepEqual(wrong.details, {errno: 'EINVAL', syscall: 'setns'});
	file.close();
	t.is(t.throws(() => file.run(current), {instanceOf: NetError}).code, 'NETNS_MISSING');
});
