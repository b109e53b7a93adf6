/** The kinds that the double serves. */
export type Resource = {
	readonly plural: string;
	readonly kind: string;
	readonly apiVersion: string;
	/** Path below which all objects of all namespaces are. */
	readonly prefix: string;
	readonly isNamespaced: boolean;
};

const resources: readonly Resource[] = [
	{plural: 'services', kind: 'Service', apiVersion: 'v1', prefix: '/api/v1', isNamespaced: true},
	{plural: 'nodes', kind: 'Node', apiVersion: 'v1', prefix: '/api/v1', isNamespaced: false},
	{
		plural: 'endpointslices',
		kind: 'EndpointSlice',
		apiVersion: 'discovery.k8s.io/v1',
		prefix: '/apis/discovery.k8s.io/v1',
		isNamespaced: true,
	},
	{
		plural: 'servicecidrs',
		kind: 'ServiceCIDR',
		apiVersion: 'networking.k8s.io/v1',
		prefix: '/apis/networking.k8s.io/v1',
		isNamespaced: false,
	},
	{
		plural: 'events',
		kind: 'Event',
		apiVersion: 'events.k8s.io/v1',
		prefix: '/apis/events.k8s.io/v1',
		isNamespaced: true,
	},
];

/** What a path names: all objects of a resource, those of a namespace, or one object. */
export type Target = {
	readonly resource: Resource;
	readonly namespace: string | undefined;
	readonly name: string | undefined;
};

/** Undefined for a path that the API server does not know. */
export function findTarget(path: string): Target | undefined {
	for (const resource of resources) {
		const pattern = new RegExp(
			`^${resource.prefix.replaceAll('.', '\\.')}/(?:namespaces/([^/]+)/)?${resource.plural}(?:/([^/]+))?$`,
		);
		const match = pattern.exec(path);
		if (match !== null) {
			return {resource, namespace: match[1], name: match[2]};
		}
	}

	return undefined;
}

/** @throws Error when no resource has such objects */
export function resourceOf(object: {readonly kind?: unknown}): Resource {
	const resource = resources.find(({kind}) => kind === object.kind);
	if (resource === undefined) {
		throw new Error(`the double serves no ${String(object.kind)}`);
	}

	return resource;
}
