import {join} from 'node:path';
import {Command, InvalidArgumentError, Option} from 'commander';
import type {Written} from '../cni/install.ts';
import {parseDuration} from '../config/duration.ts';
import type {AddressRow} from '../control/cni.ts';
import {NetError} from '../errors.ts';
import {type Form, outputOption, printData} from './output.ts';
import {stateDirOption} from './status.ts';
import type {Terminal} from './terminal.ts';

type PlaceFlags = {
	readonly binDir: string;
	readonly confDir: string;
	readonly confName: string;
	readonly stateDir: string;
	readonly output: Form;
};

type InstallFlags = PlaceFlags & {
	readonly mode: 'routed' | 'bridge';
	readonly mtu: number;
	readonly timeout: number;
	readonly binaryOnly?: true;
};

/** `fairlead cni`: makes Fairlead the CNI plugin of this node for container runtimes, and undoes that. */
export function cniCommand(terminal: Terminal): Command {
	return new Command('cni')
		.description('Tell the container runtimes of this node that pods have their network from Fairlead, or no longer.')
		.helpOption('-h, --help', 'print this help')
		.helpCommand(false)
		.addHelpText('after', examples)
		.addCommand(installCommand(terminal))
		.addCommand(uninstallCommand(terminal));
}

const examples = `
Examples:
  fairlead cni install
  fairlead cni uninstall

Exit codes: 0 done; 1 failed; 2 the command line is wrong.`;

function installCommand(terminal: Terminal): Command {
	const command = new Command('install').description(
		'Put the CNI plugin where container runtimes look for it, and its network configuration once the daemon can attach pods.',
	);
	return withPlaces(command)
		.addOption(
			new Option('--mode <mode>', 'how pods are joined to the node').choices(['routed', 'bridge']).default('routed'),
		)
		.addOption(
			new Option('--mtu <bytes>', "of pods' interfaces; 0 is that of the node's own").argParser(readMtu).default(0),
		)
		.addOption(
			new Option('--timeout <duration>', 'how long to wait for the daemon')
				.argParser(readTimeout)
				.default(60_000, '60s'),
		)
		.addOption(new Option('--binary-only', 'the plugin alone: the daemon writes the configuration (--cni-conf-dir)'))
		.addHelpText('after', installHelp)
		.action(async (flags: InstallFlags) => await install(flags, terminal));
}

const installHelp = `
The configuration comes last, so that a node is ready for pods when they can have a network, and not before. Both files
appear whole, and are left alone when they are as they should be: it may be run any number of times. A daemon with
--cni-conf-dir keeps the configuration as its own flags say: give both the same mode, MTU and state directory.

Examples:
  fairlead cni install
  fairlead cni install --mode bridge --mtu 1400 --timeout 5m
  fairlead cni install --binary-only --bin-dir /host/opt/cni/bin       in an init container (manifests/overlays/with-cni)
  fairlead cni install -o json | jq -r .conflist.change

Exit codes: 0 both files are there; 1 one is not, or the daemon cannot attach pods in time; 2 the command line is wrong.`;

function uninstallCommand(terminal: Terminal): Command {
	return withPlaces(new Command('uninstall').description('Remove the network configuration, then the CNI plugin.'))
		.addHelpText('after', uninstallHelp)
		.action(async (flags: PlaceFlags) => await uninstall(flags, terminal));
}

const uninstallHelp = `
From then on no pod of this node gets a network from Fairlead, and container runtimes cannot ask it to take one away:
drain the node first. A daemon with --cni-conf-dir writes the configuration again: end that first too. Pods that are
still attached are named when a daemon runs.

Examples:
  fairlead cni uninstall
  kubectl debug node/NODE --image=IMAGE -- fairlead cni uninstall --bin-dir /host/opt/cni/bin --conf-dir /host/etc/cni/net.d
  fairlead cni uninstall -o json | jq .removed

Exit codes: 0 nothing is left of both; 1 failed; 2 the command line is wrong.`;

