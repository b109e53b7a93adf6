import type {Service} from '../model/objects.ts';

/**
 * Whether external traffic policy Local counts: for the types that other hosts reach by design, or with external
 * IPs. Source: k8s.io/kubernetes/pkg/api/v1/service, ExternallyAccessible.
 */
export function honoursExternalPolicy({type, externalIps}: Service): boolean {
	return type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && externalIps.length > 0);
}

export function isExternalLocal(service: Service): boolean {
	return service.externalTrafficPolicy === 'Local' && honoursExternalPolicy(service);
}
