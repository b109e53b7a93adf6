import {type ChildProcess, type SpawnOptions, spawn} from 'node:child_process';
import {getuid} from 'node:process';

/** Starts a command in a network namespace of its own, with loopback up; as a plain user, as root of a user namespace. */
export function inNamespace(command: readonly string[], options: SpawnOptions): ChildProcess {
	const flags = getuid?.() === 0 ? ['-n'] : ['-Urn'];
	return spawn('unshare', [...flags, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...command], options);
}

/** Progress, on a terminal only. */
export function tell(text: string): void {
	if (process.stderr.isTTY) {
		process.stderr.write(`\r\u001b[K${text}`);
	}
}
