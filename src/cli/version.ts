import {readFileSync} from 'node:fs';
import {release} from 'node:os';
import {Command, Option} from 'commander';
import type {Terminal} from './terminal.ts';

/** `fairlead version`: what runs here, for a bug report. */
export function versionCommand(terminal: Terminal): Command {
	return new Command('version')
		.description('Print the versions of Fairlead, Node.js and the kernel.')
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addOption(new Option('-o, --output <form>', 'text for people, json for programs').choices(['text', 'json']))
		.action(({output}: {readonly output?: string}) => {
			const versions = {fairlead: packageVersion(), node: process.versions.node, kernel: release()};
			const text = Object.entries(versions).map(([name, version]) => `${name.padEnd(8)} ${version}\n`);
			terminal.out(output === 'json' ? `${JSON.stringify(versions)}\n` : text.join(''));
		});
}

export function packageVersion(): string {
	const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
	const {version}: {readonly version: string} = JSON.parse(text);
	return version;
}
