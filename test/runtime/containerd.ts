import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {exec} from '../../src/kernel/exec.ts';
import type {Host} from '../lab/host.ts';

/** Where containerd's client looks for network configurations and plugins. Source: containerd/go-cni */
export const [confDir, binDir] = ['/etc/cni/net.d', '/opt/cni/bin'];

const root = '/run/containerd-test';
const socket = join(root, 'containerd.sock');

/** Without what needs other file systems or a kubelet. */
const config = `
version = 2
root = "${root}/root"
state = "${root}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "${socket}"
`;

/** The one program that containers run: it waits until it is told to end. */
const program = `#include <unistd.h>
int main(void) { for (;;) pause(); }
`;

/** A real containerd in this mount and pid namespace, and its containers. */
export class Containerd {
	readonly #child: ChildProcess;
	/** Runs a command in the network namespace of the node. */
	readonly #enter: readonly string[];

	private constructor(child: ChildProcess, enter: readonly string[]) {
		[this.#child, this.#enter] = [child, enter];
	}

	/** In the network namespace of `node`. Resolves when it answers. */
	static async start(node: Host): Promise<Containerd> {
		mkdirSync(join(root, 'files/bin'), {recursive: true});
		writeFileSync(join(root, 'config.toml'), config);
		writeFileSync(join(root, 'wait.c'), program);
		await exec('cc', ['-static', '-Os', join(root, 'wait.c'), '-o', join(root, 'files/bin/wait')]);
		const enter = [`--net=${node.netns}`, '--'];
		const child = spawn(
			'nsenter',
			[...enter, 'containerd', '--config', join(root, 'config.toml'), '--log-level', 'warn'],
			{
				stdio: 'ignore', // its log is long, and in place of errors the client tells what failed
			},
		);
		const containerd = new Containerd(child, enter);
		for (let tries = 0; !existsSync(socket) && tries < 200; tries++) {
			await setTimeout(50);
		}

		return containerd;
	}

	/**
	 * Starts a container with a network by the first configuration in {@link confDir}. Its client stays beside it: it
	 * calls DEL when the container ends.
	 *
	 * @throws Error with what the client said
	 */
	async run(id: string): Promise<Container> {
		const files = ['--rootfs', join(root, 'files')];
		const client = spawn('nsenter', [
			...this.#enter,
			'ctr',
			'--address',
			socket,
			'run',
			'--rm',
			'--cni',
			...files,
			id,
			'/bin/wait',
		]);
		let said = '';
		client.stderr.setEncoding('utf8').on('data', (text: string) => {
			said += text;
		});
		const ended = new Promise<string>((resolve) => client.once('close', () => resolve(said)));
		for (let tries = 0; client.exitCode === null && tries < 400; tries++) {
			const {stdout} = await this.ctr('task', 'ls');
			const [, pid = ''] = new RegExp(`^${id}\\s+(\\d+)\\s+RUNNING`, 'm').exec(stdout) ?? [];
			if (pid !== '') {
				return {id, netns: `/proc/${pid}/ns/net`, ended};
			}

			await setTimeout(25);
		}

		throw new Error(`container ${id} did not start: ${said}`);
	}

	/** Kills a container, and resolves with what its client said when it had called DEL: empty is good. */
	async remove({id, ended}: Container): Promise<string> {
		await this.ctr('task', 'kill', '--signal', 'KILL', id);
		return await ended;
	}

	/** What the client of containerd prints. @throws NetError EXEC_FAILED */
	async ctr(...args: readonly string[]) {
		return await exec('nsenter', [...this.#enter, 'ctr', '--address', socket, ...args]);
	}

	async end(): Promise<void> {
		if (this.#child.exitCode === null) {
			const exit = new Promise((resolve) => this.#child.once('exit', resolve));
			this.#child.kill('SIGTERM');
			await exit;
		}

		rmSync(root, {recursive: true, force: true});
	}
}

export type Container = {readonly id: string; readonly netns: string; readonly ended: Promise<string>};

/** Addresses of the container's interface that others can reach it by. */
export async function addressesIn({netns}: Container): Promise<readonly string[]> {
	const {stdout} = await exec('nsenter', [`--net=${netns}`, '--', 'ip', '-json', 'address', 'show', 'eth0']);
	const [link] = JSON.parse(stdout);
	const held: readonly {readonly local: string; readonly scope: string}[] = link.addr_info;
	return held.filter(({scope}) => scope === 'global').map(({local}) => local);
}