function withPlaces(command: Command): Command {
	return command
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addOption(new Option('--bin-dir <path>', "the runtimes' folder of plugins").default('/opt/cni/bin'))
		.addOption(new Option('--conf-dir <path>', "the runtimes' folder of configurations").default('/etc/cni/net.d'))
		.addOption(
			new Option('--conf-name <name>', 'of the configuration; runtimes take the first of the folder')
				.argParser(readConfName)
				.default('10-fairlead.conflist'),
		)
		.addOption(stateDirOption())
		.addOption(outputOption());
}

async function install(flags: InstallFlags, terminal: Terminal): Promise<void> {
	const {binDir, confDir, confName, stateDir, mode, mtu: mtuBytes, timeout: timeoutMs, output} = flags;
	const [{pluginType, printConflist, printStatusConfig}, {earlierConfigs, installPlugin, writeConflist}] =
		await Promise.all([import('../cni/conflist.ts'), import('../cni/install.ts')]);
	const files: Record<string, {readonly path: string; readonly change: Written}> = {
		plugin: {change: await installPlugin(binDir), path: join(binDir, pluginType)},
	};
	if (flags.binaryOnly !== true) {
		const {untilReady} = await import('./cni-ready.ts');
		const options = {mode, mtuBytes, stateDir};
		const tell = (reason: string) => terminal.err(`fairlead: waiting until pods can be attached: ${reason}\n`);
		const config = printStatusConfig(options);
		await untilReady({stateDir, config, timeoutMs, tell}, new AbortController().signal);
		const change = await writeConflist(confDir, confName, printConflist(options));
		files['conflist'] = {change, path: join(confDir, confName)};
		for (const name of await earlierConfigs(confDir, confName)) {
			terminal.err(`fairlead: runtimes read ${join(confDir, name)} before ${confName}: it counts, and ours does not\n`);
		}
	}

	const lines = Object.values(files).map(({path, change}) => `${path} ${change}\n`);
	terminal.out(output === 'table' ? lines.join('') : await printData(files, output));
}

async function uninstall(flags: PlaceFlags, terminal: Terminal): Promise<void> {
	const {uninstall: removeBoth} = await import('../cni/install.ts');
	const removed = await removeBoth(flags);
	const rows = await readAddresses(flags.stateDir);
	if (rows !== undefined) {
		terminal.err('fairlead: a daemon runs here: with --cni-conf-dir it writes the configuration again\n');
	}

	const attached = (rows ?? []).filter(({state}) => state === 'attached');
	if (flags.output !== 'table') {
		terminal.out(await printData({removed, attached}, flags.output));
		return;
	}

	const lines = [
		...removed.map((path) => `${path} removed`),
		...(removed.length === 0 ? ['nothing was installed'] : []),
		...attached.map(({address, pod, containerId}) => `still attached: ${address} ${pod || containerId}`),
	];
	terminal.out(lines.map((line) => `${line}\n`).join(''));
}

/** Undefined where no daemon answers. */
async function readAddresses(stateDir: string): Promise<readonly AddressRow[] | undefined> {
	const [{ask}, {controlPath}] = await Promise.all([
		import('../control/client.ts'),
		import('../control/socket-file.ts'),
	]);
	try {
		const rows: AddressRow[] = [];
		for await (const part of ask(controlPath(stateDir), 'addresses', {}, new AbortController().signal)) {
			rows.push(...part);
		}

		return rows;
	} catch (error) {
		if (error instanceof NetError && error.code.startsWith('CONTROL_')) {
			return undefined; // what is removed does not depend on it
		}

		throw error;
	}
}

function readMtu(text: string): number {
	const bytes = /^\d{1,5}$/.test(text) ? Number(text) : -1;
	if (bytes !== 0 && (bytes < 1280 || bytes > 65_535)) {
		throw new InvalidArgumentError('It is 0, or 1280 to 65535.');
	}

	return bytes;
}

function readTimeout(text: string): number {
	const ms = parseDuration(text);
	if (ms === undefined || ms < 0) {
		throw new InvalidArgumentError('It is a duration, such as 30s or 5m.');
	}

	return ms;
}

function readConfName(text: string): string {
	if (!/^[^./][^/]*\.conflist$/.test(text)) {
		throw new InvalidArgumentError('It is the name of a file that ends with .conflist.');
	}

	return text;
}
