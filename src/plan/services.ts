import type {EndpointSlice, ObjectKey, Service} from '../model/objects.ts';
import {type Address, familyOf} from '../net/address.ts';
import {chooseCluster, chooseLocal, mergeEndpoints, servingBackends} from './endpoints.ts';
import {entrancesOf, missingEntrances} from './entrances.ts';
import {type Backend, type Frontend, type FrontendKey, kindOrder} from './frontend.ts';
import {answerOf, clusterIpFrontend, externalFrontend} from './frontends.ts';
import {planHealthCheck} from './health-checks.ts';
import type {NodeView} from './node.ts';
import type {HealthCheck, Unserved} from './plan.ts';
import {isExternalLocal} from './policies.ts';
import type {PortView} from './port-view.ts';
import {heldReason, namesOf} from './reasons.ts';

/** What one Service asks of this node: claims, until the other Services' are known too. */
export type ServicePlan = {
	readonly createdAt: number | undefined;
	readonly frontends: readonly Frontend[];
	readonly unserved: readonly Unserved[];
	readonly healthCheck: HealthCheck | undefined;
	/** What may answer flows to its UDP frontends; undefined when it has none. */
	readonly serving: ReadonlyMap<FrontendKey, readonly Backend[]> | undefined;
};

const none: readonly never[] = [];

type Draft = {
	readonly frontends: Frontend[];
	readonly unserved: Unserved[];
	serving: Map<FrontendKey, readonly Backend[]> | undefined;
};

/**
 * Plans a Service from its slices. Every port and family is on its own: nothing is translated across families.
 *
 * @param key the Service's name in the world, which the reasons of its frontends then share
 */
export function planService(
	key: ObjectKey,
	service: Service,
	slices: readonly EndpointSlice[],
	node: NodeView,
): ServicePlan {
	const draft: Draft = {frontends: [], unserved: [], serving: undefined};
	const {namespace, name} = service;
	const names = namesOf(key);
	for (const port of service.ports) {
		const portName = {namespace, name, port: port.name, protocol: port.protocol};
		draft.unserved.push(...missingEntrances({service, names, name: portName, port}, node));
		for (const clusterIp of service.clusterIps) {
			const family = familyOf(clusterIp);
			if (node.families.includes(family)) {
				planPort(draft, {service, names, name: portName, port, family}, clusterIp, slices, node);
			}
		}
	}

	return {
		createdAt: service.createdAt,
		frontends: ownClaims(draft),
		unserved: draft.unserved.length === 0 ? none : draft.unserved,
		healthCheck: planHealthCheck(service, slices, node),
		serving: draft.serving,
	};
}

function planPort(
	draft: Draft,
	view: PortView,
	clusterIp: Address,
	slices: readonly EndpointSlice[],
	node: NodeView,
): void {
	const {service, names, port, family} = view;
	const candidates = mergeEndpoints(slices, family, port, node.name);
	const cluster = chooseCluster(candidates, node);
	const none = cluster.backends.length > 0 ? 'drop' : 'reject';
	const usesLocal = service.internalTrafficPolicy === 'Local' || isExternalLocal(service);
	const answers = {
		cluster: answerOf(cluster, 'reject', names.slices),
		local: usesLocal ? answerOf(chooseLocal(candidates, node), none, names.slices) : undefined,
	};
	const frontends = entrancesOf(view, node).map((entrance) => externalFrontend(view, answers, entrance));
	frontends.unshift(clusterIpFrontend(view, answers, clusterIp, node));
	draft.frontends.push(...frontends);
	if (port.protocol === 'UDP') {
		draft.serving ??= new Map();
		const serving = servingBackends(candidates);
		for (const {key} of frontends) {
			draft.serving.set(key, serving);
		}
	}
}

/**
 * The frontends with one for each key. A Service may name an address twice: as external and as load-balancer IP it
 * is one entrance, of the kind that {@link kindOrder} puts first; two different ports of it cannot share one.
 */
function ownClaims({frontends, unserved}: Draft): readonly Frontend[] {
	const [only] = frontends;
	if (only !== undefined && frontends.length === 1) {
		return [only]; // not the list itself: one that grew keeps room for more
	}

	const claims = new Map<FrontendKey, Frontend>();
	for (const frontend of frontends.toSorted((a, b) => kindOrder[a.kind] - kindOrder[b.kind])) {
		const first = claims.get(frontend.key);
		if (first === undefined) {
			claims.set(frontend.key, frontend);
		} else if (first.service !== frontend.service) {
			unserved.push({service: frontend.service, key: frontend.key, because: heldReason(first, frontend.kind)});
		}
	}

	return [...claims.values()];
}
