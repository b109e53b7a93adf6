import type {TrafficPolicy} from '../../src/model/objects.ts';
import type {FrontendKind} from '../../src/plan/frontend.ts';
import {type Cell, type ClientName, clients} from './packets.ts';

/**
 * What kube-proxy makes of a packet, written down from its behaviour alone (1.36, nftables mode, ClusterCIDR
 * detector, no masquerade-all). Nothing here knows the planner: the two are compared.
 */

/** Where a Service's endpoints are, seen from n1; `ending`: terminating, but still serving. */
export const locations = {
	here: {ready: ['a'], ending: []},
	elsewhere: {ready: ['c'], ending: []},
	both: {ready: ['a', 'c'], ending: []},
	'ending-here': {ready: [], ending: ['a']},
	'ending-elsewhere': {ready: [], ending: ['c']},
	moving: {ready: ['c'], ending: ['a']},
	none: {ready: [], ending: []},
} as const satisfies Record<string, Endpoints>;

type Pod = 'a' | 'c';
type Endpoints = {readonly ready: readonly Pod[]; readonly ending: readonly Pod[]};
export type Location = keyof typeof locations;

export type Policies = {readonly internal: TrafficPolicy; readonly external: TrafficPolicy};
export type State = Policies & {readonly location: Location};
export type MatrixFrontend = Exclude<FrontendKind, 'hostPort'>;

/** Clients of the matrix: one of each kind. The pod is none of the endpoints. */
export const matrixClients = [
	'pod b',
	'node n1',
	'host pod',
	'node n2',
	'outside',
] as const satisfies readonly ClientName[];

/** What `client` gets when it connects to a frontend of a Service in that state. */
export function expected(frontend: MatrixFrontend, state: State, client: ClientName): Cell {
	const {ready, ending}: Endpoints = locations[state.location];
	const anywhere = ready.length > 0 ? ready : ending;
	const here = [ready.filter(isLocal), ending.filter(isLocal)].find((pods) => pods.length > 0) ?? [];
	const own = clients[client].host;
	const onNode = own === 'a' || own === 'b' || own === 'n1';

	if (anywhere.length === 0) {
		return {kind: 'refused'};
	}

	if (frontend === 'clusterIP') {
		const by = state.internal === 'Local' ? here : anywhere;
		return by.length === 0 ? {kind: 'dropped'} : answered(by, isPodOfNode(own) ? own : 'n1');
	}

	if (state.external === 'Cluster') {
		return answered(anywhere, 'n1');
	}

	if (onNode) {
		return answered(anywhere, own);
	}

	return here.length === 0 ? {kind: 'dropped'} : answered(here, own);
}

function answered(by: readonly Pod[], seen: string): Cell {
	return {kind: 'answered', answers: by.map((pod) => ({by: pod, seen}))};
}

function isLocal(pod: Pod): boolean {
	return pod === 'a';
}

function isPodOfNode(host: string): boolean {
	return host === 'a' || host === 'b';
}
