import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {type Executed, exec} from '../../src/kernel/exec.ts';
import type {Reply, Requests, Verb} from './requests.ts';

/** Where Node keeps what it compiled: a process starts in half the time, and tests start many. */
export const compileCache = join(import.meta.dirname, '../../node_modules/.cache/lab');

/** One machine or pod of the lab: a network namespace of its own and an agent in it. */
export class Host {
	readonly name: string;
	readonly #child: ChildProcess;
	readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
	#lastId = 0;

	/** Starts the agent in a new network namespace, or in the one at a path; {@link ready} says when it listens. */
	constructor(name: string, netns?: string) {
		this.name = name;
		const [tool, flag] = netns === undefined ? ['unshare', '--net'] : ['nsenter', `--net=${netns}`];
		this.#child = spawn(
			`/usr/bin/${tool}`,
			[flag, process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'agent.ts')],
			{stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: {NODE_COMPILE_CACHE: compileCache}},
		);
		this.#waiting.set(0, Promise.withResolvers());
		this.#child.on('message', (reply: Reply) => this.#settle(reply));
		this.#child.once('exit', (code, signal) => this.#fail(`agent ${name} ended (${signal ?? code})`));
	}

	get pid(): number {
		return this.#child.pid ?? 0;
	}

	/** Where setns(2) and nsenter(1) find the namespace. */
	get netns(): string {
		return `/proc/${this.pid}/ns/net`;
	}

	async ready(): Promise<this> {
		await this.#waiting.get(0)?.promise;
		this.#waiting.delete(0);
		return this;
	}

	async ask<V extends Verb>(verb: V, ask: Requests[V]['ask']): Promise<Requests[V]['answer']> {
		const id = ++this.#lastId;
		const waiting = Promise.withResolvers<unknown>();
		this.#waiting.set(id, waiting);
		this.#child.send({id, verb, ask});
		return (await waiting.promise) as Requests[V]['answer']; // the agent's switch over `verb` holds the pairing
	}

	/** What a system tool prints that runs in the namespace. @throws NetError EXEC_FAILED, with what it said */
	async exec(tool: string, args: readonly string[], input = ''): Promise<Executed> {
		return await exec('nsenter', [`--net=${this.netns}`, '--', tool, ...args], {input});
	}

	async end(): Promise<void> {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			const exit = once(this.#child, 'exit');
			this.#child.disconnect();
			await exit;
		}
	}

	#settle(reply: Reply): void {
		const waiting = this.#waiting.get(reply.id);
		this.#waiting.delete(reply.id);
		if ('error' in reply) {
			waiting?.reject(new Error(`${this.name}: ${reply.error}`));
		} else {
			waiting?.resolve(reply.answer);
		}
	}

	#fail(message: string): void {
		for (const waiting of this.#waiting.values()) {
			waiting.reject(new Error(message));
		}
	}
}
