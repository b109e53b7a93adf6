import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {
	actionOfChain,
	actions,
	balanceAction,
	chainOf,
	isBalance,
	isFinal,
	printAction,
	verdictOf,
} from '../../src/dataplane/nftables/actions.ts';

const anyList = fc.constantFrom('cluster' as const, 'local' as const);
const anyPlain = fc.record({list: anyList, count: fc.integer({min: 1, max: 32_768})});
const anySticky = fc.record({
	list: anyList,
	count: fc.integer({min: 1, max: 8192}),
	timeoutSeconds: fc.integer({min: 1, max: 86_400}),
});

testProp(
	'an action names its list, count and timeout: no other has its number, and its chain leads back to it',
	[fc.oneof(anyPlain, anySticky), fc.oneof(anyPlain, anySticky)],
	(t, one, other) => {
		const action = balanceAction(one);
		t.true(isBalance(action) && isFinal(action));
		t.true(action > 0 && action <= 0xffff_ffff);
		const {name} = chainOf(action);
		t.deepEqual(verdictOf(action), {kind: 'goto', chain: name});
		t.is(actionOfChain(name), action);
		t.is(balanceAction(other) === action, JSON.stringify(other) === JSON.stringify(one));
	},
);

test('a chain says how many backends there are, and how long a client keeps its own', (t) => {
	t.is(chainOf(balanceAction({list: 'cluster', count: 3})).name, 'lb-3');
	t.is(chainOf(balanceAction({list: 'local', count: 8192, timeoutSeconds: 10_800})).name, 'sticky-local-8192-10800');
	t.is(printAction(balanceAction({list: 'cluster', count: 1, timeoutSeconds: 86_400})), 'aa30:0');
});

test('a chain of another name, and a number that we never write, is nobody’s', (t) => {
	for (const name of [
		'lb',
		'lb-0',
		'lb-03',
		'lb-32769',
		'sticky-lb-3',
		'sticky-lb-8193-1',
		'sticky-lb-1-86401',
		'sticky-lb-1-0',
		'lb-1-1',
	]) {
		t.is(actionOfChain(name), undefined, name);
	}

	for (const action of [0, 1, 0x1_8001, 0x4_0001, 0x8000_0000, 0xffff_ffff]) {
		t.is(verdictOf(action), undefined, printAction(action));
		t.false(isBalance(action), printAction(action));
	}

	t.throws(() => chainOf(actions.split), {instanceOf: RangeError});
});
