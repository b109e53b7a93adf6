import {Command} from 'commander';
import {addConfigOptions, readConfig} from './config-options.ts';
import type {Terminal} from './terminal.ts';
import {packageVersion} from './version.ts';

/** `fairlead run`: serves this node until SIGTERM. */
export function runCommand(terminal: Terminal): Command {
	const command = new Command('run')
		.description('Serve the Services of a cluster on this node, until SIGTERM or SIGINT.')
		.usage('--objects <path> [flags]')
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false);
	return addConfigOptions(command)
		.addHelpText('after', examples)
		.action(async (_flags: unknown, self: Command) => {
			terminal.exitCode = await run(self);
		});
}

const examples = `
Examples:
  fairlead run --objects /etc/fairlead/objects --cluster-cidr 10.244.0.0/16
  fairlead run --objects cluster.yaml --hostname-override worker-1 --nodeport-addresses primary,192.0.2.0/24
  fairlead run --objects cluster.json --detect-local-mode BridgeInterface --pod-bridge-interface cni0 -v 4

http://NODE:10256/readyz answers 200 from the moment everything known is in the kernel. Stopping removes nothing:
connections go on, and the next start sends only the difference. \`fairlead cleanup\` removes everything.`;

async function run(command: Command): Promise<number> {
	const config = await readConfig(command);
	const {runDaemon} = await import('../daemon/daemon.ts');
	return await runDaemon(config, packageVersion());
}
