import {setTimeout} from 'node:timers/promises';
import type {Change} from '../../src/model/change.ts';
import type {KubeObject} from '../../src/model/objects.ts';
import {protocolNumbers} from '../../src/net/port.ts';
import {addOtherFlows} from '../../test/lab/other-flows.ts';
import {ReconciledNode} from '../../test/lab/reconciled-node.ts';
import {
	buildEndpoint,
	buildEndpointPort,
	buildNode,
	buildPort,
	buildService,
	buildSlice,
} from '../../test/support/builders.ts';

/** The measured process: a reconciler in the network namespace it was started in, beside `others` flows. */
export type FlowRun = {readonly others: number; readonly follows: boolean; readonly changes: number};

export type FlowFigures = {
	/** From a change's entry to its commit's acknowledgement, one change after another in quiet times. */
	readonly commitMs: readonly number[];
	/** The same of a hundred changes a second. */
	readonly burstMs: readonly number[];
	/** From that acknowledgement until no stale flow is left; nothing where flows are not followed. */
	readonly goneMs: readonly number[];
	/** Flows that the kernel told of for one change. */
	readonly walked: number;
};

const services = 100;
/** Quiet enough for a pass to begin at once: behind the last one nothing is done for four times as long as it took. */
const quietMs = 250;

const put = (object: KubeObject): Change => ({verb: 'put', object});

function service(index: number): Change {
	const clusterIps = [`10.96.3.${index}`];
	return put(buildService(`bench/dns-${index}`, {clusterIps, ports: [buildPort({protocol: 'UDP', port: 53})]}));
}

/** Its one backend, another in each `round`. */
function slice(index: number, round: number): Change {
	const endpoints = [buildEndpoint(`10.128.${round % 200}.${index}`)];
	return put(buildSlice(`bench/dns-${index}`, endpoints, {ports: [buildEndpointPort(53, 'http', 'UDP')]}));
}

async function measure({others, follows, changes}: FlowRun): Promise<FlowFigures> {
	const node = new ReconciledNode({netns: '/proc/self/ns/net'}, undefined, follows);
	const indexes = Array.from({length: services}, (_, index) => index + 1);
	await node.apply([
		put(buildNode()),
		...indexes.flatMap((index) => [service(index), slice(index, 0)]),
		{verb: 'synced', source: 'files', complete: true},
	]);
	await addOtherFlows(node.conntrack, others, protocolNumbers.UDP, 53);
	const figures = {commitMs: [] as number[], burstMs: [] as number[], goneMs: [] as number[], walked: 0};
	for (let step = 0; step < changes; step++) {
		const began = performance.now();
		const {commit, passes} = await node.apply([slice((step % services) + 1, 1 + Math.floor(step / services))]);
		figures.goneMs.push(...passes.map(() => performance.now() - commit.endedAt));
		figures.commitMs.push(commit.endedAt - began);
		await setTimeout(quietMs);
		figures.walked += passes.reduce((sum, {walked}) => sum + walked, 0) / changes;
	}

	for (let step = 0; step < 3 * changes; step++) {
		const began = performance.now();
		const commit = await node.commit([slice((step % services) + 1, 100 + Math.floor(step / services))]);
		figures.burstMs.push(commit.endedAt - began);
		await setTimeout(Math.max(0, 10 - (performance.now() - began)));
	}

	return figures;
}

void measure(JSON.parse(process.argv[2] ?? '') as FlowRun).then(
	(figures) => process.send?.(figures),
	(error: unknown) => {
		process.stderr.write(`${String(error)}\n`);
		process.exit(1);
	},
);
