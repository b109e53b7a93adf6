import {writeFileSync} from 'node:fs';
import {hostname} from 'node:os';
import {Command, Option} from 'commander';
import type {Config} from '../config/config.ts';
import {NetError} from '../errors.ts';
import {addConfigOptions, readConfig} from './config-options.ts';
import type {Terminal} from './terminal.ts';
import {packageVersion} from './version.ts';

type RunFlags = {readonly writeConfigTo?: string};

/** `fairlead run`: serves this node until SIGTERM. */
export function runCommand(terminal: Terminal): Command {
	const command = new Command('run')
		.description('Serve the Services of a cluster on this node, until SIGTERM or SIGINT.')
		.usage('[flags]')
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false);
	return addConfigOptions(command)
		.addOption(
			new Option(
				'--write-config-to <file>',
				'write what flags, environment and file make together, and exit',
			).helpGroup('Input:'),
		)
		.addHelpText('after', examples)
		.action(async ({writeConfigTo}: RunFlags, self: Command) => {
			terminal.exitCode = await run(writeConfigTo, self, terminal);
		});
}

const examples = `
Examples:
  fairlead run --config /var/lib/kube-proxy/config.conf
  fairlead run --kubeconfig /etc/kubernetes/fairlead.conf --cluster-cidr 10.244.0.0/16
  fairlead run --objects /etc/fairlead/objects --cluster-cidr 10.244.0.0/16
  fairlead run --objects cluster.yaml --hostname-override worker-1 --nodeport-addresses primary,192.0.2.0/24
  fairlead run --objects cluster.json --detect-local-mode BridgeInterface --pod-bridge-interface cni0 -v 4
  fairlead run --config /var/lib/kube-proxy/config.conf --objects /etc/fairlead/objects
  fairlead run --objects /etc/fairlead/objects --cluster-cidr 10.244.0.0/16 --write-config-to fairlead.yaml

http://NODE:10256/readyz answers 200 from the moment everything known is in the kernel. Stopping removes nothing:
connections go on, and the next start sends only the difference. \`fairlead cleanup\` removes everything.

The file of --config is watched. --v, the sync periods and --conntrack-* are followed at once; for anything else the
daemon ends in good order with exit code 3, to be started again. A file that is wrong changes nothing and is named in the log.`;

async function run(writeTo: string | undefined, command: Command, terminal: Terminal): Promise<number> {
	const {config, file} = await readConfig(command);
	if (writeTo !== undefined && writeTo !== '') {
		await writeConfig(config, writeTo, terminal);
		return 0;
	}

	const {runDaemon} = await import('../daemon/daemon.ts');
	return await runDaemon(config, packageVersion(), file);
}

async function writeConfig(config: Config, path: string, {err}: Terminal): Promise<void> {
	const {printConfig} = await import('../config/write.ts');
	try {
		writeFileSync(path, printConfig(config, hostname()));
	} catch (cause) {
		throw new NetError('CONFIG_UNWRITABLE', `write the configuration to ${JSON.stringify(path)}`, {path}, cause);
	}

	err(config.warnings.map((warning) => `fairlead: warning: ${warning}\n`).join(''));
	err(`fairlead: the configuration is written to ${path}\n`);
}
