import {fileURLToPath} from 'node:url';
import test from 'ava';
import {golden} from '../lab/golden.ts';
import {runHere} from '../support/program.ts';

const folder = fileURLToPath(new URL('../golden/cli/', import.meta.url));

for (const command of ['', 'run', 'init', 'status', 'ipam', 'check', 'plan', 'cleanup', 'version', 'completion']) {
	test(`help of ${command === '' ? 'the program' : command} is as reviewed`, async (t) => {
		const {code, stdout, stderr} = await runHere([...(command === '' ? [] : [command]), '--help']);
		t.is(code, 0);
		t.is(stderr, '');
		golden(t, `${folder}${command === '' ? 'fairlead' : command}.txt`, stdout);
	});
}

for (const command of ['cni', 'cni install', 'cni uninstall']) {
	test(`help of ${command} is as reviewed`, async (t) => {
		const {code, stdout, stderr} = await runHere([...command.split(' '), '--help']);
		t.is(code, 0);
		t.is(stderr, '');
		golden(t, `${folder}${command.replaceAll(' ', '-')}.txt`, stdout);
	});
}

test('no command at all prints the help on the standard error and is wrong usage', async (t) => {
	const {code, stdout, stderr} = await runHere([]);
	t.is(code, 2);
	t.is(stdout, '');
	t.true(stderr.startsWith('Usage: fairlead <command> [flags]'));
});
