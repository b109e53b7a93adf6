import {readFileSync} from 'node:fs';
import {hostname} from 'node:os';
import {type Command, Option} from 'commander';
import type {Config} from '../config/config.ts';
import {foreignFlags} from '../config/kube-proxy-flags.ts';
import type {ConfigSources} from '../config/setting-reader.ts';
import {environmentName, type Setting, settings} from '../config/settings.ts';
import type {ConfigFile} from '../daemon/config-file.ts';
import {NetError} from '../errors.ts';

/** Gives the command a flag for each setting, in groups, and every flag of kube-proxy unseen by help. */
export function addConfigOptions(command: Command): Command {
	command.addOption(configOption().helpGroup('Input:'));
	for (const setting of Object.values(settings)) {
		command.addOption(settingOption(setting));
	}

	for (const {flag, alone} of foreignFlags) {
		command.addOption(new Option(alone ? `--${flag} [value]` : `--${flag} <value>`).hideHelp());
	}

	return command.addHelpText(
		'after',
		`
Every flag has a variable of the environment, FAIRLEAD_ and its name in capitals: --cluster-cidr is
FAIRLEAD_CLUSTER_CIDR. A flag wins over its variable, and both over the file of --config: unlike kube-proxy, which
ignores most flags beside that one. Flags of kube-proxy that are not listed are taken with a warning where that
changes nothing for the packets, and refused by name where it would.`,
	);
}

/** Names the file that is read besides flags and environment. */
export function configOption(): Option {
	return new Option(
		'--config <file>',
		'KubeProxyConfiguration as kube-proxy reads it, FairleadConfiguration, or both, YAML; flags win over it',
	);
}

function settingOption({flag, short, takes, group, describe, default: preset}: Setting): Option {
	const name = short === undefined ? `--${flag}` : `-${short}, --${flag}`;
	const says = preset === undefined || preset === 'false' ? describe : `${describe} (default: ${preset})`;
	const option = new Option(`${name} ${takes === undefined ? '[true|false]' : `<${takes}>`}`, says);
	return option.helpGroup(`${group}:`).argParser(takes === 'list' ? joinList : String);
}

/** A list may be given in parts: `--nodeport-addresses primary --nodeport-addresses 192.0.2.0/24`. */
function joinList(value: string, before: string | undefined): string {
	return before === undefined ? value : `${before},${value}`;
}

/** The configuration in force, and the file that it came from, where there is one. */
type ReadConfig = {readonly config: Config; readonly file: ConfigFile | undefined};

/**
 * The configuration that this command line, the environment and the file that they name make.
 *
 * @throws NetError CONFIG_INVALID, CONFIG_UNREADABLE
 */
export async function readConfig(command: Command, {input}: Pick<ConfigSources, 'input'> = {}): Promise<ReadConfig> {
	// zod takes a tenth of a second to load, which `version` and `--help` need not wait for
	const {resolveConfig} = await import('../config/config.ts');
	const sources = {flags: givenFlags(command), environment: process.env, hostname: hostname(), input};
	const path = sources.flags.get('config') || process.env[environmentName('config')];
	if (path === undefined || path === '') {
		return {config: resolveConfig(sources), file: undefined};
	}

	const {parseConfigFile} = await import('../config/file.ts');
	const resolve = (text: string) => resolveConfig({...sources, file: parseConfigFile(path, text)});
	const text = readText(path);
	return {config: resolve(text), file: {path, text, resolve}};
}

function readText(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch (cause) {
		throw new NetError('CONFIG_UNREADABLE', `read the configuration file ${JSON.stringify(path)}`, {path}, cause);
	}
}

/** The text of each flag on this command line; a switch without a value says "true". */
function givenFlags(command: Command): ReadonlyMap<string, string> {
	const values: Readonly<Record<string, unknown>> = command.opts();
	const flags = new Map<string, string>();
	for (const option of command.options) {
		const name = option.attributeName();
		if (option.long !== undefined && command.getOptionValueSource(name) === 'cli') {
			flags.set(option.long.slice(2), String(values[name]));
		}
	}

	return flags;
}
