import {Command, CommanderError} from 'commander';
import {NetError} from '../errors.ts';
import {checkCommand} from './check.ts';
import {cleanupCommand} from './cleanup.ts';
import {cniCommand} from './cni.ts';
import {completionCommand} from './completion.ts';
import {printFailure} from './failure.ts';
import {initCommand} from './init.ts';
import {ipamCommand} from './ipam.ts';
import {planCommand} from './plan.ts';
import {runCommand} from './run.ts';
import {statusCommand} from './status.ts';
import type {Terminal} from './terminal.ts';
import {packageVersion, versionCommand} from './version.ts';

const exitFailure = 1;
const exitUsage = 2;

/** The whole command line. Also what completion is derived from. */
function buildProgram(terminal: Terminal): Command {
	const program = new Command('fairlead')
		.description('The per-node networking daemon of a Kubernetes cluster.')
		.usage('<command> [flags]')
		.version(packageVersion(), '--version', 'print the version of Fairlead alone')
		.helpOption('-h, --help', 'print this help')
		.addHelpCommand(helpCommand());
	program
		.commandsGroup('On a node:')
		.addCommand(runCommand(terminal))
		.addCommand(initCommand(terminal))
		.addCommand(statusCommand(terminal))
		.addCommand(ipamCommand(terminal))
		.addCommand(checkCommand(terminal))
		.addCommand(cniCommand(terminal))
		.addCommand(cleanupCommand(terminal));
	program.commandsGroup('Anywhere:').addCommand(planCommand(terminal)).addCommand(versionCommand(terminal));
	program.addCommand(completionCommand(terminal, () => buildProgram(terminal)));
	program.addHelpText('after', examples);
	for (const command of [program, ...program.commands, ...program.commands.flatMap(({commands}) => commands)]) {
		command
			.exitOverride()
			.configureOutput({writeOut: terminal.out, writeErr: terminal.err, outputError: () => undefined});
	}

	return program;
}

function helpCommand(): Command {
	const command = new Command('help').argument('[command]').helpGroup('Anywhere:').helpOption(false);
	return command.description('Print the help of a command.');
}

const examples = `
Examples:
  fairlead run --objects /etc/fairlead/objects     serve the Services in that folder, follow its changes
  fairlead check                                   say what this node lacks to run it
  fairlead status                                  say what the running daemon has in force, and what it has not
  fairlead plan --objects cluster.yaml             print what would be sent to the kernel
  fairlead run --help                              every flag of the daemon

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong, 3 (status) not all is in force as written,
(run) the configuration file says what only another start can follow.`;

/** Runs one command line and returns its exit code. Whatever goes wrong is printed, never thrown. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
	const program = buildProgram(terminal);
	try {
		if (args.length === 0) {
			program.outputHelp({error: true});
			return exitUsage;
		}

		await program.parseAsync(args, {from: 'user'});
		return terminal.exitCode;
	} catch (caught) {
		if (caught instanceof CommanderError && caught.exitCode === 0) {
			return 0; // help or version, which are printed by now
		}

		if (caught instanceof CommanderError && caught.code === 'commander.help') {
			return exitUsage; // a command of commands alone: its help is printed by now
		}

		const error = caught instanceof CommanderError ? usageError(caught) : caught;
		const json = args.some((arg, index) => /^(?:-o|--output=)json$/.test(arg) || isOutput(args[index - 1], arg));
		terminal.err(printFailure(error, json ? 'json' : 'text'));
		return error instanceof NetError && usageCodes.has(error.code) ? exitUsage : exitFailure;
	}
}

/** Errors that another command line would not have. */
const usageCodes: ReadonlySet<string> = new Set(['CLI_USAGE', 'CONFIG_INVALID']);

function isOutput(flag: string | undefined, value: string): boolean {
	return (flag === '-o' || flag === '--output') && value === 'json';
}

/** commander's sentence, `error: unknown option '--x'\n(Did you mean --y?)`, as one of ours. */
function usageError({message}: CommanderError): NetError {
	const said = message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
	return new NetError('CLI_USAGE', `understand the command line: ${said}`);
}
