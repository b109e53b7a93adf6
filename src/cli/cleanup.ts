import {Command, Option} from 'commander';
import type {Removal} from '../daemon/kube-proxy.ts';
import {NetError} from '../errors.ts';
import {type Form, outputOption, printData} from './output.ts';
import {stateDirOption} from './status.ts';
import type {Terminal} from './terminal.ts';

type CleanupFlags = {
	readonly kubeProxy?: true;
	readonly force?: true;
	readonly output: Form;
	readonly stateDir: string;
};

/** `fairlead cleanup`: removes what a daemon left in the kernel, or what kube-proxy did. */
export function cleanupCommand(terminal: Terminal): Command {
	return new Command('cleanup')
		.description(
			'Remove every trace of Fairlead from the kernel of this node: Services that nobody else serves stop working at once. Or, with --kube-proxy, what kube-proxy in nftables mode left.',
		)
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addOption(new Option('--kube-proxy', "remove kube-proxy's tables, and nothing of Fairlead"))
		.addOption(new Option('--force', 'with --kube-proxy: also while Services may rest on these tables'))
		.addOption(outputOption())
		.addOption(stateDirOption())
		.addHelpText('after', help)
		.action(async (flags: CleanupFlags) => {
			await (flags.kubeProxy === true ? cleanKubeProxy : cleanFairlead)(flags, terminal);
		});
}

const help = `
Without --kube-proxy it refuses while a daemon runs in this network namespace: stop that first. With it, it refuses while
no daemon runs here that has everything in force (\`fairlead status\` ends with 0), and while kube-proxy runs, which would
write its tables again. The tables are \`ip kube-proxy\` and \`ip6 kube-proxy\`; each goes in one transaction. Rules of
kube-proxy in another mode are named and left. Either may be run any number of times.

Examples:
  systemctl stop fairlead && fairlead cleanup
  fairlead cleanup --kube-proxy                  the last step from kube-proxy to Fairlead (manifests/MIGRATION.md)
  fairlead cleanup --kube-proxy -o json | jq .removed`;

async function cleanFairlead({force, output}: CleanupFlags, terminal: Terminal): Promise<void> {
	if (force === true || output !== 'table') {
		throw new NetError('CLI_USAGE', 'use --force or --output without --kube-proxy');
	}

	const {cleanUp} = await import('../daemon/cleanup.ts');
	await cleanUp();
	terminal.out('nothing of Fairlead is left in the kernel of this network namespace\n');
}

async function cleanKubeProxy({force, output, stateDir}: CleanupFlags, terminal: Terminal): Promise<void> {
	const {removeKubeProxy} = await import('../daemon/kube-proxy.ts');
	const removal = await removeKubeProxy(stateDir, force === true, terminal.interrupted());
	terminal.out(output === 'table' ? printRemoval(removal) : await printData(removal, output));
}

/** What was removed, what spoke against it, and what is left to do, a line each. */
export function printRemoval({removed, overridden, left}: Removal): string {
	const lines = [
		...overridden.map(({because}) => `forced, although ${because}`),
		...removed.map(
			({family, table, chains, rules, sets, maps}) =>
				`removed table ${family} ${table}: ${chains} chains, ${rules} rules, ${sets} sets, ${maps} maps`,
		),
		"nothing of kube-proxy's nftables mode is left in the kernel of this network namespace",
		...left.map(({found, remedy}) => `left: ${found}. ${remedy}`),
	];
	return lines.map((line) => `${line}\n`).join('');
}
