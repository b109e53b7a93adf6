import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {BackendIds} from '../../src/dataplane/nftables/backend-ids.ts';
import {compile} from '../../src/dataplane/nftables/compile.ts';
import type {LocatedSlot, StickyList} from '../../src/dataplane/nftables/ruleset.ts';
import {parseAddress} from '../../src/net/address.ts';
import type {ServicePortName} from '../../src/plan/frontend.ts';
import {buildFrontend} from '../support/frontends.ts';

const slot = (last: number): LocatedSlot => ({address: parseAddress(`10.128.0.${last}`), port: 8080, local: false});
const portOf = (name: string): ServicePortName => ({namespace: 'shop', name, port: 'http', protocol: 'TCP'});
const cart = portOf('cart');

function listOf(...pairs: readonly (readonly [id: number, last: number])[]): StickyList {
	return {ids: pairs.map(([id]) => id), backends: new Map(pairs.map(([id, last]) => [id, slot(last)]))};
}

test('a backend is called the same in every list of its service port, on every node and after every start', (t) => {
	const ids = new BackendIds();
	const one = ids.assign(cart, [slot(1), slot(2)]);
	const other = ids.assign(cart, [slot(3), slot(2)]);
	t.is(one.ids[1], other.ids[1]);
	t.deepEqual(new BackendIds().assign(cart, [slot(2)]).ids, [one.ids[1] ?? 0]);
	t.deepEqual(
		other.backends,
		new Map([
			[other.ids[0] ?? 0, slot(3)],
			[other.ids[1] ?? 0, slot(2)],
		]),
	);
});

testProp(
	'all ids of a service port have one upper half with the highest bit set, no lower half is 0, and no two are equal',
	[fc.uniqueArray(fc.integer({min: 0, max: 255}), {minLength: 1}), fc.string()],
	(t, lasts, name) => {
		const ids = new BackendIds();
		const {ids: own} = ids.assign(portOf(name), lasts.map(slot));
		const {ids: others} = ids.assign(portOf(`${name} too`), lasts.map(slot));
		t.is(new Set(own.map((id) => id >>> 16)).size, 1);
		t.true(own.every((id) => id >= 0x8000_0000 && id <= 0xffff_ffff && (id & 0xffff) !== 0));
		t.is(new Set(own).size, lasts.length);
		t.not((own[0] ?? 0) >>> 16, (others[0] ?? 0) >>> 16);
	},
);

test('what the kernel calls a backend is kept, and nothing new is called so', (t) => {
	const [wished = 0] = new BackendIds().assign(cart, [slot(1)]).ids;
	const found = listOf([wished, 9], [wished + 1, 8]);
	const ids = new BackendIds(found.backends.keys());
	ids.adopt(cart, found);
	t.deepEqual(ids.assign(cart, [slot(1), slot(8), slot(9)]).ids, [wished + 2, wished + 1, wished]);
});

test('a service port whose half of the id another one has in the kernel takes the next', (t) => {
	const [wished = 0] = new BackendIds().assign(cart, [slot(1)]).ids;
	const found = new BackendIds([wished]);
	t.is(found.assign(cart, [slot(1)]).ids[0], wished + 0x1_0000);
	const taken = new BackendIds([wished]);
	taken.adopt(portOf('desk'), listOf([wished, 1]));
	taken.adopt(cart, listOf([wished, 1]));
	t.is(taken.assign(cart, [slot(1)]).ids[0], wished + 0x1_0000);
	t.is(taken.assign(portOf('desk'), [slot(1)]).ids[0], wished);
});

test('of ids in the kernel that contradict each other the first stands; one that is none of ours is not kept', (t) => {
	const ids = new BackendIds();
	ids.adopt(cart, listOf([0x1_0001, 5], [0x9000_0001, 1], [0x9000_0002, 1], [0x9001_0003, 2], [0x9000_0004, 3]));
	ids.adopt(cart, listOf([0x9000_0004, 4]));
	const [one, two, three, four] = ids.assign(cart, [1, 2, 3, 4].map(slot)).ids;
	t.is(one, 0x9000_0001);
	t.is(three, 0x9000_0004);
	t.deepEqual(
		[two, four].map((id) => (id ?? 0) >>> 16),
		[0x9000, 0x9000],
	);
	t.false([two, four].includes(0x9000_0004));
});

test('an id is free once no list in the kernel has it, and a service port’s half once none of its ids is used', (t) => {
	const ids = new BackendIds();
	const frontend = (target: string) => compile(buildFrontend({name: 'cart', target, affinityTimeoutSeconds: 9}), ids);
	const [both, less] = [frontend('10.128.0.1 10.128.0.2'), frontend('10.128.0.2')];
	const [gone = 0, kept = 0] = both.sticky?.ids ?? [];
	ids.count(both, 1);
	ids.count(less, 1);
	ids.count(both, -1);
	ids.sweep();
	ids.adopt(both.owner, listOf([gone, 7], [kept, 6]));
	t.deepEqual(ids.assign(both.owner, [slot(7), slot(2)]).ids, [gone, kept]);
	ids.count(less, -1);
	ids.sweep();
	ids.adopt(portOf('desk'), listOf([kept, 1]));
	t.deepEqual(ids.assign(portOf('desk'), [slot(1)]).ids, [kept]);
});

test('with more service ports than there are halves two share one, and every backend still has an id', (t) => {
	const ids = new BackendIds(Array.from({length: 0x8000}, (_, index) => (0x8000 + index) * 0x1_0000 + 1));
	const {ids: own} = ids.assign(cart, [slot(1), slot(2)]);
	t.true(own.every((id) => id >= 0x8000_0000));
	t.is(new Set(own).size, 2);
});
