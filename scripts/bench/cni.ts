import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import type {CniRun} from './cni-run.ts';

/** Pods attached and detached by our plugin and by reference plugins, in namespaces of their own. As root. */
export async function benchCni(options: CniRun): Promise<void> {
	const program = join(import.meta.dirname, 'cni-run.ts');
	// what plugins keep under /run and /var/lib goes with the mounts
	const flags = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
	const run = spawn('unshare', [...flags, '--', process.execPath, program, JSON.stringify(options)], {
		stdio: 'inherit',
	});
	const [code] = await once(run, 'exit');
	if (code !== 0) {
		throw new Error(`the measuring process ended with ${code}`);
	}
}
