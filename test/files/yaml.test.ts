import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {dump} from 'js-yaml';
import {NetError} from '../../src/errors.ts';
import {readContent} from '../../src/files/content.ts';
import {parseGroup, parseYaml, splitDocuments, splitList} from '../../src/files/yaml.ts';

/** Values and texts that YAML has to quote, fold or indent in its own ways. */
const text = fc.oneof(
	fc.string(),
	fc.constantFrom(
		'',
		'yes',
		'null',
		'1e3',
		'0x10',
		'- a',
		'a: b',
		'#',
		'---',
		'a\n---\nb',
		'\n- x\nitems:\n',
		'|',
		'&a',
		'*a',
		'%',
		'"',
		"'",
		'ü\u2028',
	),
	fc
		.array(fc.constantFrom('- a', ' b', '', 'items:', 'kind: List', '\tc', '---'), {maxLength: 5})
		.map((lines) => lines.join('\n')),
);
const value = fc.letrec((tie) => ({
	value: fc.oneof(
		{depthSize: 'small'},
		text,
		fc.integer(),
		fc.boolean(),
		fc.constant(null),
		tie('list'),
		tie('object'),
	),
	list: fc.array(tie('value'), {maxLength: 4}),
	object: fc.dictionary(text, tie('value'), {maxKeys: 4}),
}));
const item = fc.record({apiVersion: fc.constant('v1'), kind: fc.constant('Service'), spec: value.value, note: text});
const style = fc.record({
	seqNoIndent: fc.boolean(),
	indent: fc.constantFrom(2, 4),
	lineWidth: fc.constantFrom(-1, 20, 80),
	noRefs: fc.boolean(),
});

/** The values of a list that was taken apart at its items, however short it is. */
function inGroups(yaml: string): unknown[] | undefined {
	const split = splitList(yaml, 0);
	return split && [...split.groups].flatMap(parseGroup);
}

testProp(
	'a list taken apart at its items holds what it holds as a whole',
	[fc.array(item, {minLength: 1, maxLength: 5}), style],
	(t, items, options) => {
		const yaml = dump({apiVersion: 'v1', items, kind: 'List', metadata: {resourceVersion: ''}}, options);
		let values: unknown[] | undefined;
		try {
			values = inGroups(yaml);
		} catch {
			return; // an alias to another item: it is parsed whole then
		}

		t.deepEqual(values, (parseYaml(yaml)[0] as {items: unknown[]}).items);
		t.is((parseYaml(splitList(yaml, 0)?.frame ?? '')[0] as {items: unknown}).items, null);
	},
);

testProp(
	'documents taken apart hold what they hold as a whole',
	[fc.array(value.value, {maxLength: 4}), style],
	(t, values, options) => {
		const yaml = values.map((each) => `---\n${dump(each, options)}`).join('');
		t.deepEqual(splitDocuments(yaml).flatMap(parseYaml), parseYaml(yaml));
	},
);

testProp(
	'any text of YAML lines reads in groups as it does whole, or is refused',
	[
		fc.array(
			fc.constantFrom(
				'items:',
				'- a: 1',
				'  b: "x',
				'  c: x"',
				'- |',
				'   text',
				'  - d',
				'',
				'# c',
				'kind: List',
				'  e: [',
				'  ]',
				'- *a',
				'- &a f',
				'---',
				'\t',
				"  g: 'h",
				"- i'",
				'...',
			),
			{maxLength: 12},
		),
	],
	(t, lines) => {
		const yaml = `apiVersion: v1\n${lines.join('\n')}\n`;
		const filler = `# ${'-'.repeat(70_000)}\n`; // only long documents are taken apart
		const read = (source: string) => {
			try {
				return readContent('x.yaml', source, ({value: each}) => each);
			} catch (error) {
				return (error as NetError).code;
			}
		};
		t.deepEqual(read(filler + yaml), read(yaml));
	},
);

testProp(
	'any text is read or refused by name',
	[fc.string({unit: 'binary'}), fc.constantFrom('x.yaml', 'x.json')],
	(t, source, file) => {
		try {
			readContent(file, source, () => 0);
		} catch (error) {
			t.true(error instanceof NetError && error.code === 'FILE_INVALID');
		}

		t.pass();
	},
);

test('a list in the form of kubectl is taken apart', (t) => {
	const yaml =
		'apiVersion: v1\nitems:\n- a: |\n    - x\n\n  b: 1\n- a: 2\nkind: List\nmetadata:\n  resourceVersion: ""\n';
	const split = splitList(yaml, 0);
	t.is(split?.frame, 'apiVersion: v1\nitems:\nkind: List\nmetadata:\n  resourceVersion: ""\n');
	t.deepEqual(inGroups(yaml), [{a: '- x\n', b: 1}, {a: 2}]);
	t.deepEqual(inGroups(yaml.replaceAll(/^(?=- | )/gm, '  ')), [{a: '- x\n', b: 1}, {a: 2}]);
});

test('booleans and merge keys are those of kubectl', (t) => {
	t.deepEqual(parseYaml('a: &a {x: yes}\nb: {<<: *a, c: off}\nd: "yes"\n'), [
		{a: {x: true}, b: {x: true, c: false}, d: 'yes'},
	]);
});

test('items of a typed list take their kind from it, those of a plain list bring their own', (t) => {
	const kinds = (source: object) => readContent('x.json', JSON.stringify(source), ({value: each}) => each);
	t.deepEqual(kinds({apiVersion: 'v1', kind: 'ServiceList', items: [{a: 1}, {kind: 'Pod'}]}), [
		{apiVersion: 'v1', kind: 'Service', a: 1},
		{kind: 'Pod'},
	]);
	t.deepEqual(kinds({apiVersion: 'v1', kind: 'List', items: [{a: 1}]}), [{a: 1}]);
	t.deepEqual(kinds({apiVersion: 'v1', kind: 'ServiceList', items: null}), []);
	t.deepEqual(kinds({apiVersion: 'x/v1', kind: 'AllowList', spec: 1}), [
		{apiVersion: 'x/v1', kind: 'AllowList', spec: 1},
	]);
});

test('places count documents and items from 1, and a fault names its document and line in the file', (t) => {
	const source = 'a: 1\n---\nkind: List\nitems: [{b: 1}, {c: 1}]\n---\n# nothing\n---\nd: 1\n';
	const places = readContent('x.yaml', source, ({place}) => place);
	t.deepEqual(places, [{document: 1}, {document: 2, item: 1}, {document: 2, item: 2}, {document: 4}]);
	const error = t.throws(() => readContent('x.yaml', `${source}---\ne: ]\n`, () => 0));
	t.like(error, {code: 'FILE_INVALID', details: {file: 'x.yaml', document: 5, line: 10, column: 4}});
});

test('Windows line ends, a comment before the first document and `...` read as they should', (t) => {
	const read = (source: string) => readContent('x.yaml', source, ({value: each}) => each);
	t.deepEqual(read('# c\r\n---\r\na: "x\r\n  y"\r\n---\r\nb: 2\r\n'), [{a: 'x y'}, {b: 2}]);
	t.deepEqual(read('a: 1\n...\n---\nb: 2\n'), [{a: 1}, {b: 2}]);
	t.deepEqual(read('%YAML 1.2\n---\na: 1\n'), [{a: 1}]);
	t.deepEqual(read('a: |\n  x\n  ---\n  y\n'), [{a: 'x\n---\ny\n'}]);
});
