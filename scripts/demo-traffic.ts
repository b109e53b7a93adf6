import {addresses, type HostName} from '../test/lab/addresses.ts';
import {nameOf} from '../test/lab/packets.ts';
import type {Probe, ProbeResult} from '../test/lab/requests.ts';
import type {Lab} from '../test/lab/topology.ts';

/** Where a Service of the demo is entered, in both families. Source: scripts/demo-objects/start. */
export const entrances = {
	'web cluster IP': {pair: ['10.96.0.10', 'fd00:96::a'], port: 80, protocol: 'TCP'},
	'web node port': {pair: addresses.n1, port: 30_080, protocol: 'TCP'},
	'web external IP': {pair: ['198.51.100.10', '2001:db8:51::10'], port: 80, protocol: 'TCP'},
	'web load-balancer IP': {pair: ['203.0.113.10', '2001:db8:71::10'], port: 80, protocol: 'TCP'},
	'web cluster IP, unused port': {pair: ['10.96.0.10', 'fd00:96::a'], port: 81, protocol: 'TCP'},
	'dns cluster IP': {pair: ['10.96.0.53', 'fd00:96::35'], port: 53, protocol: 'UDP'},
	'dns node port': {pair: addresses.n1, port: 30_053, protocol: 'UDP'},
	'cart cluster IP': {pair: ['10.96.0.20', 'fd00:96::14'], port: 80, protocol: 'TCP'},
	'cart node port': {pair: addresses.n1, port: 30_020, protocol: 'TCP'},
	'admin load-balancer IP': {pair: ['203.0.113.30', '2001:db8:71::30'], port: 80, protocol: 'TCP'},
	'game cluster IP': {pair: ['10.96.0.40', 'fd00:96::28'], port: 2701, protocol: 'UDP'},
	'game node port': {pair: addresses.n1, port: 30_040, protocol: 'UDP'},
} as const satisfies Record<string, Entrance>;

export type Entrance = {
	readonly pair: readonly [ipv4: string, ipv6: string];
	readonly port: number;
	readonly protocol: 'TCP' | 'UDP';
};
export type EntranceName = keyof typeof entrances;

export function probesOf(name: EntranceName): Probe[] {
	const {pair, port, protocol} = entrances[name];
	return pair.map((address) => ({protocol, address, port}));
}

/** What came of many connections: how many each server answered, as whom it saw the client, what else happened. */
export type Counts = {
	readonly by: ReadonlyMap<string, number>;
	readonly seen: ReadonlySet<string>;
	readonly total: number;
};

/** Makes `each` connections over each family from one host, and counts what came of them. */
export async function count(lab: Lab, from: HostName, to: EntranceName, each: number): Promise<Counts> {
	const probes = probesOf(to).flatMap((probe) => Array.from({length: each}, () => probe));
	const results = await lab.hosts[from].ask('probe', {probes, deadlineMs: 3000});
	const by = Map.groupBy(results, outcomeOf);
	const seen = results.flatMap((result) => (result.kind === 'answered' ? [nameOf(result.seen)] : []));
	return {
		by: new Map([...by].map(([name, group]): [string, number] => [name, group.length]).toSorted()),
		seen: new Set(seen),
		total: results.length,
	};
}

function outcomeOf(result: ProbeResult): string {
	switch (result.kind) {
		case 'answered':
			return result.by;
		case 'failed':
			return result.code;
		case 'refused':
		case 'dropped':
		case 'unreachable':
		case 'echoed':
			return result.kind;
	}
}

export function printCounts({by}: Counts): string {
	return [...by].map(([name, times]) => `${name} ${times}`).join(', ');
}
