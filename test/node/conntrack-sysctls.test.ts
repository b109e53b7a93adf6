import test from 'ava';
import {type ConntrackWishes, isAsWanted, wantedConntrackSysctls} from '../../src/node/conntrack-sysctls.ts';

/** Wishes that leave everything as it is, but for these. */
function wishes(parts: Partial<ConntrackWishes>): ConntrackWishes {
	const timeouts = {tcpEstablishedTimeoutMs: 0, tcpCloseWaitTimeoutMs: 0, udpTimeoutMs: 0, udpStreamTimeoutMs: 0};
	return {maxPerCore: 0, min: 0, tcpBeLiberal: false, ...timeouts, ...parts};
}

/** What is wanted on so many CPUs, as `max 131072 or more`. */
function wanted(parts: Partial<ConntrackWishes>, cpus = 2): readonly string[] {
	return wantedConntrackSysctls(wishes(parts), cpus).map(
		({name, value, orMore}) => `${name.replace('net.netfilter.nf_conntrack_', '')} ${value}${orMore ? ' or more' : ''}`,
	);
}

const preset = {maxPerCore: 32_768, min: 131_072};

test('there is room for as many connections as the CPUs make, but no fewer than the minimum', (t) => {
	t.is(wanted(preset, 2)[0], 'max 131072 or more');
	t.is(wanted(preset, 4)[0], 'max 131072 or more');
	t.is(wanted(preset, 5)[0], 'max 163840 or more');
});

test('many CPUs make room for at most 1,048,576 connections, which a higher minimum passes', (t) => {
	t.is(wanted(preset, 32)[0], 'max 1048576 or more');
	t.is(wanted(preset, 256)[0], 'max 1048576 or more');
	t.is(wanted({...preset, min: 2_000_000}, 256)[0], 'max 2000000 or more');
	t.is(wanted({...preset, min: 2_000_000}, 1)[0], 'max 2000000 or more');
});

test('the hash table has a slot for every four connections', (t) => {
	t.deepEqual(wanted(preset), ['max 131072 or more', 'buckets 32768 or more']);
	t.deepEqual(wanted({...preset, min: 131_075}), ['max 131075 or more', 'buckets 32768 or more']);
});

test('0 per core leaves the room as it is, whatever the minimum', (t) => {
	t.deepEqual(wanted({maxPerCore: 0, min: 131_072}), []);
});

test('each timeout is set in seconds, and 0 leaves it as it is', (t) => {
	const timeouts = {
		tcpEstablishedTimeoutMs: 86_400_000,
		tcpCloseWaitTimeoutMs: 3_600_000,
		udpTimeoutMs: 40_000,
		udpStreamTimeoutMs: 180_999,
	};
	t.deepEqual(wanted(timeouts), [
		'tcp_timeout_established 86400',
		'tcp_timeout_close_wait 3600',
		'udp_timeout 40',
		'udp_timeout_stream 180',
	]);
	t.deepEqual(wanted({}), []);
});

test('a timeout below a second is one second, because with none every flow is forgotten at once', (t) => {
	t.deepEqual(wanted({udpTimeoutMs: 250}), ['udp_timeout 1']);
});

test('packets outside the window are translated where that is asked for, and left to the kernel where not', (t) => {
	t.deepEqual(wanted({tcpBeLiberal: true}), ['tcp_be_liberal 1']);
	t.deepEqual(wanted({tcpBeLiberal: false}), []);
});

test('more room than wanted is right, no limit at all too, and less or no setting is not', (t) => {
	const max = {name: 'max', value: 1000, orMore: true};
	t.deepEqual(
		[0, 999, 1000, 1001, undefined].map((found) => isAsWanted(max, found)),
		[true, false, true, true, false],
	);
});

test('a timeout is right at its very value only', (t) => {
	const timeout = {name: 'udp_timeout', value: 40, orMore: false};
	t.deepEqual(
		[0, 39, 40, 41, undefined].map((found) => isAsWanted(timeout, found)),
		[false, false, true, false, false],
	);
});
