import {clusterCidr, endpointAddress, serviceAddress, serviceCidr} from './cluster.ts';

/** What kube-proxy 1.36 sets up whatever the cluster's size. Source: pkg/proxy/nftables/proxier.go */
const base = `
table ip kube-proxy {
	comment "rules for kube-proxy"
	set cluster-ips { type ipv4_addr; }
	set nodeport-ips { type ipv4_addr; }
	set hairpin-connections { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }
	map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
	map service-nodeports { type inet_proto . inet_service : verdict; }
	map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }
	map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }
	map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
	chain filter-prerouting-pre-dnat { type filter hook prerouting priority -110; ct state new jump firewall-check; }
	chain filter-output-pre-dnat { type filter hook output priority -110; ct state new jump firewall-check; }
	chain nat-prerouting { type nat hook prerouting priority -100; jump services; }
	chain nat-output { type nat hook output priority -100; jump services; }
	chain filter-input { type filter hook input priority 0; ct state new jump nodeport-endpoints-check; ct state new jump service-endpoints-check; }
	chain filter-forward { type filter hook forward priority 0; ct state new jump service-endpoints-check; ct state new jump cluster-ips-check; }
	chain filter-output { type filter hook output priority 0; ct state new jump service-endpoints-check; ct state new jump cluster-ips-check; }
	chain nat-postrouting { type nat hook postrouting priority 100; jump masquerading; }
	chain firewall-check { ip daddr . meta l4proto . th dport vmap @firewall-ips; }
	chain service-endpoints-check { ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }
	chain nodeport-endpoints-check { ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
	chain cluster-ips-check { ip daddr @cluster-ips reject; ip daddr { ${serviceCidr} } drop; }
	chain reject-chain { reject; }
	chain masquerading {
		mark and 0x4000 != 0 mark set mark xor 0x4000 masquerade fully-random
		ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random
	}
	chain services {
		ip daddr @cluster-ips ip saddr != ${clusterCidr} mark set mark or 0x4000
		ip daddr . meta l4proto . th dport vmap @service-ips
		ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
	}
}
`;

/** A ruleset of kube-proxy's shape for the cluster that `cluster.ts` makes, as text for `nft -f`, piece by piece. */
export function* kubeProxyRuleset(services: number, endpoints: number): Generator<string> {
	yield base;
	for (let index = 0; index < services; index++) {
		const chain = `service-${index.toString(32).padStart(8, '0')}-team-${index % 50}/service-${index}/tcp/http`;
		const slots = Array.from(
			{length: endpoints},
			(_, slot) => `${slot} : ${endpointAddress(index, slot, endpoints)} . 8080`,
		);
		yield `add chain ip kube-proxy ${chain}\n`;
		yield `add rule ip kube-proxy ${chain} meta l4proto tcp dnat ip addr . port to numgen random mod ${endpoints} map { ${slots.join(', ')} }\n`;
		yield `add element ip kube-proxy cluster-ips { ${serviceAddress(index)} }\n`;
		yield `add element ip kube-proxy service-ips { ${serviceAddress(index)} . tcp . 80 : goto ${chain} }\n`;
		const own = endpointAddress(index, 0, endpoints);
		yield `add element ip kube-proxy hairpin-connections { ${own} . ${own} . tcp . 8080 }\n`;
	}
}
