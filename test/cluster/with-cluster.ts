import type {ExecutionContext, TestFn} from 'ava';
import {Cluster, reasonForNone} from './cluster.ts';

type Run = (t: ExecutionContext, cluster: Cluster) => Promise<void>;

/**
 * Declares tests, one after the other, that share an API server which is up before the first and gone after the last.
 * Where none can be started they are left out, and their titles say why.
 */
export function withCluster(test: TestFn): (title: string, run: Run) => void {
	if (reasonForNone !== undefined) {
		return (title) => test.skip(`${title} (left out: ${reasonForNone})`, () => undefined);
	}

	let cluster: Cluster | undefined;
	test.before(async () => {
		cluster = await Cluster.start();
	});
	test.after.always(async () => {
		await cluster?.stop();
	});
	return (title, run) =>
		test.serial(title, async (t) => {
			if (cluster === undefined) {
				throw new Error('no API server was started');
			}

			await run(t, cluster);
		});
}
