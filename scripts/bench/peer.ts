import {createHash} from 'node:crypto';
import type {Endpoint} from '../../src/model/objects.ts';
import {clusterCidr, nodeName, type Pair, serviceCidr} from './cluster.ts';

type PeerChain = {readonly name: string; readonly hook?: string; readonly rules: readonly string[]};

const frontendKey = 'ipv4_addr . inet_proto . inet_service';
const sets = `
add table ip kube-proxy { comment "rules for kube-proxy"; }
add set ip kube-proxy cluster-ips { type ipv4_addr; }
add set ip kube-proxy nodeport-ips { type ipv4_addr; }
add set ip kube-proxy hairpin-connections { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }
add map ip kube-proxy service-ips { type ${frontendKey} : verdict; }
add map ip kube-proxy service-nodeports { type inet_proto . inet_service : verdict; }
add map ip kube-proxy no-endpoint-services { type ${frontendKey} : verdict; }
add map ip kube-proxy no-endpoint-nodeports { type inet_proto . inet_service : verdict; }
add map ip kube-proxy firewall-ips { type ${frontendKey} : verdict; }
`;

/** What kube-proxy 1.36 and 1.37 set up whatever the cluster's size. Source: pkg/proxy/nftables/proxier.go */
const chains: readonly PeerChain[] = [
	{
		name: 'filter-prerouting-pre-dnat',
		hook: 'filter hook prerouting priority -110',
		rules: [newOnly('firewall-check')],
	},
	{name: 'filter-output-pre-dnat', hook: 'filter hook output priority -110', rules: [newOnly('firewall-check')]},
	{name: 'nat-prerouting', hook: 'nat hook prerouting priority -100', rules: ['jump services']},
	{name: 'nat-output', hook: 'nat hook output priority -100', rules: ['jump services']},
	{
		name: 'filter-input',
		hook: 'filter hook input priority 0',
		rules: [newOnly('nodeport-endpoints-check'), newOnly('service-endpoints-check')],
	},
	{
		name: 'filter-forward',
		hook: 'filter hook forward priority 0',
		rules: [newOnly('service-endpoints-check'), newOnly('cluster-ips-check')],
	},
	{
		name: 'filter-output',
		hook: 'filter hook output priority 0',
		rules: [newOnly('service-endpoints-check'), newOnly('cluster-ips-check')],
	},
	{name: 'nat-postrouting', hook: 'nat hook postrouting priority 100', rules: ['jump masquerading']},
	{name: 'firewall-check', rules: ['ip daddr . meta l4proto . th dport vmap @firewall-ips']},
	{name: 'service-endpoints-check', rules: ['ip daddr . meta l4proto . th dport vmap @no-endpoint-services']},
	{
		name: 'nodeport-endpoints-check',
		rules: ['ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports'],
	},
	{name: 'cluster-ips-check', rules: ['ip daddr @cluster-ips reject', `ip daddr { ${serviceCidr} } drop`]},
	{name: 'reject-chain', rules: ['reject']},
	{
		name: 'masquerading',
		rules: [
			'mark and 0x4000 != 0 mark set mark xor 0x4000 masquerade fully-random',
			'ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random',
		],
	},
	{
		name: 'services',
		rules: [
			`ip daddr @cluster-ips ip saddr != ${clusterCidr} mark set mark or 0x4000`,
			'ip daddr . meta l4proto . th dport vmap @service-ips',
			'ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports',
		],
	},
];

function newOnly(chain: string): string {
	return `ct state new jump ${chain}`;
}

/**
 * A ruleset of kube-proxy's shape for the cluster IPs of Services that have endpoints, as text for `nft -f`, piece by
 * piece. A Service with one endpoint has no map of its own, as from 1.37 on: the quickest that it ever was.
 */
export function* kubeProxyRuleset(pairs: Iterable<Pair>): Generator<string> {
	yield sets;
	yield chains.map(({name, hook}) => `add chain ip kube-proxy ${name}${hook ? ` { type ${hook}; }` : ''}\n`).join('');
	for (const {name, rules} of chains) {
		yield rules.map((rule) => `add rule ip kube-proxy ${name} ${rule}\n`).join('');
	}

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
