import test from 'ava';
import {printFailure} from '../../src/cli/failure.ts';
import {NetError} from '../../src/errors.ts';
import {runHere} from '../support/program.ts';

test('a failure says what could not be done, why, what to do next, and its code', (t) => {
	const cause = new Error('EACCES: permission denied', {cause: 'a lower one'});
	t.is(
		printFailure(new NetError('DAEMON_STATE_DIR', 'use the folder "/x"', {path: '/x'}, cause), 'text'),
		`fairlead: cannot use the folder "/x"
  because: EACCES: permission denied
  because: a lower one
  hint: Name a folder that this user may create and write, with --state-dir.
  code: DAEMON_STATE_DIR
`,
	);
});

test('a failure is one line of JSON for programs', (t) => {
	const text = printFailure(new NetError('CLI_USAGE', 'understand', {flag: '--x'}), 'json');
	t.deepEqual(JSON.parse(text), {
		error: {
			code: 'CLI_USAGE',
			message: 'cannot understand',
			hint: 'Run `fairlead --help`, or `fairlead <command> --help`, for what there is.',
			details: {flag: '--x'},
		},
	});
	t.is(text.split('\n').length, 2);
});

test('a bug of ours shows where it is', (t) => {
	t.regex(
		printFailure(new TypeError('x is undefined'), 'text'),
		/^fairlead: cannot go on: TypeError: x is undefined\n +at /,
	);
});

const wrong: readonly [args: readonly string[], says: RegExp][] = [
	[
		['run', '--objcts', 'x'],
		/^fairlead: cannot understand .* '--objcts' \(Did you mean --objects\?\)\n {2}hint: .*\n {2}code: CLI_USAGE\n$/,
	],
	[['rnu'], /unknown command 'rnu' \(Did you mean run\?\)/],
	[['run', 'more'], /too many arguments/],
	[['run', '--objects'], /argument missing/],
	[['version', '-o', 'xml'], /Allowed choices are text, json/],
	[['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
	[['run'], /--kubeconfig \(wanted: a path, or --objects, or --master, because this process runs in no Pod\)/],
	[['run', '--objects', 'x', '--proxy-mode=ebpf'], /--proxy-mode "ebpf" \(wanted: nftables or auto: this version/],
	[
		['run', '--objects', 'x', '--config', 'test/config/files/wrong.yaml'],
		/use FairleadConfiguration\.port 5 \(wanted: no such field\); KubeProxyConfiguration\.bindAddress "localhost" \(wanted: an IP address\)/,
	],
	[
		['run', '--objects', 'x', '--init-only'],
		/--init-only "true" \(wanted: no such flag: preparing a node is a command of its own: run `fairlead init`/,
	],
	[['plan', '--objects', 'x', '--masquerade-all=maybe'], /--masquerade-all "maybe" \(wanted: true or false\)/],
	[['plan', '--objects', 'x', '--node-addresses', '10.0.0.0/8'], /--node-addresses "10.0.0.0\/8"/],
];
for (const [args, says] of wrong) {
	test(`\`fairlead ${args.join(' ')}\` is wrong usage, and says why`, async (t) => {
		const {code, stdout, stderr} = await runHere(args);
		t.regex(stderr, says);
		t.notRegex(stderr, /\n +at /, 'no stack');
		t.is(code, 2);
		t.is(stdout, '');
	});
}

test('a configuration file that is not there is a failure, with why', async (t) => {
	const {code, stderr} = await runHere(['run', '--objects', 'x', '--config', '/nowhere/config.conf']);
	t.is(code, 1);
	t.regex(stderr, /^fairlead: cannot read the configuration file "\/nowhere\/config.conf"\n {2}because: ENOENT/);
	t.regex(stderr, /code: CONFIG_UNREADABLE\n$/);
});

test('a configuration that cannot be written is a failure, with why', async (t) => {
	const {code, stderr} = await runHere(['run', '--objects', 'x', '--write-config-to', '/nowhere/config.conf']);
	t.is(code, 1);
	t.regex(stderr, /because: ENOENT.*\n.*\n {2}code: CONFIG_UNWRITABLE\n$/);
});

test('wrong usage is JSON on the standard error where JSON was asked for', async (t) => {
	const {code, stderr} = await runHere(['plan', '-o', 'json']);
	t.is(code, 2);
	t.like(JSON.parse(stderr), {error: {code: 'CONFIG_INVALID'}});
});
