import {Command, Option} from 'commander';
import {settings} from '../config/settings.ts';
import type {AskOptions} from '../control/client.ts';
import type {Status} from '../control/status.ts';
import {NetError} from '../errors.ts';
import {type Form, outputOption, printData} from './output.ts';
import {printStatus} from './status-table.ts';
import type {Terminal} from './terminal.ts';

type StatusFlags = {readonly output: Form; readonly watch?: true; readonly stateDir: string};

/** Everything that is known is in force, as written; or something is missing. */
const [exitWhole, exitNotWhole] = [0, 3];

/** How long to wait before a daemon that went away is looked for again. */
const reconnectMs = 500;

/** `fairlead status`: what the daemon of this node does, how fresh it is, and what is not as written. */
export function statusCommand(terminal: Terminal): Command {
	return new Command('status')
		.description(
			'Show what the running daemon has in force, how fresh it is, and which Services are not whole, and why.',
		)
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addOption(outputOption())
		.addOption(new Option('-w, --watch', 'go on, and show it again at each change (at most twice a second)'))
		.addOption(stateDirOption())
		.addHelpText('after', examples)
		.action(async (flags: StatusFlags) => {
			terminal.exitCode = await (flags.watch === true ? watchStatus : showStatus)(flags, terminal);
		});
}

const examples = `
Examples:
  fairlead status
  fairlead status --watch
  fairlead status -o json | jq '.notWhole[] | select(.service == "shop/web:http")'
  fairlead status -o json --watch | jq -r .inForce.at

With --watch a terminal is redrawn; a pipe gets one line of JSON, one YAML document or one table for each change.

Exit codes: 0 everything known is in force as it is written; 3 the daemon answers, but something is awaited, failed,
or not served as written; 1 no daemon answers, or it cannot be asked; 2 the command line is wrong. A watch that is
interrupted ends with 0.`;

/** Where the daemon that is asked has its folder. */
export function stateDirOption(): Option {
	const {flag, takes, default: preset} = settings.stateDir;
	return new Option(`--${flag} <${takes}>`, "the daemon's own folder").env('FAIRLEAD_STATE_DIR').default(preset);
}

async function showStatus({stateDir, output}: StatusFlags, terminal: Terminal): Promise<number> {
	const {isWhole} = await import('../control/status.ts');
	for await (const status of statuses(stateDir, false, new AbortController().signal)) {
		terminal.out(await printForm(status, output, terminal));
		return isWhole(status) ? exitWhole : exitNotWhole;
	}

	throw new NetError('CONTROL_CLOSED', 'read the status of the daemon to its end');
}

/** Until it is interrupted. A daemon that goes away is waited for; none at the beginning is an error. */
async function watchStatus(flags: StatusFlags, terminal: Terminal): Promise<number> {
	const {setTimeout} = await import('node:timers/promises');
	const signal = terminal.interrupted();
	const ended = () => signal.aborted;
	let [shown, away] = [0, false];
	while (!ended()) {
		try {
			for await (const status of statuses(flags.stateDir, true, signal)) {
				terminal.out(await printNext(status, shown, flags.output, terminal));
				shown++;
				away = false;
			}
		} catch (error) {
			if (ended()) {
				break;
			}

			if (shown === 0 || !(error instanceof NetError) || !passing.has(error.code)) {
				throw error;
			}

			if (!away) {
				terminal.err(`fairlead: the daemon went away; waiting for it to come back (${error.code})\n`);
			}

			away = true;
		}

		await setTimeout(reconnectMs, undefined, {signal}).catch(() => undefined); // interrupted: the loop ends
	}

	return exitWhole;
}

/** What a restart of the daemon looks like from here. */
const passing: ReadonlySet<string> = new Set([
	'CONTROL_NO_DAEMON',
	'CONTROL_CLOSED',
	'CONTROL_BUSY',
	'CONTROL_TIMEOUT',
]);

async function* statuses(stateDir: string, watch: boolean, signal: AbortSignal): AsyncGenerator<Status, void, void> {
	const [{ask}, {controlPath}, {StatusAssembly}] = await Promise.all([
		import('../control/client.ts'),
		import('../control/socket-file.ts'),
		import('../control/status.ts'),
	]);
	const assembly = new StatusAssembly();
	const options: AskOptions = {patient: watch};
	for await (const part of ask(controlPath(stateDir), 'status', {watch}, signal, options)) {
		const status = assembly.add(part);
		if (status !== undefined) {
			yield status;
		}
	}
}

async function printForm(status: Status, form: Form, {screen}: Terminal): Promise<string> {
	return form === 'table' ? printStatus(status, screen?.columns ?? widthOfPipe) : await printData(status, form);
}

/** Cursor home, and nothing below it. Source: ECMA-48, CUP and ED */
const redraw = '\u001b[H\u001b[2J';

/** One more of a watch: on a pipe each is told apart from the last one by what its form has for that. */
async function printNext(status: Status, shown: number, form: Form, terminal: Terminal): Promise<string> {
	if (terminal.screen !== undefined) {
		return redraw + (await printForm(status, form, terminal));
	}

	switch (form) {
		case 'json':
			return `${JSON.stringify(status)}\n`;
		case 'yaml':
			return `---\n${await printForm(status, form, terminal)}`;
		case 'table':
			return `${shown === 0 ? '' : '\n'}${await printForm(status, form, terminal)}`;
	}
}

/** Wide enough for most lines, narrow enough to paste. */
const widthOfPipe = 120;
