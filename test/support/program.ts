import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {runProgram as runCommandLine} from '../../src/cli/program.ts';

export const program = fileURLToPath(new URL('../../src/cli/fairlead.js', import.meta.url));

/** A Node that is too old for Fairlead, where the machine has one. */
export function oldNode(): string | undefined {
	const major = (node: string) => Number(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]']));
	return ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path) && major(path) < 24);
}

export type Ended = {readonly code: number | null; readonly stdout: string; readonly stderr: string};

/** Runs `fairlead` with these arguments until it ends, with no variable of ours in its environment. */
export async function runProgram(args: readonly string[], node: string = process.execPath): Promise<Ended> {
	const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith('FAIRLEAD_'));
	const child = spawn(node, [program, ...args], {
		stdio: ['ignore', 'pipe', 'pipe'],
		env: {...Object.fromEntries(foreign), COLUMNS: '110', NO_COLOR: '1'},
	});
	const said = {stdout: '', stderr: ''};
	for (const name of ['stdout', 'stderr'] as const) {
		child[name].setEncoding('utf8').on('data', (text: string) => {
			said[name] += text;
		});
	}

	await once(child, 'close');
	return {...said, code: child.exitCode};
}

type Here = {
	/** What `--watch` and its like end at. */
	readonly interrupt?: AbortSignal;
	readonly screen?: {readonly columns: number};
	readonly onOut?: (text: string) => void;
	readonly onErr?: (text: string) => void;
};

/** Runs a command line in this process, which is ten times as fast. */
export async function runHere(args: readonly string[], here: Here = {}): Promise<Ended> {
	const said = {stdout: '', stderr: ''};
	const code = await runCommandLine(args, {
		out: (text) => {
			said.stdout += text;
			here.onOut?.(text);
		},
		err: (text) => {
			said.stderr += text;
			here.onErr?.(text);
		},
		screen: here.screen,
		interrupted: () => here.interrupt ?? new AbortController().signal,
		exitCode: 0,
	});
	return {...said, code};
}
