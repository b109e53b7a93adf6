import {readdirSync, readFileSync} from 'node:fs';
import {type ChainName, readChainNames} from '../kernel/chain-names.ts';
import {exec} from '../kernel/exec.ts';
import {Nftables} from '../kernel/nftables.ts';
import type {Logger} from '../observe/log.ts';
import {asNetError} from './bug.ts';

/** Names of what is on this node, as far as they tell of a proxy. */
export type NodeNames = {
	/** Tables and chains of nf_tables; those of `iptables-nft` are among them. */
	readonly chains: readonly ChainName[];
	/** Chains of the `nat` tables of the old iptables, which nf_tables does not show. */
	readonly legacyChains: readonly string[];
	/** Virtual services of IPVS. */
	readonly ipvsServices: number;
	/** Network interfaces. */
	readonly interfaces: readonly string[];
};

/** Another program that handles Services here, or what it left behind. */
export type OtherProxy = {readonly found: string; readonly remedy: string};

/** Name of the tables of kube-proxy in nftables mode. Source: pkg/proxy/nftables/proxier.go, kubeProxyTable */
export const kubeProxyTable = 'kube-proxy';

const twoAnswer = 'Two proxies answer for one Service, as each knew it last.';

/** Which of the two has a connection: at one priority the kernel asks first whoever hooked in last. */
const takeTableOver = `${twoAnswer} Take kube-proxy off this node, then run \`fairlead cleanup --kube-proxy\`, which loses no connection (manifests/MIGRATION.md).`;

const removeByItself = `${twoAnswer} Take kube-proxy off this node, then run \`kube-proxy --cleanup\` there, or reboot it: Fairlead does not remove the rules of that mode.`;

/** What of these names is another proxy's. Kubelet's own chains (KUBE-FIREWALL, KUBE-KUBELET-CANARY) are none. */
export function judgeOtherProxies(names: NodeNames): readonly OtherProxy[] {
	const {chains, legacyChains, ipvsServices, interfaces} = names;
	const proxyTables = chains.filter(({table, chain}) => table === kubeProxyTable && chain === undefined);
	const natFamilies = chains.filter(({table, chain}) => table === 'nat' && chain === 'KUBE-SERVICES');
	const list = (rows: readonly ChainName[]) => rows.map(({family, table}) => `${family} ${table}`).join(', ');
	const found: (OtherProxy | false)[] = [
		proxyTables.length > 0 && {
			found: `rules of kube-proxy in nftables mode (tables ${list(proxyTables)})`,
			remedy: takeTableOver,
		},
		natFamilies.length > 0 && {
			found: `rules of kube-proxy in iptables mode (chain KUBE-SERVICES in ${list(natFamilies)})`,
			remedy: removeByItself,
		},
		legacyChains.includes('KUBE-SERVICES') && {
			found: 'rules of kube-proxy in iptables mode (chain KUBE-SERVICES, iptables-legacy)',
			remedy: removeByItself,
		},
		ipvsServices > 0 && {
			found: `${ipvsServices} virtual services of IPVS (kube-proxy in ipvs mode, or kube-router)`,
			remedy: `${removeByItself} \`ipvsadm --clear\` removes what is left.`,
		},
		interfaces.includes('cilium_host') && {
			found: 'Cilium (interface cilium_host)',
			remedy: 'Where its kubeProxyReplacement is on, it handles Services too: set it to false, or leave Fairlead out.',
		},
		interfaces.includes('bpfin.cali') && {
			found: "Calico's eBPF dataplane (interface bpfin.cali)",
			remedy: 'It handles Services too: set bpfEnabled to false in its FelixConfiguration, or leave Fairlead out.',
		},
	];
	return found.filter((proxy) => proxy !== false);
}

/**
 * The names to judge, of this network namespace. Nothing is changed.
 *
 * @throws NetError KERNEL_DENIED, NETLINK_REFUSED without CAP_NET_ADMIN
 */
export async function readNodeNames(): Promise<NodeNames> {
	using kernel = new Nftables();
	return {
		chains: await readChainNames(kernel),
		legacyChains: await readLegacyChains(),
		ipvsServices: read('/proc/net/ip_vs')
			.split('\n')
			.filter((line) => /^(?:TCP|UDP|SCTP|FWM) /.test(line)).length,
		interfaces: readdirSync('/sys/class/net'),
	};
}

/** Asks the tool only where the old tables are in use: it would make them. */
async function readLegacyChains(): Promise<readonly string[]> {
	const tools = [
		['/proc/net/ip_tables_names', 'iptables-legacy-save'],
		['/proc/net/ip6_tables_names', 'ip6tables-legacy-save'],
	] as const;
	const chains: string[] = [];
	for (const [names, tool] of tools) {
		if (read(names).split('\n').includes('nat')) {
			const {stdout} = await exec(tool, ['-t', 'nat']).catch(() => ({stdout: ''})); // without the tool nobody can say
			chains.push(...[...stdout.matchAll(/^:(\S+)/gm)].map(([, chain = '']) => chain));
		}
	}

	return chains;
}

/** Empty when it is not there: the module is not loaded. */
function read(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return '';
	}
}

/** Says which other proxy is on this node, a line each. Never rejects: what cannot be found out stops nobody. */
export async function warnOfOtherProxies(
	log: Logger,
	readNames: () => Promise<NodeNames> = readNodeNames,
): Promise<void> {
	try {
		for (const {found, remedy} of judgeOtherProxies(await readNames())) {
			log.warn(`another proxy is on this node: ${found}`, {remedy});
		}
	} catch (caught) {
		log.debug('whether another proxy is on this node is not known', {
			error: asNetError(caught, 'look for other proxies'),
		});
	}
}
