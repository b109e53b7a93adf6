import {spawnSync} from 'node:child_process';
import test from 'ava';
import {exec} from '../../src/kernel/exec.ts';
import {Netns} from '../../src/kernel/netns.ts';
import type {Change} from '../../src/model/change.ts';
import {watchNodeAddresses} from '../../src/node/addresses.ts';
import {silentLog} from '../../src/observe/log.ts';

test.before(async () => {
	await exec('ip', ['netns', 'add', 'node']);
	await ip(
		'link set lo up',
		'link add eth0 type veth peer name cable',
		'link set cable up',
		'link set eth0 up',
		'address add 192.0.2.1/24 dev eth0',
	);
});

test.after.always(async () => {
	await exec('ip', ['netns', 'delete', 'node']);
});

async function ip(...lines: readonly string[]): Promise<void> {
	await exec('ip', ['-n', 'node', '-batch', '-'], {input: lines.join('\n')});
}

/** What was told until `last` is told, as a set of addresses. */
async function until(source: AsyncIterator<readonly Change[]>, last: string, known: Set<string>): Promise<Set<string>> {
	for (;;) {
		const {value = []}: {value?: readonly Change[]} = await source.next();
		const words = value.map((change) => apply(known, change));
		if (words.includes(last)) {
			return known;
		}
	}
}

function apply(known: Set<string>, change: Change): string {
	switch (change.verb) {
		case 'put': {
			const address = change.object.kind === 'NodeAddress' ? change.object.address : '?';
			known.add(address);
			return `+${address}`;
		}

		case 'delete':
			known.delete(change.key);
			return `-${change.key}`;
		case 'synced':
			return change.source;
	}
}

test.serial('addresses that are added and removed are seen, and those of a deleted interface', async (t) => {
	using netns = new Netns('/run/netns/node');
	const stop = new AbortController();
	const source = watchNodeAddresses({netns, log: silentLog}, stop.signal);
	const known = new Set<string>();
	t.deepEqual([...(await until(source, 'nodeAddresses', known))], ['192.0.2.1']);
	await ip('address add 2001:db8::1/64 dev eth0 nodad', 'address add 192.0.2.2/24 dev eth0');
	t.deepEqual([...(await until(source, '+192.0.2.2', known))].toSorted(), ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
	await ip('address delete 192.0.2.2/24 dev eth0');
	t.deepEqual([...(await until(source, '-192.0.2.2', known))].toSorted(), ['192.0.2.1', '2001:db8::1']);
	await ip('link add veth0 type veth peer name veth1', 'link set veth0 up', 'address add 169.254.1.1/32 dev veth0');
	await until(source, '+169.254.1.1', known);
	await ip('link delete veth0');
	t.deepEqual([...(await until(source, '-169.254.1.1', known))].toSorted(), ['192.0.2.1', '2001:db8::1']);
	await ip('link set eth0 down');
	t.deepEqual(
		[...(await until(source, '-192.0.2.1', known))].filter((address) => address.includes('.')),
		[],
	);
	await ip('link set eth0 up');
	await until(source, '+192.0.2.1', known);
	stop.abort();
	t.true((await source.next()).done);
});

test.serial('after a flood while the loop was blocked the addresses are right', async (t) => {
	using netns = new Netns('/run/netns/node');
	const stop = new AbortController();
	const source = watchNodeAddresses({netns, receiveBytes: 4096, log: silentLog}, stop.signal);
	const known = new Set<string>();
	await until(source, 'nodeAddresses', known);
	const flood = Array.from({length: 500}, (_, round) => {
		const text = `10.${round >> 8}.${round & 255}.1/32 dev eth0`;
		return round < 10 ? `address add ${text}` : `address add ${text}\naddress delete ${text}`;
	});
	const {status} = spawnSync('/usr/sbin/ip', ['-n', 'node', '-batch', '-'], {input: flood.join('\n')});
	t.is(status, 0);
	await ip('address add 198.51.100.1/32 dev eth0');
	await until(source, '+198.51.100.1', known);
	t.is([...known].filter((address) => address.startsWith('10.')).length, 10);
	stop.abort();
	t.true((await source.next()).done);
});
