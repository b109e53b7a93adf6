import {closeSync, openSync, writeSync} from 'node:fs';
import {dump} from 'js-yaml';
import {endpointAddress, nodeName, serviceAddress} from './cluster.ts';

/** Writes the cluster of `cluster.ts` as `kubectl get services,endpointslices -A -o yaml` (or json) would print it. */
export function writeList(path: string, format: 'yaml' | 'json', services: number, endpoints: number): void {
	const file = openSync(path, 'w');
	const yaml = format === 'yaml';
	writeSync(file, yaml ? 'apiVersion: v1\nitems:\n' : '{"apiVersion": "v1", "items": [');
	for (let index = 0; index < services; index++) {
		const items = [service(index), slice(index, endpoints)];
		const json = items.map((item) => JSON.stringify(item, undefined, 4)).join(',\n');
		writeSync(file, yaml ? dump(items, {lineWidth: -1}) : `${index === 0 ? '' : ',\n'}${json}`);
	}

	writeSync(file, yaml ? 'kind: List\nmetadata:\n  resourceVersion: ""\n' : '], "kind": "List"}\n');
	closeSync(file);
}

function metadata(index: number, name: string, extra: object = {}) {
	return {
		...extra,
		creationTimestamp: '2026-05-04T09:12:00Z',
		name,
		namespace: `team-${index % 50}`,
		resourceVersion: String(100_000 + index),
		uid: `7a1e0000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`,
	};
}

/** The Service as `kubectl get -o json` has it. */
export function service(index: number) {
	return {
		apiVersion: 'v1',
		kind: 'Service',
		metadata: metadata(index, `service-${index}`, {labels: {app: `service-${index}`}}),
		spec: {
			clusterIP: serviceAddress(index),
			clusterIPs: [serviceAddress(index)],
			internalTrafficPolicy: 'Cluster',
			ipFamilies: ['IPv4'],
			ipFamilyPolicy: 'SingleStack',
			ports: [{name: 'http', port: 80, protocol: 'TCP', targetPort: 8080}],
			selector: {app: `service-${index}`},
			sessionAffinity: 'None',
			type: 'ClusterIP',
		},
		status: {loadBalancer: {}},
	};
}

/** The slice of its endpoints; `first` is the address of the first one, when it is another one than at the start. */
export function slice(index: number, endpoints: number, first?: string) {
	const labels = {
		'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
		'kubernetes.io/service-name': `service-${index}`,
	};
	return {
		addressType: 'IPv4',
		apiVersion: 'discovery.k8s.io/v1',
		endpoints: Array.from({length: endpoints}, (_, slot) => ({
			addresses: [slot === 0 && first !== undefined ? first : endpointAddress(index, slot, endpoints)],
			conditions: {ready: true, serving: true, terminating: false},
			nodeName: slot % 10 === 0 ? nodeName : `node-${slot % 10}`,
			targetRef: {kind: 'Pod', name: `service-${index}-${slot}`, namespace: `team-${index % 50}`},
		})),
		kind: 'EndpointSlice',
		metadata: metadata(index, `service-${index}-x7k2p`, {generateName: `service-${index}-`, labels}),
		ports: [{name: 'http', port: 8080, protocol: 'TCP'}],
	};
}
