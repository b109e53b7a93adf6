import {type ChildProcess, spawn} from 'node:child_process';
import {EventEmitter, once} from 'node:events';
import {readFileSync} from 'node:fs';
import {type Executed, exec} from '../../src/kernel/exec.ts';

/** A file or folder of the node that a container sees under another path. */
export type Mount = {readonly source: string; readonly target: string; readonly readOnly: boolean};

/** What a container runtime is asked for. */
export type ContainerSpec = {
	/** Folder with the image's files. */
	readonly root: string;
	readonly command: readonly string[];
	readonly environment: Readonly<Record<string, string>>;
	readonly mounts: readonly Mount[];
	/** File of the network namespace that it shares. */
	readonly netns: string;
	readonly security: Security;
};

export type Security = {
	readonly privileged: boolean;
	/** Without `CAP_`; a privileged container has all. */
	readonly capabilities: readonly string[];
	readonly readOnlyRoot: boolean;
	readonly noNewPrivileges: boolean;
	readonly user: number;
};

const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** Makes the mounts of a container in a mount namespace of its own, then becomes `setpriv`. $1: its root. */
function mountScript({mounts, security: {privileged, readOnlyRoot}}: ContainerSpec): string {
	const bind = ({source, target, readOnly}: Mount) => [
		`[ -d '${source}' ] && mkdir -p "$1${target}" || touch "$1${target}"`,
		`mount --bind '${source}' "$1${target}"`,
		...(readOnly ? [`mount -o remount,bind,ro "$1${target}"`] : []),
	];
	return [
		'set -e',
		'mount --bind "$1" "$1"',
		'mount -t proc proc "$1/proc"',
		// only a privileged container may write there
		...(privileged ? [] : ['mount --bind "$1/proc/sys" "$1/proc/sys"', 'mount -o remount,bind,ro "$1/proc/sys"']),
		`mount -t sysfs ${privileged ? '' : '-o ro'} sysfs "$1/sys"`,
		'mount -t tmpfs -o mode=755 tmpfs "$1/dev"',
		...devices.flatMap((name) => bind({source: `/dev/${name}`, target: `/dev/${name}`, readOnly: false})),
		...mounts.flatMap(bind),
		...(readOnlyRoot ? ['mount -o remount,bind,ro "$1"'] : []),
		'shift',
		'exec "$@"',
	].join('\n');
}

/** As containerd starts a process: bounding set as given, nothing inherited, nothing ambient. */
function privilegeArguments({privileged, capabilities, noNewPrivileges, user}: Security): string[] {
	const bounding = privileged
		? []
		: [`--bounding-set=-all${capabilities.map((name) => `,+${name.toLowerCase()}`).join('')}`];
	return [
		`--reuid=${user}`,
		'--clear-groups',
		...bounding,
		'--inh-caps=-all',
		...(noNewPrivileges ? ['--no-new-privs'] : []),
	];
}

/** A process as a container runtime starts it; the mounts and the process namespace are gone when it ends. */
export class Container {
	readonly #spec: ContainerSpec;
	readonly #child: ChildProcess;
	readonly #lines = new EventEmitter();
	#log = '';

	constructor(spec: ContainerSpec) {
		this.#spec = spec;
		const {root, security, netns, command, environment} = spec;
		const runtime = ['chroot', root, '/usr/bin/setpriv', ...privilegeArguments(security), ...command];
		const spaces = ['--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--propagation=private'];
		this.#child = spawn(
			'/usr/bin/nsenter',
			[`--net=${netns}`, '--', 'setpriv', '--pdeathsig', 'SIGKILL', 'unshare', ...spaces, '--']
				.concat(['/bin/sh', '-c', mountScript(spec), 'sh', root])
				.concat(runtime),
			{env: environment, stdio: ['ignore', 'pipe', 'pipe']},
		);
		for (const stream of [this.#child.stdout, this.#child.stderr]) {
			stream?.setEncoding('utf8').on('data', (text: string) => {
				this.#log += text;
				this.#lines.emit('line');
			});
		}
	}

	/** All it has printed so far. */
	get log(): string {
		return this.#log;
	}

	/** Its process 1, as the node counts. @throws Error when there is none */
	get pid(): number {
		const {pid} = this.#child;
		const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
		if (child === '') {
			throw new Error('the container has no process');
		}

		return Number(child);
	}

	/** A line of /proc/PID/status of its process 1. */
	statusOf(field: string): string {
		return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1] ?? '';
	}

	/** Waits until `holds`, which is asked again at each line that it prints. */
	async printed(holds: () => boolean, deadlineMs = 60_000): Promise<void> {
		const signal = AbortSignal.timeout(deadlineMs);
		while (!holds()) {
			await once(this.#lines, 'line', {signal}).catch((error: unknown) => {
				throw new Error(`the container did not print what was awaited:\n${this.#log}`, {cause: error});
			});
		}
	}

	/** Waits until the process has ended; its exit code. */
	async ended(deadlineMs = 60_000): Promise<number | null> {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			await once(this.#child, 'close', {signal: AbortSignal.timeout(deadlineMs)}).catch((error: unknown) => {
				throw new Error(`the container does not end; it printed:\n${this.#log}`, {cause: error});
			});
		}

		return this.#child.exitCode;
	}

	/** Sends process 1 a signal, as kubelet does, and waits for the end. */
	async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
		if (this.#child.exitCode === null && this.#child.signalCode === null) {
			process.kill(this.pid, signal);
		}

		return await this.ended();
	}

	/** As `kubectl exec`: in the same namespaces, with the same rights and nothing more. */
	async exec(...command: readonly string[]): Promise<Executed> {
		const {security, environment} = this.#spec;
		const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
		const spaces = ['--target', String(this.pid), '--mount', '--pid', '--net', '--root', '--wd=/'];
		const runtime = ['/usr/bin/setpriv', ...privilegeArguments(security), ...command];
		return await exec('/usr/bin/nsenter', [...spaces, '--', '/usr/bin/env', '-i', ...variables, ...runtime]);
	}
}
