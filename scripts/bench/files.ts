import {mkdtempSync, readFileSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {writeList} from './kubectl.ts';
import {inNamespace, tell} from './namespace.ts';
import {median, table} from './numbers.ts';

type Options = {
	readonly sizes: readonly number[];
	readonly endpoints: number;
	readonly runs: number;
	readonly json?: true;
};

/** From the start of the real daemon until all of one file is in the kernel, as YAML and as JSON. */
export async function benchFiles(options: Options): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-'));
	const rows: Record<string, unknown>[] = [];
	try {
		for (const services of options.sizes) {
			for (const format of ['yaml', 'json'] as const) {
				const path = join(folder, `${services}.${format}`);
				writeList(path, format, services, options.endpoints);
				const runs: {readonly ms: number; readonly rssMb: number}[] = [];
				for (let run = 0; run < options.runs; run++) {
					tell(`${services} services × ${options.endpoints} endpoints as ${format}: run ${run + 1}`);
					runs.push(await startUntilInForce(path, folder));
				}

				rows.push({
					services,
					endpoints: options.endpoints,
					format,
					fileMb: Math.round(statSync(path).size / 1e6),
					inForceMs: Math.round(median(runs.map(({ms}) => ms))),
					rssMb: Math.round(Math.max(...runs.map(({rssMb}) => rssMb))),
				});
			}
		}
	} finally {
		rmSync(folder, {recursive: true});
	}

	tell('');
	const lines = options.json ? rows.map((row) => JSON.stringify(row)) : table(rows);
	process.stdout.write(`${lines.join('\n')}\n`);
}

async function startUntilInForce(path: string, folder: string): Promise<{ms: number; rssMb: number}> {
	const program = join(import.meta.dirname, '../../src/cli/fairlead.js');
	const flags = ['--objects', path, '--state-dir', join(folder, 'state'), '--cluster-cidr', '10.128.0.0/9'];
	const began = performance.now();
	const daemon = inNamespace([process.execPath, program, 'run', ...flags], {stdio: ['ignore', 'ignore', 'pipe']});
	const lines = createInterface({input: daemon.stderr ?? process.stdin});
	const heard: string[] = [];
	for await (const line of lines) {
		heard.push(line);
		if (line.includes('everything known is in force')) {
			const ms = performance.now() - began;
			const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
			daemon.kill('SIGKILL');
			return {ms, rssMb: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024};
		}
	}

	throw new Error(`the daemon ended before it was ready:\n${heard.join('\n')}`);
}
