import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {Roster} from '../../src/apiserver/roster.ts';

const anyKey = fc.constantFrom('a', 'b', 'c', 'd');
const anyEvent = fc.record({verb: fc.constantFrom('put', 'refuse', 'delete'), key: anyKey});

testProp(
	'after a complete list, what is gone is what was in force or refused and is not in it',
	[fc.array(anyEvent, {maxLength: 8}), fc.array(anyEvent, {maxLength: 8}), fc.boolean()],
	(t, before, list, breaksOff) => {
		const roster = new Roster();
		const known = new Set<string>();
		const listed = new Set<string>();
		const take = ({verb, key}: {readonly verb: string; readonly key: string}) => {
			if (verb === 'delete') {
				roster.delete(key);
				known.delete(key);
				listed.delete(key);
			} else {
				roster[verb === 'put' ? 'put' : 'refuse'](key);
				known.add(key);
				listed.add(key);
			}
		};
		before.map(take);
		if (breaksOff) {
			roster.beginList();
			roster.put('a');
			known.add('a');
		}

		listed.clear();
		roster.beginList();
		list.map(take);
		t.deepEqual(roster.endList().toSorted(), [...known.difference(listed)].toSorted());
	},
);

test('a list with something that does not say its name shows nothing to be gone, and is not complete', (t) => {
	const roster = new Roster();
	roster.put('a');
	roster.beginList();
	roster.doubt();
	t.deepEqual(roster.endList(), []);
	t.false(roster.isComplete);
	roster.beginList();
	t.false(roster.isComplete, 'not before the next list ends');
	t.deepEqual(roster.endList(), ['a']);
	roster.delete('a');
	t.true(roster.isComplete);
});

test('an object that is refused is missing, unless an earlier version of it is in force', (t) => {
	const roster = new Roster();
	roster.put('a');
	roster.refuse('a');
	t.true(roster.isComplete);
	roster.refuse('b');
	t.false(roster.isComplete);
	roster.put('b');
	t.true(roster.isComplete);
});
