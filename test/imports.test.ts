import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, normalize, relative} from 'node:path';
import test from 'ava';

/** The house, read top to bottom: room (a path prefix under src/, the longest wins) → rooms it may import. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
	errors: [],
	net: ['errors'],
	model: ['net', 'errors'],
	plan: ['model', 'net', 'errors'],
	wire: ['net', 'errors'],
	config: ['net', 'errors'],
	trace: ['plan', 'model', 'net', 'errors'],
	observe: ['errors'],
	kernel: ['wire', 'net', 'errors', 'observe'],
	files: ['model', 'net', 'errors', 'observe'],
	apiserver: ['model', 'net', 'errors', 'observe', 'config'],
	dataplane: ['plan', 'wire', 'kernel', 'net', 'errors', 'observe'],
	'dataplane/nftables': ['dataplane', 'plan', 'wire', 'kernel', 'net', 'errors', 'observe'],
	node: ['model', 'plan', 'wire', 'kernel', 'net', 'errors', 'observe'],
	conntrack: ['plan', 'model', 'wire', 'kernel', 'net', 'errors', 'observe'],
	cni: ['model', 'wire', 'kernel', 'net', 'errors', 'observe', 'control'],
	control: ['kernel', 'net', 'errors', 'observe'],
	daemon: ['*'],
	cli: ['*'],
};

/** Room → packages it may import. A room that is not named may import `node:` modules only. */
const packages: Readonly<Record<string, readonly string[]>> = {
	net: ['ip-address'],
	config: ['zod', 'js-yaml'],
	observe: ['pino', 'pino-pretty', 'prom-client'],
	files: ['js-yaml'],
	apiserver: ['@kubernetes/client-node', 'js-yaml'],
	cli: ['commander', 'js-yaml'],
};

/** Rooms that stay free of effects: no `node:` module at all. */
const pure = ['errors', 'net', 'model', 'plan', 'wire', 'config', 'trace'];

/** Files of an edge room that are pure by name: no `node:`, no kernel. */
const pureFiles = /^dataplane\/[^/]+\/(?:compile|diff|print|ruleset|rules)\.ts$/;

const source = join(import.meta.dirname, '../src');
const importForm = /(?:\bfrom\s+|\bimport\s+|\bimport\()'([^']+)'/g;

function roomOf(path: string): string {
	const rooms = Object.keys(mayImport).filter((room) => path === `${room}.ts` || path.startsWith(`${room}/`));
	return rooms.toSorted((a, b) => b.length - a.length)[0] ?? `${path} (no room)`;
}

function violations(path: string): string[] {
	const room = roomOf(path);
	const text = readFileSync(join(source, path), 'utf8');
	const targets = [...text.matchAll(importForm)].map((match) => match[1] ?? '');
	return targets.filter((target) => !allowed(path, room, target)).map((target) => `${path} (${room}) → ${target}`);
}

function allowed(path: string, room: string, target: string): boolean {
	const isPure = pure.includes(room) || pureFiles.test(path);
	if (target.startsWith('node:')) {
		return !isPure;
	}

	if (!target.startsWith('.')) {
		return packages[room]?.includes(target) ?? false;
	}

	const to = roomOf(relative('.', normalize(join(dirname(path), target))));
	const rooms = mayImport[room] ?? [];
	return to === room || (rooms.includes(to) && !(isPure && to === 'kernel')) || (rooms.includes('*') && to !== 'cli');
}

test('every room imports only the rooms and packages it may', (t) => {
	const files = readdirSync(source, {recursive: true, encoding: 'utf8'}).filter((path) => /\.(?:ts|js)$/.test(path));
	t.true(files.length >= 8, `only ${files.length} files found under src`);
	t.deepEqual(files.flatMap(violations), []);
});

test('an import against the arrows, of a package or of node: from a pure room is seen', (t) => {
	t.false(allowed('plan/plan.ts', 'plan', '../dataplane/dataplane.ts'));
	t.false(allowed('wire/message.ts', 'wire', 'node:fs'));
	t.false(allowed('model/world.ts', 'model', 'zod'));
	t.false(allowed('dataplane/nftables/compile.ts', 'dataplane/nftables', '../../kernel/socket.ts'));
	t.true(allowed('dataplane/nftables/apply.ts', 'dataplane/nftables', '../../kernel/socket.ts'));
	t.is(roomOf('dataplane/nftables/compile.ts'), 'dataplane/nftables');
});
