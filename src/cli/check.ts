import {Command} from 'commander';
import type {CheckRow, CheckState} from '../daemon/check-row.ts';
import {configOption, readConfig} from './config-options.ts';
import {type Form, outputOption, printData} from './output.ts';
import {stateDirOption} from './status.ts';
import {printSome, printTable, wrap} from './table.ts';
import type {Terminal} from './terminal.ts';

type CheckFlags = {readonly output: Form};

/** `fairlead check`: whether this node can run the daemon, and what to do where it cannot. */
export function checkCommand(terminal: Terminal): Command {
	return new Command('check')
		.description(
			'Check what the kernel, the host and the rights of this user lack to run the daemon, each with a remedy.',
		)
		.helpOption('-h, --help', 'print this help')
		.allowExcessArguments(false)
		.addOption(outputOption())
		.addOption(stateDirOption())
		.addOption(configOption())
		.addHelpText('after', examples)
		.action(async ({output}: CheckFlags, self: Command) => {
			const {config} = await readConfig(self, {input: 'none'});
			const {checkNode} = await import('../daemon/check.ts');
			const rows = await checkNode(config);
			const width = terminal.screen?.columns ?? 120;
			terminal.out(output === 'table' ? printCheck(rows, width) : await printData(rows, output));
			terminal.exitCode = rows.some(({state}) => state === 'fail') ? 1 : 0;
		});
}

const examples = `
Examples:
  fairlead check
  fairlead check --config /var/lib/kube-proxy/config.conf
  fairlead check -o json | jq '.[] | select(.state != "ok")'

It needs no daemon and may be run beside one. Nothing is changed; the kernel may load modules that it is asked for.
A row is ok, a warning (the daemon runs, but something is worse, or will go wrong), a failure (it cannot do its work) or
unknown (this user cannot find out). Variables of \`fairlead run\` count here too.

Exit codes: 0 nothing fails, warnings or not; 1 something does; 2 the command line is wrong.`;

const marks: Readonly<Record<CheckState, string>> = {ok: 'ok', warn: 'WARN', fail: 'FAIL', unknown: '?'};

/** The rows as a table; below it, what to do, so that neither makes the other hard to read. */
export function printCheck(rows: readonly CheckRow[], width: number): string {
	const cells = rows.map(({name, state, found, need}) => [
		marks[state],
		name,
		state === 'ok' ? found : `${found} (needed: ${need})`,
	]);
	const count = (state: CheckState) => rows.filter((each) => each.state === state).length;
	const sums = [`${count('ok')} ok`, printSome(count('warn'), 'warning'), printSome(count('fail'), 'failure')];
	const sum = `${sums.join(', ')}, ${count('unknown')} unknown\n`;
	return [printTable(['STATE', 'CHECK', 'FOUND'], cells, width), printRemedies(rows, width), sum]
		.filter(Boolean)
		.join('\n');
}

/** A paragraph each: what has the same remedy stands before it once. */
function printRemedies(rows: readonly CheckRow[], width: number): string {
	const lacking = rows.filter(({remedy}) => remedy !== undefined);
	const byRemedy = Map.groupBy(lacking, ({state, remedy}) => `${state} ${remedy}`);
	const paragraphs = [...byRemedy.values()].map((same) => {
		const [{state, remedy = ''} = {state: 'ok' as const}] = same;
		const text = `${marks[state]} ${[...new Set(same.map(({name}) => name))].join(', ')}: ${remedy}`;
		return wrap(text, Math.max(60, width - 2)).join('\n  ');
	});
	return paragraphs.map((text) => `${text}\n`).join('');
}
