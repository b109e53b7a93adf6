import {spawn} from 'node:child_process';
import {delimiter} from 'node:path';
import process from 'node:process';
import {NetError} from '../errors.ts';
import {systemError} from './native.ts';

/** What a tool wrote, and how it ended. */
export type Executed = {readonly stdout: string; readonly stderr: string};

export type ExecOptions = {
	/** Written to stdin, which is then closed; without it stdin is empty. */
	readonly input?: string | Uint8Array;
	/** Bytes of stdout and of stderr that are kept; a tool that writes more is ended. */
	readonly outputBytesMax?: number;
};

const defaultOutputBytesMax = 64 * 1024 * 1024; // the listing of 30,000 services by nft is 20 MB
const stderrShown = 2000;

/**
 * The output of a system tool that ended with code 0.
 *
 * @param tool its name, searched in {@link systemPath}, or its path
 * @param signal ends the tool (SIGKILL) and rejects with the signal's reason
 * @throws NetError EXEC_MISSING when there is no such tool
 * @throws NetError EXEC_FAILED when it ended with another code, by a signal, or wrote too much; details hold
 * `exitCode`, `signal` and `stderr`
 */
export async function exec(
	tool: string,
	parameters: readonly string[],
	options: ExecOptions = {},
	signal?: AbortSignal,
): Promise<Executed> {
	signal?.throwIfAborted();
	const what = `run ${[tool, ...parameters].join(' ')}`;
	const child = spawn(tool, parameters, {env: {...process.env, PATH: systemPath()}, stdio: 'pipe'});
	const most = options.outputBytesMax ?? defaultOutputBytesMax;
	const kill = () => {
		child.kill('SIGKILL');
		child.stdout.destroy(); // children of the tool may hold the pipes open
		child.stderr.destroy();
	};
	const [stdout, stderr] = [new Output(most, kill), new Output(most, kill)];
	child.stdout.on('data', (chunk: Buffer) => stdout.add(chunk));
	child.stderr.on('data', (chunk: Buffer) => stderr.add(chunk));
	child.stdin.on('error', () => undefined); // EPIPE of a tool that reads no input; its exit code says the rest
	child.stdin.end(options.input);
	signal?.addEventListener('abort', kill);
	try {
		const ended = await endOf(child);
		signal?.throwIfAborted();
		const words = stderr.text();
		if (ended.exitCode !== 0 || stdout.cut || stderr.cut) {
			const reason = stdout.cut || stderr.cut ? `it wrote more than ${most} bytes` : words.trim().slice(0, stderrShown);
			throw new NetError('EXEC_FAILED', reason === '' ? what : `${what}: ${reason}`, {...ended, stderr: words});
		}

		return {stdout: stdout.text(), stderr: words};
	} catch (error) {
		throw missing(error) ? new NetError('EXEC_MISSING', what, {tool}, error) : systemError(what, error);
	} finally {
		signal?.removeEventListener('abort', kill);
	}
}

/**
 * PATH for system tools: without `node_modules/.bin`, whose `nft` is another program, and with the directories of
 * system tools, which the PATH of a plain user may lack.
 */
export function systemPath(path = process.env['PATH'] ?? ''): string {
	const kept = path.split(delimiter).filter((directory) => directory !== '' && !directory.includes('node_modules'));
	return [...new Set([...kept, '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'])].join(delimiter);
}

type Ended = {readonly exitCode: number | null; readonly signal: NodeJS.Signals | null};

function endOf(child: ReturnType<typeof spawn>): Promise<Ended> {
	const {promise, resolve, reject} = Promise.withResolvers<Ended>();
	child.once('error', reject);
	child.once('close', (exitCode, signal) => resolve({exitCode, signal}));
	return promise;
}

function missing(error: unknown): boolean {
	return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Bytes up to a bound; the bound's passing is told once. */
class Output {
	cut = false;
	readonly #chunks: Buffer[] = [];
	readonly #most: number;
	readonly #onCut: () => void;
	#length = 0;

	constructor(most: number, onCut: () => void) {
		this.#most = most;
		this.#onCut = onCut;
	}

	add(chunk: Buffer): void {
		const left = this.#most - this.#length;
		this.#chunks.push(chunk.subarray(0, left));
		this.#length += Math.min(left, chunk.length);
		if (chunk.length > left && !this.cut) {
			this.cut = true;
			this.#onCut();
		}
	}

	text(): string {
		return Buffer.concat(this.#chunks).toString('utf8');
	}
}
