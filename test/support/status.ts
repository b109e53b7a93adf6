import type {Status, StatusHead} from '../../src/control/status.ts';

const moment = (ageSeconds: number) => ({
	at: new Date(Date.UTC(2026, 10, 28, 12) - ageSeconds * 1000).toISOString(),
	ageSeconds,
});

/** A status without its lists, of a node where all is in force, but for what `parts` say. */
export function buildStatusHead(parts: Partial<StatusHead> = {}): StatusHead {
	return {
		takenAt: '2026-11-28T12:00:00.000Z',
		version: '0.1.0',
		pid: 4242,
		nodeName: 'worker-1',
		started: moment(11_520),
		memory: {residentBytes: 142 * 2 ** 20, heapUsedBytes: 40 * 2 ** 20},
		mode: {name: 'nftables', because: 'it was asked for'},
		families: ['IPv4', 'IPv6'],
		inForce: moment(11_460),
		awaiting: [],
		services: 1204,
		frontends: 2410,
		endpoints: 12_040,
		lastCommit: {...moment(4.26), durationMs: 0.412, operations: 5, refused: 0, full: false},
		sources: [
			{
				name: 'files',
				synced: moment(11_464),
				complete: true,
				lastChange: moment(4.3),
				objects: {Service: 1204, EndpointSlice: 1204, Node: 3, ServiceCIDR: 1},
				restarts: 0,
				problems: 0,
			},
			{
				name: 'nodeAddresses',
				synced: moment(11_470),
				complete: true,
				objects: {NodeAddress: 7},
				restarts: 1,
				problems: 0,
			},
		],
		dataplanes: [
			{
				name: 'nftables',
				frontends: {
					clusterIP: {whole: 1204, partly: 0, notAtAll: 0},
					nodePort: {whole: 1206, partly: 0, notAtAll: 0},
				},
			},
		],
		...parts,
	};
}

/** A status of a node where all is in force, but for what `parts` say. */
export function buildStatus(parts: Partial<Status> = {}): Status {
	return {...buildStatusHead(), notWhole: [], problems: [], ...parts};
}
