import {mkdirSync, renameSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {fc, testProp} from '@fast-check/ava';
import {serviceYaml, temporaryDirectory, WatchedFiles, writeFiles} from '../support/watched-files.ts';

/** Files by name; each holds Services that no other one holds, `version` tells their address. */
const names = ['a.yaml', 'b.yml', 'sub/c.yaml', 'sub/deep/d.yaml'] as const;
const content = fc.record({services: fc.integer({min: 0, max: 3}), version: fc.integer({min: 1, max: 9})});
const step = fc.oneof(
	fc.record({verb: fc.constant('write' as const), name: fc.constantFrom(...names), content}),
	fc.record({verb: fc.constant('replace' as const), name: fc.constantFrom(...names), content}),
	fc.record({
		verb: fc.constantFrom('break' as const, 'empty' as const, 'remove' as const),
		name: fc.constantFrom(...names),
	}),
	fc.record({verb: fc.constantFrom('removeSub' as const, 'moveSub' as const, 'removeAll' as const, 'rest' as const)}),
);

type Content = {readonly services: number; readonly version: number};

function services(name: string, {services: count, version}: Content): [name: string, address: string][] {
	const base = name.replaceAll(/\W/g, '-');
	return Array.from({length: count}, (_, i) => [`${base}-${i}`, `10.96.${i}.${version}`]);
}

function yaml(name: string, each: Content): string {
	return `# ${name}\n${services(name, each)
		.map(([service, address]) => serviceYaml(service, address))
		.join('---\n')}`;
}

testProp.serial(
	'after any changes to files and directories, what is in force is what the files say once they are whole again',
	[fc.array(step, {minLength: 1, maxLength: 12}), fc.array(fc.option(content), {minLength: 4, maxLength: 4})],
	async (t, steps, last) => {
		const directory = temporaryDirectory(t);
		const root = join(directory, 'objects');
		mkdirSync(root);
		const files = new WatchedFiles(t, root, {settleMs: 5});
		await files.untilSynced();
		const mark = async (address: string) => {
			writeFiles(root, {'mark.yaml': serviceYaml('mark', address)});
			await files.until(() => files.inForce.get('Service default/mark') === address);
		};
		for (const [index, each] of steps.entries()) {
			change(root, each);
			if (each.verb === 'rest') {
				await mark(`10.96.8.${index}`); // all that came before was looked at
			}
		}

		const expected = new Map<string, string>();
		for (const [index, name] of names.entries()) {
			const each = last[index];
			rmSync(join(root, name), {force: true});
			if (each) {
				writeFiles(root, {[name]: yaml(name, each)});
				services(name, each).map(([service, address]) => expected.set(`Service default/${service}`, address));
			}
		}

		await mark('10.96.9.9'); // a directory that was replaced by an empty one counts only with a file in it
		expected.set('Service default/mark', '10.96.9.9');
		const isSame = () =>
			files.inForce.size === expected.size && [...expected].every(([key, value]) => files.inForce.get(key) === value);
		await files.until(() => isSame() && files.problems.size === 0);
		t.pass();
	},
	{numRuns: 15},
);

function change(root: string, each: {readonly verb: string; readonly name?: string; readonly content?: Content}): void {
	const {verb, name = '', content: now = {services: 0, version: 1}} = each;
	switch (verb) {
		case 'write':
			writeFiles(root, {[name]: yaml(name, now)});
			break;
		case 'replace':
			writeFiles(root, {[`${name}.tmp`]: yaml(name, now)});
			renameSync(join(root, `${name}.tmp`), join(root, name));
			break;
		case 'break':
			writeFiles(root, {[name]: 'kind: ['});
			break;
		case 'empty':
			writeFiles(root, {[name]: ''});
			break;
		case 'remove':
			rmSync(join(root, name), {force: true});
			break;
		case 'removeSub':
			rmSync(join(root, 'sub'), {recursive: true, force: true});
			break;
		case 'moveSub':
			rmSync(join(root, '.old'), {recursive: true, force: true});
			mkdirSync(join(root, 'sub'), {recursive: true});
			renameSync(join(root, 'sub'), join(root, '.old'));
			break;
		case 'removeAll':
			rmSync(root, {recursive: true});
			mkdirSync(root);
	}
}
