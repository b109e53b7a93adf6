import test from 'ava';
import {addressAt, offsetIn, parseRanges, podCidrRanges, printRange} from '../../src/cni/ranges.ts';
import {NetError} from '../../src/errors.ts';
import {parseAddress} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';

/** The ranges of these podCIDRs, for people, with what is reserved within. */
function ofNode(...prefixes: readonly string[]): readonly string[] {
	return podCidrRanges(prefixes.map(parsePrefix)).map(printRange);
}

/** What `ipam.ranges` makes: each range with its gateway and what of it is reserved, or what is wrong. */
function ofNetwork(ranges: unknown): readonly string[] | string {
	try {
		return (parseRanges(ranges) ?? []).map((range) => {
			const reserved = range.reserved.length === 0 ? '' : ` but ${range.reserved.join(', ')}`;
			return `${printRange(range)}${reserved}, gateway ${range.gateway}`;
		});
	} catch (error) {
		return error instanceof NetError && error.code === 'CNI_CONFIG' ? error.message : String(error);
	}
}

test('pods get neither the network address of a podCIDR, nor the gateway behind it, nor its broadcast address', (t) => {
	t.deepEqual(ofNode('10.244.1.0/24', '10.9.0.0/30'), ['10.244.1.2 to 10.244.1.254', '10.9.0.2 to 10.9.0.2']);
	t.deepEqual(
		ofNode('fd00::/120', 'fd01::/126'),
		['fd00::2 to fd00::ff', 'fd01::2 to fd01::3'],
		'IPv6 has no broadcast',
	);
});

test('of a wide prefix the first 65,536 addresses are used', (t) => {
	t.deepEqual(ofNode('fd00::/64', '10.0.0.0/8'), ['fd00::2 to fd00::1:1', '10.0.0.2 to 10.1.0.1']);
	t.deepEqual(ofNode('fd00::ffff:ff00/112'), ['fd00::ffff:2 to fd00::ffff:ffff'], 'host bits of a podCIDR are cleared');
});

test('a podCIDR without room for a pod is refused', (t) => {
	for (const prefix of ['10.0.0.0/31', '10.0.0.1/32', 'fd00::/127', 'fd00::1/128']) {
		t.throws(
			() => ofNode('10.244.1.0/24', prefix),
			{code: 'CNI_CONFIG', message: /podCIDRs\[1\].*room for a pod/},
			prefix,
		);
	}
});

test('podCIDRs that overlap are refused', (t) => {
	t.throws(() => ofNode('10.0.0.0/24', '10.0.0.128/25'), {
		code: 'CNI_CONFIG',
		message: /podCIDRs\[1\].*overlaps podCIDRs\[0\]/,
	});
	t.throws(() => ofNode('10.0.0.128/25', 'fd00::/64', '10.0.0.0/24'), {code: 'CNI_CONFIG'});
});

test('a network may have ranges of its own, as host-local takes them', (t) => {
	t.deepEqual(ofNetwork([[{subnet: '10.1.0.0/24'}], [{subnet: 'fd00::/120', gateway: ''}]]), [
		'10.1.0.2 to 10.1.0.254, gateway 10.1.0.1',
		'fd00::2 to fd00::ff, gateway fd00::1',
	]);
	const said = [{subnet: '10.1.0.0/24', rangeStart: '10.1.0.10', rangeEnd: '10.1.0.20', gateway: '10.1.0.15'}];
	t.deepEqual(ofNetwork([said]), ['10.1.0.10 to 10.1.0.20 but 10.1.0.15, gateway 10.1.0.15']);
	t.deepEqual(
		ofNetwork([[{subnet: '10.1.0.0/24', gateway: '10.1.0.254'}]]),
		['10.1.0.1 to 10.1.0.254 but 10.1.0.254, gateway 10.1.0.254'],
		'the first address is no gateway where another one is',
	);
	t.deepEqual(
		ofNetwork([[{subnet: '10.1.0.0/24', rangeStart: '10.1.0.0', rangeEnd: '10.1.0.255'}]]),
		['10.1.0.1 to 10.1.0.254 but 10.1.0.1, gateway 10.1.0.1'],
		'network and broadcast address are nobody’s, whoever says so',
	);
	t.is(parseRanges(undefined), undefined);
});

