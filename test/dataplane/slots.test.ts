import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {commentOf} from '../../src/dataplane/nftables/compile.ts';
import type {Slot} from '../../src/dataplane/nftables/ruleset.ts';
import {arrange} from '../../src/dataplane/nftables/slots.ts';
import {parseAddress} from '../../src/net/address.ts';
import {buildFrontend} from '../support/frontends.ts';

const slot = (last: number): Slot => ({address: parseAddress(`10.128.0.${last}`), port: 8080});
const text = (slots: readonly (Slot | undefined)[]) => slots.map((one) => one?.address.split('.')[3] ?? '-').join(' ');

test('a kept backend keeps its slot, and a hole is filled from the end', (t) => {
	const held = [1, 2, 3, 4].map(slot);
	t.is(text(arrange(held, [1, 3, 4].map(slot))), '1 4 3');
	t.is(text(arrange(held, [4, 5, 1].map(slot))), '1 4 5');
	t.is(text(arrange(held, [5, 1, 2, 3, 4].map(slot))), '1 2 3 4 5');
	t.is(text(arrange([undefined, slot(2), slot(2)], [3, 2].map(slot))), '3 2');
});

const slots = fc.uniqueArray(fc.integer({min: 1, max: 12}), {maxLength: 12}).map((list) => list.map(slot));
const holes = fc.array(fc.option(fc.integer({min: 1, max: 12}).map(slot), {nil: undefined}), {maxLength: 12});

testProp(
	'whatever the kernel has, the arranged list is the wanted one, and moves no more than it must',
	[holes, slots],
	(t, held, wanted) => {
		const arranged = arrange(held, wanted);
		t.deepEqual(arranged.toSorted(byAddress), wanted.toSorted(byAddress));
		const stay = wanted.filter((one) => held.slice(0, wanted.length).some((other) => other?.address === one.address));
		const kept = arranged.filter((one, index) => held[index]?.address === one.address);
		t.is(kept.length, stay.length);
		t.deepEqual(arrange(arranged, wanted.toReversed()), arranged, 'a second time nothing moves');
	},
);

function byAddress(a: Slot, b: Slot): number {
	return a.address < b.address ? -1 : 1;
}

test('the comment of a long name is cut at 127 bytes, never inside a character', (t) => {
	const comment = (parts = {}) => commentOf(buildFrontend(parts).service);
	t.is(comment({name: 'a'.repeat(200)}), `shop/${'a'.repeat(122)}`);
	t.is(comment({name: 'ö'.repeat(100)}), `shop/${'ö'.repeat(61)}`);
	t.is(comment(), 'shop/web:http');
});
