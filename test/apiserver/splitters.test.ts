import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {ItemSplitter} from '../../src/apiserver/items.ts';
import {LineSplitter, maxObjectBytes} from '../../src/apiserver/lines.ts';
import {NetError} from '../../src/errors.ts';

/** Bytes in chunks that begin and end anywhere, inside characters too. */
function chunks(text: string, cuts: readonly number[]): Buffer[] {
	const bytes = Buffer.from(text);
	const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
	return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

const anyCuts = fc.array(fc.nat(10_000), {maxLength: 8});
const anyObject = fc.dictionary(fc.string({unit: 'grapheme'}), fc.jsonValue());

testProp(
	'a list is cut into its items, whatever they hold and wherever its chunks end',
	[fc.array(anyObject, {maxLength: 6}), anyCuts, fc.constantFrom(undefined, '\t'), fc.string({unit: 'grapheme'})],
	(t, items, cuts, indent, token) => {
		const metadata = {resourceVersion: '12', continue: token, '"items":[': 'no list of items'};
		const list = {kind: 'ServiceList', apiVersion: 'v1', other: [{}, '}'], metadata, items};
		const splitter = new ItemSplitter();
		const found = chunks(JSON.stringify(list, null, indent), cuts).flatMap((chunk) => splitter.push(chunk));
		t.deepEqual(
			found.map((text) => JSON.parse(text)),
			items.map((item) => JSON.parse(JSON.stringify(item))),
		);
		t.deepEqual(splitter.end(), {version: '12', next: token});
	},
);

test('a list that is cut off, is none, or has no version is no list', (t) => {
	const texts = [
		'',
		'{"metadata":{"resourceVersion":"1"},"items":[{}',
		'<html>',
		'{"items":[]}',
		'null',
		'{"metadata":{"resourceVersion":7}}',
	];
	for (const text of texts) {
		const splitter = new ItemSplitter();
		splitter.push(Buffer.from(text));
		const error = t.throws(() => splitter.end(), {instanceOf: NetError}, text);
		t.is(error.code, 'API_INVALID');
	}
});

testProp(
	'a watch is cut into its lines, and what has no end of line is never told',
	[
		fc.array(
			fc.string({unit: 'grapheme'}).map((line) => line.replaceAll('\n', '')),
			{maxLength: 6},
		),
		fc.string({unit: 'grapheme'}).map((line) => line.replaceAll('\n', '')),
		anyCuts,
	],
	(t, lines, rest, cuts) => {
		const splitter = new LineSplitter();
		const text = `${lines.map((line) => `${line}\n`).join('')}${rest}`;
		t.deepEqual(
			chunks(text, cuts).flatMap((chunk) => splitter.push(chunk)),
			lines.filter((line) => line !== ''),
		);
		t.is(splitter.rest, Buffer.byteLength(rest));
	},
);

test('an object without an end does not fill the memory', (t) => {
	const [lines, items] = [new LineSplitter(), new ItemSplitter()];
	items.push(Buffer.from('{"items":[{"a":"'));
	const chunk = Buffer.alloc(maxObjectBytes / 2 + 1, 'x');
	lines.push(chunk);
	items.push(chunk);
	t.throws(() => lines.push(chunk), {message: /more than 16777216 bytes/});
	t.throws(() => items.push(chunk), {message: /more than 16777216 bytes/});
});
