import {Command} from 'commander';
import type {Config} from '../config/config.ts';
import type {SysctlOutcome} from '../node/sysctls.ts';
import {addConfigOptions, readConfig} from './config-options.ts';
import {printFailure} from './failure.ts';
import {type Form, outputOption, printData} from './output.ts';
import {printTable} from './table.ts';
import type {Terminal} from './terminal.ts';

type InitFlags = {readonly output: Form};

/** `fairlead init`: what needs more rights than the daemon has, done once and before it. */
export function initCommand(terminal: Terminal): Command {
	const command = new Command('init')
		.description(
			'Set the connection tracking of the kernel as wanted, and forwarding for pods, once: what `fairlead run` may lack the rights for.',
		)
		.usage('[flags]')
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addOption(outputOption().helpGroup('Init:'));
	return addConfigOptions(command)
		.addHelpText('after', examples)
		.action(async ({output}: InitFlags, self: Command) => {
			terminal.exitCode = await init(output, self, terminal);
		});
}

const examples = `
Examples:
  fairlead init
  fairlead init --config /var/lib/kube-proxy/config.conf
  fairlead init --conntrack-min 262144 --conntrack-tcp-timeout-established 0 -o json

It takes the flags of \`fairlead run\`, of which only those under "Kernel" count, and --cni-conf-dir, with
which forwarding is switched on; it needs no API server. It is to run as
root in the network namespace of the host (in a Pod: a privileged init container with hostNetwork). Where connection
tracking is not there, its module is loaded. Room for connections is never made less than it is.

Exit codes: 0 all is as wanted; 1 something is not, and is named; 2 the command line or the configuration is wrong.`;

async function init(output: Form, command: Command, {out, err, screen}: Terminal): Promise<number> {
	const {config} = await readConfig(command, {input: 'none'}); // its warnings are the daemon's to tell
	const {problemsOf, setConntrack} = await import('../daemon/conntrack-settings.ts');
	const outcomes = [...(await setConntrack(config.conntrack)), ...(await setPodNetwork(config))];
	out(
		output === 'table'
			? printOutcomes(outcomes, screen?.columns ?? 120)
			: await printData(outcomes.map(asData), output),
	);
	const problems = problemsOf(outcomes);
	err(problems.map((problem) => printFailure(problem, output === 'json' ? 'json' : 'text')).join(''));
	return problems.length === 0 ? 0 : 1;
}

/** What packets of pods need where Fairlead is the CNI plugin. */
async function setPodNetwork({cni, clusterCidrs}: Config): Promise<readonly SysctlOutcome[]> {
	if (cni.confDir === undefined) {
		return [];
	}

	const {podFamilies, setForwarding} = await import('../daemon/forwarding.ts');
	return await setForwarding(podFamilies(clusterCidrs));
}

function printOutcomes(outcomes: readonly SysctlOutcome[], width: number): string {
	if (outcomes.length === 0) {
		return 'nothing is to be set: every setting is to be left as it is\n';
	}

	const rows = outcomes.map(({name, wanted, orMore, was, now, problem}) => [
		problem !== undefined ? 'FAIL' : was === now ? 'ok' : 'set',
		name,
		String(was ?? '-'),
		String(now ?? '-'),
		`${wanted}${orMore ? ' or more' : ''}`,
	]);
	return printTable(['STATE', 'SETTING', 'WAS', 'IS', 'WANTED'], rows, width);
}

/** As a program reads it. */
function asData({problem, ...outcome}: SysctlOutcome) {
	const {code, message, hint, details} = problem ?? {};
	return {...outcome, ...(problem !== undefined && {problem: {code, message, hint, details}})};
}
