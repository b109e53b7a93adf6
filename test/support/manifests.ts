/** API objects as JSON, as `kubectl get -o json` prints them, with only what a test is about. */
export type Json = Readonly<Record<string, unknown>>;

export function serviceJson(spec: Json = {}, metadata: Json = {}, status: Json = {}): Json {
	return {
		apiVersion: 'v1',
		kind: 'Service',
		metadata: {namespace: 'shop', name: 'web', ...metadata},
		spec: {clusterIP: '10.96.0.10', ports: [{port: 80}], ...spec},
		status,
	};
}

export function sliceJson(parts: Json = {}, labels: Json = {'kubernetes.io/service-name': 'web'}): Json {
	return {
		apiVersion: 'discovery.k8s.io/v1',
		kind: 'EndpointSlice',
		metadata: {namespace: 'shop', name: 'web-abc', labels},
		addressType: 'IPv4',
		ports: [{name: '', port: 8080, protocol: 'TCP'}],
		endpoints: [{addresses: ['10.0.0.1']}],
		...parts,
	};
}

export function nodeJson(status: Json = {}, spec: Json = {}, labels: Json = {}): Json {
	return {apiVersion: 'v1', kind: 'Node', metadata: {name: 'here', labels}, spec, status};
}
