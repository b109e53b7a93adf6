import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import type {ApiFigures, ApiRun} from './api-run.ts';
import {inNamespace, tell} from './namespace.ts';
import {table} from './numbers.ts';

type Options = {
	readonly services: number;
	readonly endpoints: number;
	readonly runs: number;
	readonly changes: number;
	readonly rate: number;
	readonly seconds: number;
	readonly peer?: string;
	readonly json?: true;
};

/**
 * The real daemon behind a real kube-apiserver: until all is in force, from the answer to one write to the commit that
 * holds it, and at a steady rate of writes. With a kube-proxy, the same of it, in the same run.
 */
export async function benchApi({json, ...run}: Options): Promise<void> {
	const assets = execFileSync(join(import.meta.dirname, '../cluster-binaries'), {encoding: 'utf8'}).trim();
	const subject = inNamespace(
		[process.execPath, join(import.meta.dirname, 'api-run.ts'), JSON.stringify(run satisfies ApiRun)],
		{
			stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
			env: {...process.env, KUBEBUILDER_ASSETS: assets},
		},
	);
	const [figures] = await Promise.race([
		once(subject, 'message') as Promise<[readonly ApiFigures[]]>,
		once(subject, 'exit').then(([code]) => {
			throw new Error(`the bench ended with ${code}`);
		}),
	]);
	await once(subject, 'exit');
	tell('');
	const rows = figures.map((row) => ({services: run.services, endpoints: run.endpoints, ...row}));
	process.stdout.write(`${(json ? rows.map((row) => JSON.stringify(row)) : table(rows)).join('\n')}\n`);
}
