import type {ExecutionContext, TestFn} from 'ava';
import {reasonForNone} from './cluster.ts';
import {PodNode} from './pod-node.ts';
import {withCluster} from './with-cluster.ts';

/** As {@link withCluster}; all tests of a file share a node, on which no daemon runs between them. */
export function withNode(
	test: TestFn,
): (title: string, run: (t: ExecutionContext, node: PodNode) => Promise<void>) => void {
	const testCluster = withCluster(test);
	let starting: Promise<PodNode> | undefined;
	if (reasonForNone === undefined) {
		test.after.always(async () => {
			await (await starting)?.end();
		});
	}

	return (title, run) =>
		testCluster(title, async (t, cluster) => {
			starting ??= PodNode.start(cluster);
			const node = await starting;
			t.teardown(async () => await node.stop());
			await run(t, node);
		});
}
