import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {Pool} from '../../src/cni/pool.ts';
import {podCidrRanges} from '../../src/cni/ranges.ts';
import type {Address, Family} from '../../src/net/address.ts';
import {parseAddress} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';

const restMs = 60_000;

function ranges(...prefixes: readonly string[]) {
	return podCidrRanges(prefixes.map(parsePrefix));
}

/** The next address, which somebody has then. */
function take(pool: Pool, now = 0, family: Family = 'IPv4'): Address | undefined {
	const address = pool.next(family, now);
	if (address !== undefined) {
		pool.hold(address);
	}

	return address;
}

/** As {@link take}, as text. */
function taken(pool: Pool, now = 0, family: Family = 'IPv4'): string | undefined {
	return take(pool, now, family);
}

test('addresses are given out one behind the other, and from the beginning again when the end is reached', (t) => {
	const pool = new Pool(0, ranges('10.0.0.0/29'));
	t.deepEqual([taken(pool), taken(pool), taken(pool)], ['10.0.0.2', '10.0.0.3', '10.0.0.4']);
	pool.release(parseAddress('10.0.0.2'), 0);
	t.is(taken(pool), '10.0.0.5', 'one that was freed waits for its turn');
	t.is(taken(pool), '10.0.0.6');
	t.is(taken(pool), '10.0.0.2');
	t.is(taken(pool), undefined);
});

test('the ranges of a family follow each other, and each family has its own turn', (t) => {
	const pool = new Pool(0, ranges('10.0.0.0/30', 'fd00::/126', '10.9.0.0/30'));
	t.deepEqual(pool.families, ['IPv4', 'IPv6']);
	const six = [
		taken(pool),
		taken(pool, 0, 'IPv6'),
		taken(pool),
		taken(pool, 0, 'IPv6'),
		taken(pool),
		taken(pool, 0, 'IPv6'),
	];
	t.deepEqual(six, ['10.0.0.2', 'fd00::2', '10.9.0.2', 'fd00::3', undefined, undefined]);
});

test('a freed address is given out when it rested a minute', (t) => {
	const pool = new Pool(restMs, ranges('10.0.0.0/29'), {held: [], resting: [], last: [parseAddress('10.0.0.5')]});
	t.is(taken(pool, 0), '10.0.0.6');
	pool.release(parseAddress('10.0.0.6'), 1000);
	t.deepEqual(pool.count('IPv4'), {size: 5, free: 4});
	for (const wanted of ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']) {
		t.is(taken(pool, 60_999), wanted);
	}

	t.is(taken(pool, 61_000), '10.0.0.6');
});

test('where no other is free, the one that rested longest is given out at once', (t) => {
	const pool = new Pool(restMs, ranges('10.0.0.0/29'));
	const five = Array.from({length: 5}, () => taken(pool));
	pool.release(parseAddress('10.0.0.4'), 10);
	pool.release(parseAddress('10.0.0.3'), 20);
	t.true(five.every((address) => address !== undefined));
	t.is(taken(pool, 30), '10.0.0.4');
	t.is(taken(pool, 30), '10.0.0.3');
	t.is(taken(pool, 30), undefined);
});

test('an address that is asked for can be had when it is free, rests or was never given out, and by nobody else', (t) => {
	const pool = new Pool(restMs, ranges('10.0.0.0/29'));
	const asked = parseAddress('10.0.0.5');
	t.notThrows(() => pool.demand(asked));
	pool.hold(asked);
	t.throws(() => pool.demand(asked), {code: 'CNI_ADDRESS', message: 'cannot give 10.0.0.5 to a second pod'});
	pool.release(asked, 0);
	t.notThrows(() => pool.demand(asked), 'who had it wants it back');
	for (const nobodys of ['10.0.0.0', '10.0.0.1', '10.0.0.7', '10.0.1.2', 'fd00::2']) {
		t.throws(
			() => pool.demand(parseAddress(nobodys)),
			{code: 'CNI_ADDRESS', message: /10\.0\.0\.2 to 10\.0\.0\.6/},
			nobodys,
		);
	}
});

test('addresses that are held outside new ranges stay held, and are not given out again', (t) => {
	const pool = new Pool(0, ranges('10.0.0.0/30'));
	t.is(taken(pool), '10.0.0.2');
	pool.setRanges(ranges('10.9.0.0/30'));
	t.throws(() => pool.demand(parseAddress('10.0.0.2')), {message: /second pod/});
	t.is(taken(pool), '10.9.0.2');
	pool.release(parseAddress('10.0.0.2'), 0);
	t.is(taken(pool), undefined);
	pool.setRanges(ranges('10.9.0.0/30', '10.0.0.0/30'));
	t.is(taken(pool), '10.0.0.2', 'the range came back');
});

