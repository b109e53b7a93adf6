import {once} from 'node:events';
import {join} from 'node:path';
import type {FlowFigures, FlowRun} from './flows-subject.ts';
import {inNamespace, tell} from './namespace.ts';
import {median, percentile, table} from './numbers.ts';

type Options = {
	readonly others: readonly number[];
	readonly runs: number;
	readonly changes: number;
	readonly json?: true;
};

/** What following flows costs a change, and how long stale flows live, with few and with many other flows around. */
export async function benchFlows(options: Options): Promise<void> {
	const rows: Record<string, unknown>[] = [];
	for (const others of options.others) {
		for (const follows of [false, true]) {
			const runs: FlowFigures[] = [];
			for (let run = 0; run < options.runs; run++) {
				tell(`${others} other flows, ${follows ? 'followed' : 'not followed'}: run ${run + 1} of ${options.runs}`);
				runs.push(await runSubject({others, follows, changes: options.changes}));
			}

			rows.push({others, follows, ...summarize(runs)});
		}
	}

	tell('');
	const lines = options.json ? rows.map((row) => JSON.stringify(row)) : table(rows);
	process.stdout.write(`${lines.join('\n')}\n`);
}

function summarize(runs: readonly FlowFigures[]) {
	const figure = (name: 'commitMs' | 'burstMs' | 'goneMs', share: number) => {
		const value = median(runs.map((run) => percentile(run[name], share)));
		return Number.isNaN(value) ? undefined : Number(value.toPrecision(3));
	};
	return {
		commitP50Ms: figure('commitMs', 0.5),
		commitP99Ms: figure('commitMs', 0.99),
		burstP50Ms: figure('burstMs', 0.5),
		burstP99Ms: figure('burstMs', 0.99),
		goneP50Ms: figure('goneMs', 0.5),
		goneP99Ms: figure('goneMs', 0.99),
		walked: median(runs.map(({walked}) => walked)),
	};
}

async function runSubject(run: FlowRun): Promise<FlowFigures> {
	const subject = inNamespace([process.execPath, join(import.meta.dirname, 'flows-subject.ts'), JSON.stringify(run)], {
		stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
	});
	const exit = once(subject, 'exit').then(([code]) => {
		throw new Error(`the measured process ended with ${code}`);
	});
	const [figures] = await Promise.race([once(subject, 'message'), exit]);
	exit.catch(() => undefined); // it ends by our signal
	subject.kill('SIGKILL');
	return figures as FlowFigures;
}