test('two ranges of a subnet may lie apart in one list', (t) => {
	const half = (rangeStart: string, rangeEnd: string) => ({subnet: '10.1.0.0/24', rangeStart, rangeEnd});
	t.is(ofNetwork([[half('10.1.0.10', '10.1.0.20'), half('10.1.0.21', '10.1.0.30')]]).length, 2);
	t.is(
		ofNetwork([[half('10.1.0.10', '10.1.0.20'), half('10.1.0.20', '10.1.0.30')]]),
		'cannot use ipam.ranges[0][1]: wanted is addresses of its own: 10.1.0.20 to 10.1.0.30 overlaps ipam.ranges[0][0]',
	);
});

test('what is wrong with a range is told with its place and what is wanted', (t) => {
	const one = (more: object) => [[{subnet: '10.1.0.0/24', ...more}]];
	const rows = [
		[{}, 'ipam.ranges: wanted is a list that is not empty'],
		[[], 'ipam.ranges: wanted is a list that is not empty'],
		[[[]], 'ipam.ranges[0]: wanted is a list that is not empty'],
		[[['x']], 'ipam.ranges[0][0].subnet: wanted is a prefix without host bits, such as 10.1.0.0/24, not undefined'],
		[[[{subnet: 'x'}]], 'ipam.ranges[0][0].subnet: wanted is a prefix without host bits, such as 10.1.0.0/24, not "x"'],
		[
			[[{subnet: '10.1.0.3/24'}]],
			'ipam.ranges[0][0].subnet: wanted is a prefix without host bits, such as 10.1.0.0/24, not "10.1.0.3/24"',
		],
		[
			[[{subnet: '10.1.0.0/31'}]],
			'ipam.ranges[0][0]: wanted is a prefix with room for a pod, and 10.1.0.0/31 has none',
		],
		[
			one({rangeStart: '10.2.0.1'}),
			'ipam.ranges[0][0].rangeStart: wanted is an address of 10.1.0.0/24, not "10.2.0.1"',
		],
		[one({rangeEnd: 'fd00::1'}), 'ipam.ranges[0][0].rangeEnd: wanted is an address of 10.1.0.0/24, not "fd00::1"'],
		[one({gateway: 7}), 'ipam.ranges[0][0].gateway: wanted is an address of 10.1.0.0/24, not 7'],
		[
			one({rangeStart: '10.1.0.9', rangeEnd: '10.1.0.8'}),
			'ipam.ranges[0][0]: wanted is at least one address for a pod from 10.1.0.9 to 10.1.0.8',
		],
		[
			one({rangeStart: '10.1.0.9', rangeEnd: '10.1.0.9', gateway: '10.1.0.9'}),
			'ipam.ranges[0][0]: wanted is at least one address for a pod from 10.1.0.9 to 10.1.0.9',
		],
		[
			[[{subnet: '10.1.0.0/24'}, {subnet: 'fd00::/64'}]],
			'ipam.ranges[0][1]: wanted is a range of the same IP family as the first of its list',
		],
		[
			[[{subnet: '10.1.0.0/24'}], [{subnet: '10.2.0.0/24'}]],
			'ipam.ranges[1][0]: wanted is one list of IPv4 ranges, for a pod gets one address of each family',
		],
	] as const;
	for (const [ranges, wanted] of rows) {
		t.is(ofNetwork(ranges), `cannot use ${wanted}`);
	}
});

test('an address and its distance from the first are each other’s inverse, across every byte', (t) => {
	const rangesTried = [...podCidrRanges([parsePrefix('10.0.0.0/8'), parsePrefix('fd00::ff:ffff:ffff:0/96')])];
	for (const range of rangesTried) {
		for (const offset of [0, 1, 253, 254, 255, 256, 65_279, 65_535]) {
			t.is(offsetIn(range, addressAt(range, offset)), offset);
		}

		t.is(offsetIn(range, addressAt(range, 65_536)), undefined);
		t.is(offsetIn(range, range.prefix.address), undefined);
	}

	const [range] = podCidrRanges([parsePrefix('10.0.0.0/24')]);
	t.is(range && offsetIn(range, parseAddress('fd00::a')), undefined, 'of the other family');
});
