import type {EndpointSlice, Service} from '../model/objects.ts';
import {type Address, type Family, familyOf} from '../net/address.ts';
import {mergeEndpoints} from './endpoints.ts';
import type {NodeView} from './node.ts';
import type {HealthCheck} from './plan.ts';

/**
 * The health check of a LoadBalancer Service with external policy Local: how many distinct addresses on this node
 * are ready, over all ports. Terminating stand-ins never count, so that load balancers turn away while they still
 * answer. A family in which the Service has no cluster IP has no count: nobody answers there.
 * Source: kube-proxy, HealthCheckNodePort and LocalEndpoints, in one proxier for each family.
 */
export function planHealthCheck(
	service: Service,
	slices: readonly EndpointSlice[],
	node: NodeView,
): HealthCheck | undefined {
	const {type, externalTrafficPolicy, healthCheckNodePort: port, namespace, name} = service;
	if (port === 0 || type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local') {
		return undefined;
	}

	const localEndpoints: Partial<Record<Family, number>> = {};
	for (const family of service.clusterIps.map(familyOf)) {
		localEndpoints[family] = readyHere(service, slices, family, node).size;
	}

	return {port, namespace, name, localEndpoints};
}

function readyHere(service: Service, slices: readonly EndpointSlice[], family: Family, node: NodeView): Set<Address> {
	const ready = new Set<Address>();
	for (const port of service.ports) {
		for (const endpoint of mergeEndpoints(slices, family, port, node.name).endpoints) {
			if (endpoint.ready && endpoint.nodeName === node.name) {
				ready.add(endpoint.address);
			}
		}
	}

	return ready;
}
