import {serviceAddress} from './cluster.ts';
import {loadKubeProxy, loadOurs} from './connect-cluster.ts';
import {buildConnectLab, type ConnectLab, podAddresses, type Way} from './connect-lab.ts';
import {type Moment, measure, moments, type Target} from './connect-prober.ts';
import {tell} from './namespace.ts';
import {percentile} from './numbers.ts';

/** What a node on the way has in its kernel. */
type Ruleset = 'none' | 'Fairlead' | 'kube-proxy';

/** One way for connections: who makes them, to what, through which ruleset with how many Services. */
export type Path = {
	readonly client: 'pod' | 'node';
	readonly to: 'cluster IP' | 'pod';
	readonly ruleset: Ruleset;
	readonly services: number;
};

/** Microseconds in each round, in the order of the rounds. */
type Rounds = {readonly p50: readonly number[]; readonly p99: readonly number[]};
export type Measured = {readonly path: Path; readonly rounds: Readonly<Record<Moment, Rounds>>};

/** Connections that are made to a target before it is the next one's turn: whatever slows the machine down meets all. */
const block = 3;

export type RoundsOptions = {
	readonly rounds: number;
	readonly services: readonly number[];
	/** Connections of each path in each round. */
	readonly connections: number;
};

/**
 * Where in memory a table happens to lie moves a connection's time by up to a hundredth, and stays as it is once it is
 * loaded. So all nodes are made and loaded anew so many times in a run.
 */
const labs = 4;
const rulesets = ['Fairlead', 'kube-proxy'] as const;
const podPort = 8080;

/** Measures all paths in all rounds: each ruleset in a node of its own. */
export async function measureRounds({rounds, services, connections}: RoundsOptions): Promise<Measured[]> {
	const nodes: Table[] = [
		{ruleset: 'none', services: 0},
		...services.flatMap((count) => rulesets.map((ruleset) => ({ruleset, services: count}))),
	];
	const largest = Math.max(...services);
	const all = nodes.flatMap((table, node) => pathsOf(table, largest).map((path) => ({node, path, rounds: noRounds()})));
	const passes = Math.ceil(connections / block);
	for (let [built, round] = [0, 0]; built < labs; built++) {
		tell(`nodes, built ${built + 1} times of ${labs}`);
		const lab = await buildConnectLab(nodes.length);
		try {
			await loadAll(lab, nodes);
			const targets = all.flatMap(({node, path}) => targetOf(path, lab.ways[node]));
			for (; round < (rounds * (built + 1)) / labs; round++) {
				tell(`round ${round + 1} of ${rounds}`);
				const burst = {passes, block, firstPort: round * passes * block};
				const results = await measure({host: lab.pod, port: podPort}, targets, burst);
				for (const [index, result] of results.entries()) {
					add(all[index]?.rounds, result);
				}
			}
		} finally {
			await lab.end();
		}
	}

	return all;
}

type Table = Pick<Path, 'ruleset' | 'services'>;
type WritableRounds = Record<Moment, {readonly p50: number[]; readonly p99: number[]}>;

function noRounds(): WritableRounds {
	const none = () => ({p50: [], p99: []});
	return {'TCP established': none(), 'TCP first byte': none(), 'UDP first datagram': none()};
}

function add(rounds: WritableRounds | undefined, result: Readonly<Record<Moment, readonly number[]>>): void {
	for (const moment of moments) {
		rounds?.[moment].p50.push(percentile(result[moment], 0.5));
		rounds?.[moment].p99.push(percentile(result[moment], 0.99));
	}
}

async function loadAll(lab: ConnectLab, tables: readonly Table[]): Promise<void> {
	for (const [index, {ruleset, services}] of tables.entries()) {
		const node = lab.ways[index]?.node;
		if (node !== undefined && ruleset !== 'none') {
			tell(`${services} services: ${ruleset}'s rules`);
			await (ruleset === 'Fairlead' ? loadOurs(node, services) : loadKubeProxy(node, services));
		}
	}
}

/** From pod and node: to the pod itself without rules and behind the most of them, to the cluster IP behind any. */
function pathsOf(table: Table, largest: number): Path[] {
	return (['pod', 'node'] as const).flatMap((client): Path[] => {
		const pod: Path = {client, to: 'pod', ...table};
		const service: Path = {client, to: 'cluster IP', ...table};
		return table.ruleset === 'none' ? [pod] : [service, ...(table.services === largest ? [pod] : [])];
	});
}

function targetOf({client, to}: Path, way: Way | undefined): Target[] {
	if (way === undefined) {
		return [];
	}

	const from = {pod: way.client, node: way.node}[client];
	const source = {pod: way.clientAddress, node: way.nodeAddress}[client];
	const end = to === 'pod' ? {address: podAddresses[0], port: podPort} : {address: serviceAddress(0), port: 80};
	return [{from, source, ...end}];
}
