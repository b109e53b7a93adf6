import {execFileSync} from 'node:child_process';
import test from 'ava';
import {settings} from '../../src/config/settings.ts';
import {runHere} from '../support/program.ts';

/** What bash offers after these words. */
async function offers(...words: readonly string[]): Promise<string[]> {
	const {stdout} = await runHere(['completion', 'bash']);
	const quoted = words.map((word) => `'${word}'`).join(' ');
	const script = `${stdout}
COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _fairlead; printf '%s\\n' "\${COMPREPLY[@]}"`;
	return execFileSync('bash', ['-c', script], {encoding: 'utf8'}).split('\n').filter(Boolean);
}

test('bash completes commands, flags of a command and the shells', async (t) => {
	t.deepEqual(await offers('fairlead', 'c'), ['check', 'cni', 'cleanup', 'completion']);
	t.deepEqual(await offers('fairlead', 'run', '--node'), ['--nodeport-addresses']);
	t.deepEqual(await offers('fairlead', 'init', '--conntrack-m'), ['--conntrack-max-per-core', '--conntrack-min']);
	t.deepEqual(await offers('fairlead', 'completion', ''), ['--help', 'bash', 'zsh', 'fish']);
	t.deepEqual(await offers('fairlead', 'ipam', ''), [
		'--help',
		'--output',
		'--state-dir',
		'--force',
		'list',
		'release',
	]);
});

test('bash completes the commands of cni, and the flags of all of them', async (t) => {
	t.deepEqual(await offers('fairlead', 'cni', ''), [
		...['--help', '--bin-dir', '--conf-dir', '--conf-name', '--state-dir', '--output', '--mode', '--mtu', '--timeout'],
		...['--binary-only', 'install', 'uninstall'],
	]);
});

test('every shell knows every flag that help shows, and none that it hides', async (t) => {
	for (const shell of ['bash', 'zsh', 'fish']) {
		const {stdout} = await runHere(['completion', shell]);
		for (const {flag} of Object.values(settings)) {
			t.regex(stdout, new RegExp(shell === 'fish' ? `-l ${flag}\n` : `--${flag}[ "]`));
		}

		for (const flag of ['config', 'write-config-to']) {
			t.regex(stdout, new RegExp(shell === 'fish' ? `-l ${flag}\n` : `--${flag}[ "]`));
		}

		t.false(stdout.includes('ipvs-scheduler'));
	}
});
