import type {KubeObject} from '../model/objects.ts';

/** One kind of object that is watched: where it is, and which of them. */
export type WatchedKind = {
	readonly kind: KubeObject['kind'];
	readonly apiVersion: string;
	readonly path: string;
	/** The query's `labelSelector` and `fieldSelector`. An object that drops out of them comes as DELETED. */
	readonly selectors: Readonly<Record<string, string>>;
	/** Whether nothing can be served without it. What is not needed may be forbidden, or absent on an older API server. */
	readonly isNeeded: boolean;
};

/** What this node watches, exactly as kube-proxy does. Source: k8s.io/kubernetes/cmd/kube-proxy/app/server.go, Run. */
export function watchedKinds(nodeName: string): readonly WatchedKind[] {
	return [
		{
			kind: 'Service',
			apiVersion: 'v1',
			path: '/api/v1/services',
			selectors: {
				labelSelector: '!service.kubernetes.io/service-proxy-name',
				fieldSelector: 'spec.clusterIP!=None',
			},
			isNeeded: true,
		},
		{
			kind: 'EndpointSlice',
			apiVersion: 'discovery.k8s.io/v1',
			path: '/apis/discovery.k8s.io/v1/endpointslices',
			selectors: {labelSelector: '!service.kubernetes.io/headless'},
			isNeeded: true,
		},
		{
			kind: 'Node',
			apiVersion: 'v1',
			path: '/api/v1/nodes',
			selectors: {fieldSelector: `metadata.name=${nodeName}`},
			isNeeded: false,
		},
		{
			kind: 'ServiceCIDR',
			apiVersion: 'networking.k8s.io/v1',
			path: '/apis/networking.k8s.io/v1/servicecidrs',
			selectors: {},
			isNeeded: false,
		},
	];
}
