import {type ChildProcess, spawn} from 'node:child_process';
import {EventEmitter, once} from 'node:events';
import {join} from 'node:path';
import {compileCache, type Host} from './host.ts';

const program = join(import.meta.dirname, '../../src/cli/fairlead.js');
/** As `fairlead run` gives it to itself: without it, it begins anew in the place of itself, and the channel is gone. */
const heapFlag = '--max-semi-space-size=16';
const healthPort = 10_256;

/** A real `fairlead run` in a host's network namespace. */
export class Daemon {
	readonly #host: Host;
	readonly #child: ChildProcess;
	readonly #lines = new EventEmitter();
	#log = '';

	/** @param wrapper a command that starts the command behind it */
	constructor(host: Host, args: readonly string[], wrapper: readonly string[] = []) {
		this.#host = host;
		const env = {...process.env, NODE_COMPILE_CACHE: compileCache};
		const command = [...wrapper, process.execPath, heapFlag, program, 'run', ...args];
		this.#child = spawn('/usr/bin/nsenter', [`--net=${host.netns}`, '--', ...command], {
			env,
			stdio: ['ignore', 'pipe', 'pipe', 'ipc'], // the channel's end tells it that nobody is left who wants it
		});
		for (const stream of [this.#child.stdout, this.#child.stderr]) {
			stream?.setEncoding('utf8').on('data', (text: string) => {
				this.#log += text;
				this.#lines.emit('line');
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
	async ready(deadlineMs = 30_000): Promise<void> {
		const url = `http://127.0.0.1:${healthPort}/readyz`;
		await this.#host.ask('await', {url, status: 200, deadlineMs}).catch((error: unknown) => {
			throw new Error(`the daemon did not get ready; it printed:\n${this.#log}`, {cause: error});
		});
	}

	/** Waits until `holds`, which is asked again at each line that it prints. */
	async printed(holds: () => boolean, deadlineMs = 30_000): Promise<void> {
		const signal = AbortSignal.timeout(deadlineMs);
		while (!holds()) {
			await once(this.#lines, 'line', {signal}).catch((error: unknown) => {
				throw new Error(`the daemon did not print what was awaited; last:\n${this.#log.slice(-2000)}`, {cause: error});
			});
		}
	}

	/** Waits until the process ends by itself. */
	async ended(deadlineMs = 30_000): Promise<void> {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			await once(this.#child, 'exit', {signal: AbortSignal.timeout(deadlineMs)});
		}
	}

	/** Waits until the process is gone; its exit code, or null where the signal ended it. */
	async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			const exit = once(this.#child, 'exit');
			this.#child.kill(signal);
			await exit;
		}

		return this.#child.exitCode;
	}
}

/** What `fairlead` prints with these arguments in the host's namespace. @throws NetError EXEC_FAILED */
export async function runFairlead(host: Host, args: readonly string[]): Promise<string> {
	const {stdout} = await host.exec(process.execPath, [program, ...args]);
	return stdout;
}
