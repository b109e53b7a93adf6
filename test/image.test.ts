import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {copiesOf, parseDockerfile, type Stage} from './support/dockerfile.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const stages = parseDockerfile(read('Dockerfile'));
const image: Stage = stages.at(-1) ?? {name: undefined, instructions: []};
const {version}: {readonly version: string} = JSON.parse(read('package.json'));

/** What the lines of a stage that begin so are told. */
const said = (stage: Stage, verb: string) =>
	stage.instructions.filter((each) => each.verb === verb).map(({text}) => text);

test('each file that the image is built from is in the repository, and let through by .dockerignore', (t) => {
	const files = stages.flatMap((stage) => copiesOf(stage).flatMap(({from, sources}) => (from ? [] : sources)));
	const [all, ...letThrough] = read('.dockerignore')
		.split('\n')
		.filter((line) => line !== '' && !line.startsWith('#'));
	t.deepEqual(
		files.filter((file) => !existsSync(join(root, file))),
		[],
	);
	t.is(all, '*');
	t.deepEqual(
		letThrough,
		[...new Set(files)].toSorted().map((file) => `!${file}`),
	);
});

test('what is copied from another stage is copied from one above it', (t) => {
	for (const [index, stage] of stages.entries()) {
		const above = stages.slice(0, index).map(({name}) => name);
		const from = copiesOf(stage).flatMap((copy) => copy.from ?? []);
		t.deepEqual(
			from.filter((name) => !above.includes(name)),
			[],
		);
	}
});

test('the compiler is in one stage, and not in the image', (t) => {
	const compiling = stages.filter((stage) => said(stage, 'RUN').some((line) => /\bgcc\b/.test(line)));
	t.deepEqual(
		compiling.map(({name}) => name),
		['native'],
	);
	t.deepEqual(said(image, 'RUN'), ['ln -s /opt/fairlead/src/cli/fairlead.js /usr/local/bin/fairlead']);
});

test('both native programs are built in that stage, from all that they are made of, and are in the image', (t) => {
	const native = stages.find(({name}) => name === 'native') ?? image;
	const sources = copiesOf(native).flatMap((copy) => copy.sources);
	t.deepEqual(sources.toSorted(), ['cni-bin', 'package.json', 'scripts/build', 'src']);
	t.deepEqual(said(native, 'RUN').at(-1), 'NODE_HEADERS=/usr/local/include/node scripts/build');
	t.true(copiesOf(image).some(({from, sources: built}) => from === 'native' && built.join() === '/opt/fairlead/build'));
	for (const path of ['build/fairlead.node', 'build/fairlead-cni']) {
		t.true(read('scripts/build').includes(`build ${path} `), path);
	}
});

test('process 1 of a container is the program, without a shell or npm before it that keeps a SIGTERM', (t) => {
	t.deepEqual(
		said(image, 'ENTRYPOINT').map((line) => JSON.parse(line)),
		[['/usr/local/bin/node', '/opt/fairlead/src/cli/fairlead.js']],
	);
});

test("the image's label, the manifests' tag and package.json name one version", (t) => {
	t.deepEqual(said(image, 'ARG'), [`VERSION=${version}`]);
	t.is(/newTag: (.*)/.exec(read('manifests/base/kustomization.yaml'))?.[1], version);
	t.true(read('Dockerfile').includes(`fairlead:${version} .`));
});

test('the image runs on a Node that package.json takes', (t) => {
	const [, major, minor] = /node:(\d+)\.(\d+)/.exec(read('Dockerfile')) ?? [];
	t.true(Number(major) === 24 && Number(minor) >= 12);
});
