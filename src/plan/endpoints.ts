import type {Endpoint, EndpointSlice, ServicePort} from '../model/objects.ts';
import {createPool} from '../model/pool.ts';
import type {Family} from '../net/address.ts';
import type {Backend} from './frontend.ts';
import {topologyOf} from './hints.ts';

/** The endpoints of one service port in one family, and in the same order what connections to them are sent to. */
export type Candidates = {readonly endpoints: readonly Endpoint[]; readonly backends: readonly Backend[]};

/** What of this node decides about endpoints. */
export type Place = {readonly name: string; readonly zone: string | undefined};

/** The backends for one traffic policy, and how they were found. */
export type Choice = {readonly backends: readonly Backend[]; readonly reason: string};

const nobody: Candidates = {endpoints: [], backends: []};

/**
 * The endpoints of one port of a Service in one family, out of all its slices. The port of an endpoint is that of
 * its slice with the same name and protocol. One address and port may stand in several slices, while the
 * controller moves it or gives it to a new Pod: {@link rankOf} decides; between equals the first slice by name.
 */
export function mergeEndpoints(
	slices: readonly EndpointSlice[],
	family: Family,
	port: Pick<ServicePort, 'name' | 'protocol'>,
	nodeName: string,
): Candidates {
	let found = nobody;
	for (const slice of slices) {
		if (slice.family === family) {
			for (const {name, protocol, port: number} of slice.ports) {
				if (name === port.name && protocol === port.protocol) {
					found = concat(found, candidatesOf(slice.endpoints, number, nodeName));
				}
			}
		}
	}

	return hasTwins(found.backends) ? withoutTwins(found, nodeName) : found;
}

function candidatesOf(endpoints: readonly Endpoint[], port: number, nodeName: string): Candidates {
	const backends = endpoints.map(({address, nodeName: at, pod}) => ({address, port, local: at === nodeName, pod}));
	return {endpoints, backends};
}

/** Nearly every service port has its endpoints in one slice, and then this copies nothing. */
function concat(a: Candidates, b: Candidates): Candidates {
	if (a.endpoints.length === 0) {
		return b;
	}

	return {endpoints: [...a.endpoints, ...b.endpoints], backends: [...a.backends, ...b.backends]};
}

/** So few are compared faster each with each than looked up in a set. */
const few = 12;

function hasTwins(backends: readonly Backend[]): boolean {
	if (backends.length > few) {
		return new Set(backends.map(({address}) => address)).size < backends.length;
	}

	for (let index = 1; index < backends.length; index++) {
		for (let other = 0; other < index; other++) {
			if (backends[index]?.address === backends[other]?.address) {
				return true;
			}
		}
	}

	return false;
}

function withoutTwins(candidates: Candidates, nodeName: string): Candidates {
	const {endpoints, backends} = candidates;
	const best = new Map<string, {readonly index: number; readonly rank: number}>();
	for (const [index, endpoint] of endpoints.entries()) {
		const key = `${endpoint.address} ${backends[index]?.port}`;
		const rank = rankOf(endpoint, nodeName);
		const other = best.get(key);
		if (other === undefined || rank > other.rank) {
			best.set(key, {index, rank});
		}
	}

	const kept = new Set([...best.values()].map(({index}) => index));
	return pick(candidates, (index) => kept.has(index));
}

/** Of twins the live one counts before the one that goes away, as for kube-proxy since 1.36; then the ready, then the local. */
function rankOf({terminating, ready, nodeName}: Endpoint, here: string): number {
	return (terminating ? 0 : 4) + (ready ? 2 : 0) + (nodeName === here ? 1 : 0);
}

/**
 * The backends for policy Cluster: the ready endpoints, or those of them that are hinted for this node or zone;
 * without any ready one, the serving ones that terminate, anywhere. Empty only when no endpoint anywhere can answer.
 * Source: kube-proxy, CategorizeEndpoints.
 */
export function chooseCluster(candidates: Candidates, place: Place): Choice {
	const all = candidates.endpoints.length;
	const ready = select(candidates, isReady);
	const count = ready.endpoints.length;
	if (count === 0) {
		const {backends} = select(candidates, isStandIn);
		return {backends, reason: share(noneReady(all, backends.length))};
	}

	const topology = topologyOf(ready.endpoints, place);
	if (topology === undefined) {
		return {backends: ready.backends, reason: someReady(count, all)};
	}

	const {backends} = select(ready, topology.allows);
	return {backends, reason: share(`${someReady(count, all)}, ${backends.length} of them hinted for ${topology.name}`)};
}

/** The backends for policy Local: the ready endpoints on this node, else the serving ones that terminate on it. */
export function chooseLocal(candidates: Candidates, place: Place): Choice {
	const here = select(candidates, ({nodeName}) => nodeName === place.name);
	const count = here.endpoints.length;
	const ready = select(here, isReady).backends;
	if (ready.length > 0) {
		return {backends: ready, reason: share(`${ready.length} of ${count} endpoints on this node are ready`)};
	}

	const {backends} = select(here, isStandIn);
	const reason =
		backends.length > 0
			? `no ready endpoint on this node: ${backends.length} serving terminating ones stand in`
			: `none of ${count} endpoints on this node can answer, ${candidates.endpoints.length - count} are elsewhere`;
	return {backends, reason: share(reason)};
}

/** All that answer at all, whatever policies and hints say: flows to others are stale. */
export function servingBackends(candidates: Candidates): readonly Backend[] {
	return select(candidates, ({serving}) => serving).backends;
}

/** The candidates whose endpoint passes; the very same when all do, so that equal lists are one in memory. */
function select(candidates: Candidates, passes: (endpoint: Endpoint) => boolean): Candidates {
	if (candidates.endpoints.every(passes)) {
		return candidates;
	}

	const passed = candidates.endpoints.map(passes);
	return pick(candidates, (index) => passed[index] === true);
}

function pick({endpoints, backends}: Candidates, isKept: (index: number) => boolean): Candidates {
	const filter = (_: unknown, index: number) => isKept(index);
	return {endpoints: endpoints.filter(filter), backends: backends.filter(filter)};
}

function isReady({ready}: Endpoint): boolean {
	return ready;
}

function isStandIn({serving, terminating}: Endpoint): boolean {
	return serving && terminating;
}

function noneReady(all: number, standIns: number): string {
	if (standIns > 0) {
		return `no ready endpoint: ${standIns} serving terminating ones stand in`;
	}

	return all === 0 ? 'there are no endpoints' : `none of ${all} endpoints is ready, or serving while it terminates`;
}

const reasons = createPool<string>(2000);

/** Reasons repeat from Service to Service. */
function share(reason: string): string {
	return reasons(reason, reason);
}

const readyReasons = new Map<number, string>();

/** The commonest reason by far, made once for each pair of small counts. */
function someReady(ready: number, all: number): string {
	const key = ready * 256 + all;
	const known = all < 256 ? readyReasons.get(key) : undefined;
	if (known !== undefined) {
		return known;
	}

	const reason = `${ready} of ${all} endpoints are ready`;
	if (all < 256) {
		readyReasons.set(key, reason);
	}

	return reason;
}
