import {createHash} from 'node:crypto';
import type {Endpoint} from '../../src/model/objects.ts';
import {kubeProxyBase} from '../../test/lab/kube-proxy-base.ts';
import {clusterCidr, nodeName, type Pair, serviceCidr} from './cluster.ts';

/**
 * A ruleset of kube-proxy's shape for the cluster IPs of Services that have endpoints, as text for `nft -f`, piece by
 * piece. A Service with one endpoint has no map of its own, as from 1.37 on: the quickest that it ever was.
 */
export function* kubeProxyRuleset(pairs: Iterable<Pair>): Generator<string> {
	yield kubeProxyBase({family: 'IPv4', clusterCidr, serviceCidr});
	for (const pair of pairs) {
		yield* clusterIpRules(pair);
	}
}

function* clusterIpRules({service, slice}: Pair): Generator<string> {
	for (const address of service.clusterIps) {
		yield `add element ip kube-proxy cluster-ips { ${address} }\n`;
		for (const {name, protocol, port} of service.ports) {
			const l4 = protocol.toLowerCase();
			const chain = chainName(`${service.namespace}/${service.name}/${l4}/${name}`);
			const target = slice.ports.find((candidate) => candidate.name === name)?.port ?? port;
			yield `add chain ip kube-proxy ${chain}\n`;
			yield `add rule ip kube-proxy ${chain} meta l4proto ${l4} ${translation(slice.endpoints, target)}\n`;
			yield `add element ip kube-proxy service-ips { ${address} . ${l4} . ${port} : goto ${chain} }\n`;
			for (const {address: own} of slice.endpoints.filter((endpoint) => endpoint.nodeName === nodeName)) {
				yield `add element ip kube-proxy hairpin-connections { ${own} . ${own} . ${l4} . ${target} }\n`;
			}
		}
	}
}

function chainName(path: string): string {
	return `service-${createHash('sha256').update(path).digest('hex').slice(0, 8)}-${path}`;
}

function translation(endpoints: readonly Endpoint[], port: number): string {
	const [first] = endpoints;
	if (first !== undefined && endpoints.length === 1) {
		return `dnat to ${first.address}:${port}`;
	}

	const slots = endpoints.map(({address}, slot) => `${slot} : ${address} . ${port}`);
	return `dnat ip addr . port to numgen random mod ${endpoints.length} map { ${slots.join(', ')} }`;
}
