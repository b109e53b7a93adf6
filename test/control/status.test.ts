import test from 'ava';
import {isWhole, type NotWhole, StatusAssembly} from '../../src/control/status.ts';
import {buildStatus, buildStatusHead} from '../support/status.ts';

const rowOf = (service: string, what = 'x'): NotWhole => ({service, what, because: 'y'});

test('a status is put together from its parts, in order of Services, and the next one begins anew', (t) => {
	const assembly = new StatusAssembly();
	const head = buildStatusHead();
	const problem = {source: 'files', code: 'FILE_INVALID', message: 'cannot', hint: 'do'};
	t.is(assembly.add({kind: 'notWhole', rows: [rowOf('b/x'), rowOf('a/x', 'z')]}), undefined);
	t.is(assembly.add({kind: 'notWhole', rows: [rowOf('a/x', 'a')]}), undefined);
	t.is(assembly.add({kind: 'problems', rows: [problem]}), undefined);
	t.deepEqual(assembly.add({kind: 'head', head}), {
		...head,
		notWhole: [rowOf('a/x', 'a'), rowOf('a/x', 'z'), rowOf('b/x')],
		problems: [problem],
	});
	t.deepEqual(assembly.add({kind: 'head', head}), {...head, notWhole: [], problems: []});
});

test('a node is whole when everything known is in force, from complete sources, as it is written', (t) => {
	const whole = buildStatus();
	t.true(isWhole(whole));
	const [files] = whole.sources;
	const failure = {code: 'X', message: 'cannot', hint: 'do'};
	for (const lack of [
		{inForce: undefined},
		{notWhole: [rowOf('a/x')]},
		{problems: [{source: 'files', ...failure}]},
		{sources: files === undefined ? [] : [{...files, complete: false}]},
		{sources: files === undefined ? [] : [{...files, failure}]},
	]) {
		t.false(isWhole({...whole, ...lack}), JSON.stringify(lack));
	}
});
