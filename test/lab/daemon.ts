import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import type {Host} from './host.ts';

const program = join(import.meta.dirname, '../../src/cli/fairlead.js');
const healthPort = 10_256;

/** A real `fairlead run` in a host's network namespace. */
export class Daemon {
	readonly #host: Host;
	readonly #child: ChildProcess;
	#log = '';

	constructor(host: Host, args: readonly string[]) {
		this.#host = host;
		this.#child = spawn('/usr/bin/nsenter', [`--net=${host.netns}`, '--', process.execPath, program, 'run', ...args], {
			stdio: ['ignore', 'pipe', 'pipe', 'ipc'], // the channel's end tells it that nobody is left who wants it
		});
		for (const stream of [this.#child.stdout, this.#child.stderr]) {
			stream?.setEncoding('utf8').on('data', (text: string) => {
				this.#log += text;
			});
		}
	}

	get pid(): number {
		return this.#child.pid ?? 0;
	}

	/** All it has printed so far. */
	get log(): string {
		return this.#log;
	}

	/** Waits until everything known is in the kernel. */
	async ready(deadlineMs = 10_000): Promise<void> {
		const url = `http://127.0.0.1:${healthPort}/readyz`;
		await this.#host.ask('await', {url, status: 200, deadlineMs}).catch((error: unknown) => {
			throw new Error(`the daemon did not get ready; it printed:\n${this.#log}`, {cause: error});
		});
	}

	/** Waits until the process is gone. */
	async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			const exit = once(this.#child, 'exit');
			this.#child.kill(signal);
			await exit;
		}
	}
}

/** Runs `fairlead` with these arguments in the host's namespace until it ends; what it printed. */
export async function runFairlead(host: Host, args: readonly string[]): Promise<{code: number; output: string}> {
	const child = spawn('/usr/bin/nsenter', [`--net=${host.netns}`, '--', process.execPath, program, ...args], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let output = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => {
			output += text;
		});
	}

	const [code] = await once(child, 'close');
	return {code: Number(code), output};
}
