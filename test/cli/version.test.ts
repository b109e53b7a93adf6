import {release} from 'node:os';
import test from 'ava';
import {packageVersion} from '../../src/cli/version.ts';
import {runProgram} from '../support/program.ts';

test('version names Fairlead, Node.js and the kernel, for people and as JSON', async (t) => {
	const versions = {fairlead: packageVersion(), node: process.versions.node, kernel: release()};
	const [text, json, short] = await Promise.all([
		runProgram(['version']),
		runProgram(['version', '-o', 'json']),
		runProgram(['--version']),
	]);
	t.is(text.stdout, `fairlead ${versions.fairlead}\nnode     ${versions.node}\nkernel   ${versions.kernel}\n`);
	t.deepEqual(JSON.parse(json.stdout), versions);
	t.is(short.stdout, `${versions.fairlead}\n`);
});
