import {execFileSync} from 'node:child_process';
import {cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type Implementation} from 'ava';
import {oldNode, program, runProgram} from '../support/program.ts';

const old = oldNode();

/** A test that needs an old Node, or its title with the reason why it is left out. */
function testOld(title: string, run: Implementation<[]>): void {
	if (old === undefined) {
		test.skip(`${title} (left out: this machine has no old Node)`, run);
	} else {
		test(title, run);
	}
}

test('the first file holds no syntax that Node 12 cannot read', (t) => {
	const text = readFileSync(program, 'utf8').replaceAll(/\/\/.*/g, '');
	t.notRegex(text, /\?\.|\?\?|\|\|=|&&=|^await|\bimport .* from\b|#\w+\(/m);
});

testOld('an old Node starts the one that is installed beside Fairlead', async (t) => {
	const {code, stdout} = await runProgram(['version', '-o', 'json'], old);
	t.is(code, 0);
	t.true(Number(JSON.parse(stdout).node.split('.')[0]) >= 24);
});

testOld('an old Node passes on how the program ended', async (t) => {
	t.is((await runProgram(['run'], old)).code, 2);
});

testOld('an old Node with no other beside it is refused in one line', (t) => {
	const root = mkdtempSync(join(tmpdir(), 'fairlead-'));
	t.teardown(() => rmSync(root, {recursive: true}));
	writeFileSync(join(root, 'package.json'), '{"type": "module"}');
	cpSync(program, join(root, 'src/cli/fairlead.js'), {recursive: true});
	symlinkSync('/nowhere', join(root, 'node_modules'));
	const script = `${old} ${join(root, 'src/cli/fairlead.js')} run 2>&1; echo code $?`;
	const said = execFileSync('bash', ['-c', script], {encoding: 'utf8'});
	t.regex(
		said,
		/^fairlead: cannot run on Node\.js \d+\.\d+\.\d+: it needs 24\.12 or newer; run scripts\/setup .*\ncode 1\n$/,
	);
});
