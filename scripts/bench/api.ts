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
	const rows: Readonly<Record<string, unknown>>[] = [];
	subject.on('message', (figures: ApiFigures) => {
		rows.push({services: run.services, endpoints: run.endpoints, ...figures});
	});
	const [code] = await once(subject, 'exit');
	tell('');
	process.stdout.write(`${(json ? rows.map((row) => JSON.stringify(row)) : table(rows)).join('\n')}\n`);
	process.exitCode = code === 0 ? 0 : 1; // what was measured before it failed is printed all the same
}
