import {Command, Option} from 'commander';
import type {NotWhole} from '../control/status.ts';
import type {Planned} from '../daemon/plan-once.ts';
import {NetError} from '../errors.ts';
import {type Address, parseAddress} from '../net/address.ts';
import {addConfigOptions, readConfig} from './config-options.ts';
import {printFailure} from './failure.ts';
import type {Terminal} from './terminal.ts';

type PlanFlags = {readonly nodeAddresses?: string; readonly output?: 'nft' | 'json'};

/** `fairlead plan`: what a daemon would send to the kernel, without sending it. */
export function planCommand(terminal: Terminal): Command {
	const command = new Command('plan')
		.description('Print what `fairlead run` with the same flags would send to an empty kernel, as nft text.')
		.usage('[flags]')
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addOption(
			new Option(
				'--node-addresses <list>',
				"plan for another node, which has these addresses; this one's are read from the kernel otherwise",
			).helpGroup('Plan:'),
		)
		.addOption(
			new Option('-o, --output <form>', 'nft text, or json for programs (default: nft)')
				.choices(['nft', 'json'])
				.helpGroup('Plan:'),
		);
	return addConfigOptions(command)
		.addHelpText('after', examples)
		.action(async (flags: PlanFlags, self: Command) => {
			terminal.exitCode = await printPlan(flags, self, terminal);
		});
}

const examples = `
Examples:
  fairlead plan --objects cluster.yaml | nft -c -f -
  fairlead plan --objects cluster.yaml --hostname-override worker-2 --node-addresses 192.0.2.2,2001:db8::2
  fairlead plan --objects cluster.yaml -o json | jq '.notInForce'
  fairlead plan --config /var/lib/kube-proxy/config.conf
  fairlead plan --kubeconfig ~/.kube/config --hostname-override worker-2 --node-addresses 192.0.2.2

Comments at the top of the text name what is not in force, and why. Objects that are refused are named on the
standard error, and the exit code is 1.`;

async function printPlan(flags: PlanFlags, command: Command, {out, err}: Terminal): Promise<number> {
	const {config} = await readConfig(command);
	const addresses = flags.nodeAddresses === undefined ? undefined : parseAddresses(flags.nodeAddresses);
	const [{openDataplane}, {planOnce}] = await Promise.all([
		import('../daemon/dataplanes.ts'),
		import('../daemon/plan-once.ts'),
	]);
	const dataplane = openDataplane();
	const planned = await planOnce(config, dataplane, addresses);
	out(
		flags.output === 'json'
			? printJson(planned)
			: `${planned.notInForce.map(printComment).join('')}${dataplane.print(planned.plan)}`,
	);
	dataplane.close();
	const form = flags.output === 'json' ? 'json' : 'text';
	const warnings = [...config.warnings, ...planned.warnings];
	err(form === 'json' ? '' : warnings.map((warning) => `fairlead: warning: ${warning}\n`).join(''));
	err(planned.problems.map((problem) => printFailure(problem, form)).join(''));
	return planned.problems.length === 0 ? 0 : 1;
}

function parseAddresses(text: string): readonly Address[] {
	try {
		return text.split(',').map((entry) => parseAddress(entry.trim()));
	} catch (cause) {
		const wanted = 'addresses with commas between them';
		throw new NetError('CLI_USAGE', `use --node-addresses ${JSON.stringify(text)} (wanted: ${wanted})`, {}, cause);
	}
}

/** A line that nft skips. A name of Kubernetes holds no line break, and what is printed beside it is ours. */
function printComment({service, what, because}: NotWhole): string {
	return `# not in force: Service ${service}, ${what}: ${because}\n`;
}

function printJson({plan, notInForce, problems, warnings}: Planned): string {
	const {frontends, node, healthChecks} = plan;
	const document = {
		frontends: [...frontends.values()],
		node,
		healthChecks: [...healthChecks.values()],
		notInForce,
		warnings,
		problems: problems.map(({code, message, hint, details}) => ({code, message, hint, details})),
	};
	return `${JSON.stringify(document, undefined, '\t')}\n`;
}
