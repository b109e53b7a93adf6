import type {ObjectKey, Service} from '../model/objects.ts';
import {type Because, type Frontend, type FrontendKind, printOwner, printServicePort} from './frontend.ts';
import type {HealthCheck} from './plan.ts';
import {honoursExternalPolicy} from './policies.ts';

/** The names that a Service and its slices have in reasons. Made once, and shared by all of its frontends. */
export type Names = {readonly service: string; readonly slices: string};

export function namesOf(key: ObjectKey): Names {
	return {service: `Service ${key}`, slices: `EndpointSlices of ${key}`};
}

export function internalPolicyReason(service: Service, object: string): Because {
	const field = 'spec.internalTrafficPolicy';
	return service.internalTrafficPolicy === 'Local'
		? {object, field, decided: 'Local: only endpoints on this node answer'}
		: {object, field, decided: 'Cluster: any endpoint answers'};
}

/** Also says whose source is rewritten: for external traffic the policy decides that. */
export function externalPolicyReason(service: Service, object: string): Because {
	const field = 'spec.externalTrafficPolicy';
	if (service.externalTrafficPolicy === 'Cluster') {
		return {object, field, decided: 'Cluster: any endpoint answers, and sees the address of this node as the source'};
	}

	if (!honoursExternalPolicy(service)) {
		const decided = 'Local counts for types NodePort and LoadBalancer, or with external IPs: any endpoint answers';
		return {object, field, decided};
	}

	const decided =
		'Local: endpoints on this node answer, and see the client; pods of this node and the node itself reach any, the node with its own address';
	return {object, field, decided};
}

/** Why a claim of this kind on the address, protocol and port of `holder` gets nothing. */
export function heldReason(holder: Frontend, claimed: FrontendKind): Because {
	const whyFirst = claimed === 'hostPort' ? whyPodLater : whyServiceFirst;
	const decided = `${holder.key} is that of ${printServicePort(holder.service)}: ${whyFirst}`;
	return {object: printOwner(holder.service), field: fieldOf[holder.kind], decided};
}

const whyServiceFirst =
	'cluster IPs come before load-balancer, external IPs and node ports, then older Services, then names';

const whyPodLater = 'Services come before host ports of pods, and older pods before younger ones, then names';

export const hostPortField = 'spec.containers[].ports[].hostPort';

const fieldOf: Readonly<Record<FrontendKind, string>> = {
	clusterIP: 'spec.clusterIPs',
	loadBalancerIP: 'status.loadBalancer.ingress',
	externalIP: 'spec.externalIPs',
	nodePort: 'spec.ports[].nodePort',
	hostPort: hostPortField,
};

/** Why a health-check node port that `holder` has is not opened for another Service too. */
export function heldHealthCheckReason({namespace, name, port}: HealthCheck): Because {
	const decided = `health-check port ${port} is that of ${namespace}/${name}: older Services come first, then names`;
	return {object: `Service ${namespace}/${name}`, field: 'spec.healthCheckNodePort', decided};
}
