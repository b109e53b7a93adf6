import {once} from 'node:events';
import {join} from 'node:path';
import type {RunOptions} from './connect-run.ts';
import {inNamespace} from './namespace.ts';

/** Connections through a cluster IP beside direct ones and a ruleset of kube-proxy's shape; all in namespaces of their own. */
export async function benchConnect(options: RunOptions): Promise<void> {
	const program = join(import.meta.dirname, 'connect-run.ts');
	const run = inNamespace([process.execPath, program, JSON.stringify(options)], {stdio: 'inherit'});
	const [code] = await once(run, 'exit');
	if (code !== 0) {
		throw new Error(`the measuring process ended with ${code}`);
	}
}