test('a reserved address is not given out where it lies in the middle', (t) => {
	const [range] = ranges('10.0.0.0/29');
	const gate = parseAddress('10.0.0.4');
	const pool = new Pool(0, range === undefined ? [] : [{...range, reserved: [gate]}]);
	t.deepEqual([taken(pool), taken(pool), taken(pool)], ['10.0.0.2', '10.0.0.3', '10.0.0.5']);
	pool.hold(gate); // by a pod that had it before the ranges changed
	pool.release(gate, 0);
	t.deepEqual(pool.count('IPv4'), {size: 4, free: 1});
});

test('every address of 65,536 is given out once, whatever the word of the bitmap it lies in', (t) => {
	const pool = new Pool(0, ranges('fd00::/64'));
	const all = new Set<Address>();
	for (let address = take(pool, 0, 'IPv6'); address !== undefined; address = take(pool, 0, 'IPv6')) {
		all.add(address);
	}

	t.is(all.size, 65_536);
	t.true(all.has(parseAddress('fd00::2')) && all.has(parseAddress('fd00::1:1')));
});

/** What may happen to a pool; numbers choose among what is there. */
const happening = fc.oneof(
	{
		weight: 5,
		arbitrary: fc.record({kind: fc.constant('take' as const), family: fc.constantFrom<Family>('IPv4', 'IPv6')}),
	},
	{weight: 4, arbitrary: fc.record({kind: fc.constant('release' as const), which: fc.nat()})},
	{weight: 2, arbitrary: fc.record({kind: fc.constant('wait' as const), ms: fc.nat(80_000)})},
	{weight: 1, arbitrary: fc.record({kind: fc.constant('ranges' as const), which: fc.nat(5)})},
	{weight: 1, arbitrary: fc.constant({kind: 'restart' as const})},
);

const rangeSets = [
	ranges('10.0.0.0/29', 'fd00::/125'),
	ranges('10.0.0.0/28'),
	ranges('10.9.0.0/30', 'fd00::/126', '10.0.0.0/29'),
	ranges('fd01::/125'),
	ranges(),
	ranges('10.0.0.8/29', '10.0.0.0/29'),
] as const;

testProp(
	'no address has two holders, rests cut short only when nothing else is free, and all are free in the end',
	[fc.array(happening, {maxLength: 120})],
	(t, happenings) => {
		let [now, current, pool] = [0, rangeSets[0] as ReturnType<typeof ranges>, new Pool(restMs, rangeSets[0])];
		const held = new Set<Address>();
		const freedAt = new Map<Address, number>();
		for (const event of happenings) {
			switch (event.kind) {
				case 'take': {
					const {free, size} = pool.count(event.family);
					const address = take(pool, now, event.family);
					if (address === undefined) {
						t.is(free, 0);
						t.true([...held].filter((each) => each.includes(':') === (event.family === 'IPv6')).length >= size);
						break;
					}

					t.false(held.has(address), `${address} has two holders`);
					t.true(current.some((range) => new Pool(0, [range]).count(event.family).size > 0));
					t.notThrows(() => new Pool(0, current).demand(address), `${address} is in no range`);
					t.true(free === 0 || now - (freedAt.get(address) ?? -restMs) >= restMs, `${address} rested too short`);
					held.add(address);
					break;
				}

				case 'release': {
					const address = [...held][event.which % Math.max(1, held.size)];
					if (address !== undefined) {
						held.delete(address);
						freedAt.delete(address);
						freedAt.set(address, now);
						pool.release(address, now);
					}

					break;
				}

				case 'wait':
					now += event.ms;
					break;
				case 'ranges':
					current = rangeSets[event.which] ?? current;
					pool.setRanges(current);
					break;
				case 'restart':
					pool = new Pool(restMs, current, {held, resting: [...freedAt].filter(([each]) => !held.has(each)), last: []});
					break;
			}
		}

		for (const address of held) {
			pool.release(address, now);
		}

		pool.next('IPv4', now + restMs);
		pool.next('IPv6', now + restMs);
		for (const family of ['IPv4', 'IPv6'] as const) {
			const {free, size} = pool.count(family);
			t.is(free, size);
		}
	},
	{numRuns: 300},
);
