import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import {dump} from 'js-yaml';
import {parseBlockItems} from '../../src/files/block-yaml.ts';
import {parseYaml} from '../../src/files/yaml.ts';

/** What the whole YAML parser makes of it; undefined when it refuses. */
function whole(text: string): unknown {
	try {
		return parseYaml(text)[0];
	} catch {
		return undefined;
	}
}

const scalars = [
	'a',
	'yes',
	'n',
	'null',
	'~',
	'10',
	'010',
	'1.5',
	'1e3',
	'0x1f',
	'10.96.0.1',
	'fd00::1',
	'10.0.0.0/8',
	'2026-01-01T00:00:00Z',
	'99999999999999999',
	"'10'",
	"'it''s'",
	"'",
	"'a'b",
	'"x"',
	'"a\\n"',
	'""',
	'{}',
	'[]',
	'{a: 1}',
	'[1]',
	'-1',
	'-',
	'|',
	'|-',
	'|+',
	'>',
	'&a b',
	'*a',
	'!x',
	'# c',
	'a # c',
	'a #',
	'a: b',
	'a:',
	'http://x',
	' a',
	'a ',
	'.5',
	'+1',
	'?',
	'@',
	'%',
	'a,b',
	'é',
];
const line = fc
	.tuple(
		fc.integer({min: 0, max: 6}).map((spaces) => ' '.repeat(spaces)),
		fc.constantFrom(
			'',
			'- ',
			'- a: ',
			'- b:',
			'a: ',
			'b: ',
			'a:',
			'k8s.io/x-y_z: ',
			'yes: ',
			'a b: ',
			'"q": ',
			'text',
			'-',
			'- - ',
		),
		fc.oneof(fc.constant(''), fc.constantFrom(...scalars)),
	)
	.map((parts) => parts.join(''));

testProp(
	'what it reads it reads as the whole parser does',
	[fc.array(line, {minLength: 1, maxLength: 9})],
	(t, lines) => {
		const text = `- a: 1\n${lines.join('\n')}\n`;
		const items = parseBlockItems(text);
		t.deepEqual(items ?? whole(text), whole(text));
	},
	{numRuns: 1000},
);

const tree = fc.letrec((tie) => ({
	node: fc.oneof(
		{depthSize: 'small'},
		fc.constantFrom(...scalars),
		fc.integer(),
		fc.boolean(),
		fc.constant(null),
		fc.constantFrom('a\nb\n', 'x\n\n y', '\n', 'a\n \nb'),
		tie('list'),
		tie('object'),
	),
	list: fc.array(tie('node'), {maxLength: 3}),
	object: fc.dictionary(fc.constantFrom('a', 'bC', 'k8s.io/x', 'yes', '1', '-', 'a b'), tie('node'), {maxKeys: 4}),
}));

testProp(
	'what a dumper writes it reads as it was, or leaves to the whole parser',
	[fc.array(tree.object, {minLength: 1, maxLength: 4}), fc.boolean()],
	(t, items, seqNoIndent) => {
		const text = dump(items, {seqNoIndent, lineWidth: -1, noRefs: true});
		t.deepEqual(parseBlockItems(text) ?? whole(text), whole(text));
	},
);

test('the form of kubectl is read without the whole parser', (t) => {
	const text = `- apiVersion: v1
  kind: Service
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"v1","kind":"Service"}
    creationTimestamp: "2026-01-01T00:00:00Z"
    labels:
      app.kubernetes.io/name: web
    name: web
  spec:
    clusterIPs:
    - 10.96.0.1
    - fd00::1
    note: |-
      two

       lines

    ports:
    - name: http
      port: 80
    - name: 'it''s'
      port: 443
    publishNotReadyAddresses: true
  status:
    loadBalancer: {}
    conditions:
- kind: Pod
`;
	const items = parseBlockItems(text);
	t.deepEqual(items, whole(text));
	t.like(items?.[0], {
		metadata: {
			annotations: {'kubectl.kubernetes.io/last-applied-configuration': '{"apiVersion":"v1","kind":"Service"}\n'},
		},
		spec: {clusterIPs: ['10.96.0.1', 'fd00::1'], note: 'two\n\n lines', ports: [{port: 80}, {name: "it's"}]},
		status: {loadBalancer: {}, conditions: null},
	});
});

test('a text that it is not sure of is left to the whole parser', (t) => {
	const texts = [
		'- a: 1',
		'- a: 1\n\n',
		'- a: [1]\n',
		'- a: &x 1\n',
		'- a: b\n   c\n',
		'- a: 1\n  a: 2\n',
		'- a: 1\n b: 2\n',
		'- a: é\n',
		'- a: |\n    \n    x\n',
		'a: 1\n',
		'- a: 1\nb: 2\n',
		'- __proto__: 1\n',
		'- on: 1\n',
	];
	for (const text of texts) {
		t.is(parseBlockItems(text), undefined, text);
	}
});
