import type {Endpoint, EndpointSlice, ServicePort} from '../model/objects.ts';
import {createPool} from '../model/pool.ts';
import type {Family} from '../net/address.ts';
import type {Backend} from './frontend.ts';
import {topologyOf} from './hints.ts';

/** An endpoint of one service port, and what connections to it are sent to. */
export type Candidate = {readonly endpoint: Endpoint; readonly backend: Backend};

/** What of this node decides about endpoints. */
export type Place = {readonly name: string; readonly zone: string | undefined};

/** The backends for one traffic policy, and how they were found. */
export type Choice = {readonly backends: readonly Backend[]; readonly reason: string};

const nobody: readonly Backend[] = [];

/**
 * The endpoints of one port of a Service in one family, out of all its slices. The port of an endpoint is that of
 * its slice with the same name and protocol. One address and port may stand in several slices, while the
 * controller moves it or gives it to a new Pod: {@link isBetter} decides; between equals the first slice by name.
 */
export function mergeEndpoints(
	slices: readonly EndpointSlice[],
	family: Family,
	port: Pick<ServicePort, 'name' | 'protocol'>,
	nodeName: string,
): readonly Candidate[] {
	const candidates: Candidate[] = [];
	for (const slice of slices) {
		if (slice.family !== family) {
			continue;
		}

		for (const {name, protocol, port: number} of slice.ports) {
			if (name === port.name && protocol === port.protocol) {
				addEndpoints(candidates, slice.endpoints, number, nodeName);
			}
		}
	}

	return hasTwins(candidates) ? withoutTwins(candidates) : candidates;
}

function addEndpoints(into: Candidate[], endpoints: readonly Endpoint[], port: number, nodeName: string): void {
	for (const endpoint of endpoints) {
		const {address, pod} = endpoint;
		into.push({endpoint, backend: {address, port, local: endpoint.nodeName === nodeName, pod}});
	}
}

/** So few are compared faster each with each than looked up in a set. */
const few = 12;

function hasTwins(candidates: readonly Candidate[]): boolean {
	if (candidates.length > few) {
		return new Set(candidates.map(({backend}) => backend.address)).size < candidates.length;
	}

	for (let index = 1; index < candidates.length; index++) {
		for (let other = 0; other < index; other++) {
			if (candidates[index]?.backend.address === candidates[other]?.backend.address) {
				return true;
			}
		}
	}

	return false;
}

function withoutTwins(candidates: readonly Candidate[]): readonly Candidate[] {
	const kept = new Map<string, Candidate>();
	for (const candidate of candidates) {
		const key = `${candidate.backend.address} ${candidate.backend.port}`;
		const other = kept.get(key);
		if (other === undefined || isBetter(candidate, other)) {
			kept.set(key, candidate);
		}
	}

	return [...kept.values()];
}

/** The live one before the one that goes away, as kube-proxy since 1.36; then the ready one, then the local one. */
function isBetter({endpoint, backend}: Candidate, than: Candidate): boolean {
	if (endpoint.terminating !== than.endpoint.terminating) {
		return !endpoint.terminating;
	}

	if (endpoint.ready !== than.endpoint.ready) {
		return endpoint.ready;
	}

	return backend.local && !than.backend.local;
}

/**
 * The backends for policy Cluster: the ready endpoints, or those of them that are hinted for this node or zone;
 * without any ready one, the serving ones that terminate, anywhere. Empty only when no endpoint anywhere can answer.
 * Source: kube-proxy, CategorizeEndpoints.
 */
export function chooseCluster(candidates: readonly Candidate[], place: Place): Choice {
	const ready = candidates.filter(isReady);
	if (ready.length === 0) {
		const standIns = candidates.filter(isStandIn);
		return {backends: backendsOf(standIns), reason: share(noneReady(candidates.length, standIns.length))};
	}

	const topology = topologyOf(ready, place);
	if (topology === undefined) {
		return {backends: backendsOf(ready), reason: allReady(ready.length, candidates.length)};
	}

	const hinted = ready.filter(({endpoint}) => topology.allows(endpoint));
	const reason = `${allReady(ready.length, candidates.length)}, ${hinted.length} of them hinted for ${topology.name}`;
	return {backends: backendsOf(hinted), reason: share(reason)};
}

/** The backends for policy Local: the ready endpoints on this node, else the serving ones that terminate on it. */
export function chooseLocal(candidates: readonly Candidate[]): Choice {
	const here = candidates.filter(({backend}) => backend.local);
	const ready = here.filter(isReady);
	if (ready.length > 0) {
		return {
			backends: backendsOf(ready),
			reason: share(`${ready.length} of ${here.length} endpoints on this node are ready`),
		};
	}

	const standIns = here.filter(isStandIn);
	const [count, all] = [standIns.length, candidates.length];
	const reason =
		count > 0
			? `no ready endpoint on this node: ${count} serving terminating ones stand in`
			: `none of ${here.length} endpoints on this node can answer, ${all - here.length} are elsewhere`;
	return {backends: backendsOf(standIns), reason: share(reason)};
}

/** All that answer at all, whatever policies and hints say: flows to others are stale. */
export function servingBackends(candidates: readonly Candidate[]): readonly Backend[] {
	return backendsOf(candidates.filter(({endpoint}) => endpoint.serving));
}

function backendsOf(candidates: readonly Candidate[]): readonly Backend[] {
	return candidates.length === 0 ? nobody : candidates.map(({backend}) => backend);
}

function isReady({endpoint}: Candidate): boolean {
	return endpoint.ready;
}

function isStandIn({endpoint}: Candidate): boolean {
	return endpoint.serving && endpoint.terminating;
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

const allReadyReasons = new Map<number, string>();

/** The commonest reason by far, made once for each pair of small counts. */
function allReady(ready: number, all: number): string {
	const key = ready * 256 + all;
	const known = all < 256 ? allReadyReasons.get(key) : undefined;
	if (known !== undefined) {
		return known;
	}

	const reason = `${ready} of ${all} endpoints are ready`;
	if (all < 256) {
		allReadyReasons.set(key, reason);
	}

	return reason;
}
