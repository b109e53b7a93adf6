import type {Family} from '../../src/net/address.ts';

/** How nft calls what differs between the families. */
export const familyNames = {
	IPv4: {table: 'ip', address: 'ipv4_addr'},
	IPv6: {table: 'ip6', address: 'ipv6_addr'},
} as const;

type PeerChain = {readonly name: string; readonly hook?: string; readonly rules: readonly string[]};

export type BaseOptions = {
	readonly family: Family;
	/** Addresses of pods, a prefix. */
	readonly clusterCidr: string;
	readonly serviceCidr: string;
};

/** What kube-proxy 1.36 and 1.37 set up whatever the cluster's size. Source: pkg/proxy/nftables/proxier.go */
export function kubeProxyBase(options: BaseOptions): string {
	const {table} = familyNames[options.family];
	const chains = baseChains(options);
	const hooked = chains.map(
		({name, hook}) => `add chain ${table} kube-proxy ${name}${hook ? ` { type ${hook}; }` : ''}\n`,
	);
	const rules = chains.flatMap((chain) =>
		chain.rules.map((rule) => `add rule ${table} kube-proxy ${chain.name} ${rule}\n`),
	);
	return [sets(options.family), ...hooked, ...rules].join('');
}

function sets(family: Family): string {
	const {table, address} = familyNames[family];
	const [frontend, port] = [`${address} . inet_proto . inet_service`, 'inet_proto . inet_service'];
	return `
add table ${table} kube-proxy { comment "rules for kube-proxy"; }
add set ${table} kube-proxy cluster-ips { type ${address}; }
add set ${table} kube-proxy nodeport-ips { type ${address}; }
add set ${table} kube-proxy hairpin-connections { type ${address} . ${frontend}; }
add map ${table} kube-proxy service-ips { type ${frontend} : verdict; }
add map ${table} kube-proxy service-nodeports { type ${port} : verdict; }
add map ${table} kube-proxy no-endpoint-services { type ${frontend} : verdict; }
add map ${table} kube-proxy no-endpoint-nodeports { type ${port} : verdict; }
add map ${table} kube-proxy firewall-ips { type ${frontend} : verdict; }
`;
}

function baseChains({family, clusterCidr, serviceCidr}: BaseOptions): readonly PeerChain[] {
	const {table: ip} = familyNames[family];
	const key = `${ip} daddr . meta l4proto . th dport`;
	return [
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
		{name: 'firewall-check', rules: [`${key} vmap @firewall-ips`]},
		{name: 'service-endpoints-check', rules: [`${key} vmap @no-endpoint-services`]},
		{
			name: 'nodeport-endpoints-check',
			rules: [`${ip} daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports`],
		},
		{name: 'cluster-ips-check', rules: [`${ip} daddr @cluster-ips reject`, `${ip} daddr { ${serviceCidr} } drop`]},
		{name: 'reject-chain', rules: ['reject']},
		{
			name: 'masquerading',
			rules: [
				'mark and 0x4000 != 0 mark set mark xor 0x4000 masquerade fully-random',
				`ct status dnat ${ip} saddr . ${key} @hairpin-connections masquerade fully-random`,
			],
		},
		{
			name: 'services',
			rules: [
				`${ip} daddr @cluster-ips ${ip} saddr != ${clusterCidr} mark set mark or 0x4000`,
				`${key} vmap @service-ips`,
				`${ip} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports`,
			],
		},
	];
}

function newOnly(chain: string): string {
	return `ct state new jump ${chain}`;
}
