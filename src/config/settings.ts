/**
 * Every setting of the daemon, in the order in which help lists them. One row is the flag, the environment
 * variable, the line of help and the field of the file: they cannot drift apart. What a text must look like stands
 * in `schema.ts`, under the same name; how a value is written, in `spell.ts`.
 *
 * Source: kube-proxy 1.36 options; names and meanings are kept where it has the flag.
 */
export type Setting = {
	/** Name of the flag without dashes. */
	readonly flag: string;
	/** One-letter form of the flag. */
	readonly short?: string;
	/** What help shows for the value; a switch that may stand alone has none. */
	readonly takes?: string;
	readonly group: SettingGroup;
	readonly describe: string;
	/** The text in force when nobody says anything; absent means "not set". */
	readonly default?: string;
	/**
	 * Path of the field in KubeProxyConfiguration v1alpha1. A setting without one is ours: it stands in
	 * FairleadConfiguration, see {@link ownField}.
	 */
	readonly field?: string;
	/** Path of the field in FairleadConfiguration, where it is not the setting's own name. */
	readonly ownField?: string;
	/** Whether a running daemon follows a changed file; it ends in good order for any other setting. */
	readonly live?: boolean;
};

type SettingGroup = 'Input' | 'Node' | 'Source addresses' | 'Dataplane' | 'Pods' | 'Process' | 'Kernel';

const rows = {
	objects: {
		flag: 'objects',
		takes: 'path',
		group: 'Input',
		describe: 'directory or file of Kubernetes objects, YAML or JSON, that is watched in place of the API server',
	},
	kubeconfig: {
		flag: 'kubeconfig',
		takes: 'path',
		group: 'Input',
		describe: "where the API server is, and who we are to it; the Pod's service account otherwise",
		field: 'clientConnection.kubeconfig',
	},
	master: {
		flag: 'master',
		takes: 'url',
		group: 'Input',
		describe: 'URL of the API server itself, above what --kubeconfig or the Pod says',
	},
	hostnameOverride: {
		flag: 'hostname-override',
		takes: 'name',
		group: 'Node',
		describe: "this node's name, as its Node object has it; the lower-case hostname otherwise",
		field: 'hostnameOverride',
	},
	bindAddress: {
		flag: 'bind-address',
		takes: 'ip',
		group: 'Node',
		describe: "stands in for the Node object's address; 0.0.0.0 and :: stand in for none. Nothing listens on it",
		default: '0.0.0.0',
		field: 'bindAddress',
	},
	nodePortAddresses: {
		flag: 'nodeport-addresses',
		takes: 'list',
		group: 'Node',
		describe: 'where node ports answer: prefixes, `primary` (the addresses of the Node object) or `all`',
		default: 'primary',
		field: 'nodePortAddresses',
	},
	clusterCidr: {
		flag: 'cluster-cidr',
		takes: 'prefixes',
		group: 'Source addresses',
		describe: "the pods' addresses, one prefix per IP family",
		field: 'clusterCIDR',
	},
	detectLocalMode: {
		flag: 'detect-local-mode',
		takes: 'mode',
		group: 'Source addresses',
		describe: 'how a pod of this node is told: ClusterCIDR, NodeCIDR, BridgeInterface, InterfaceNamePrefix',
		default: 'ClusterCIDR',
		field: 'detectLocalMode',
	},
	podBridgeInterface: {
		flag: 'pod-bridge-interface',
		takes: 'name',
		group: 'Source addresses',
		describe: 'the bridge that pods of this node hang on, for BridgeInterface',
		field: 'detectLocal.bridgeInterface',
	},
	podInterfaceNamePrefix: {
		flag: 'pod-interface-name-prefix',
		takes: 'prefix',
		group: 'Source addresses',
		describe: 'what the names of pod interfaces begin with, for InterfaceNamePrefix',
		field: 'detectLocal.interfaceNamePrefix',
	},
	masqueradeAll: {
		flag: 'masquerade-all',
		group: 'Source addresses',
		describe: "rewrite the source of all traffic to cluster IPs to the node's address",
		default: 'false',
		field: 'nftables.masqueradeAll',
	},
	proxyMode: {
		flag: 'proxy-mode',
		takes: 'mode',
		group: 'Dataplane',
		describe: 'nftables, or auto to let Fairlead choose',
		field: 'mode',
	},
	syncPeriod: {
		flag: 'iptables-sync-period',
		takes: 'duration',
		group: 'Dataplane',
		describe: 'the longest wait before what the kernel refused is tried again, in any mode',
		default: '30s',
		field: 'nftables.syncPeriod',
		live: true,
	},
	minSyncPeriod: {
		flag: 'iptables-min-sync-period',
		takes: 'duration',
		group: 'Dataplane',
		describe: 'the least time between two commits, in any mode; 0 commits at once',
		default: '0s',
		field: 'nftables.minSyncPeriod',
		live: true,
	},
	cniConfDir: {
		flag: 'cni-conf-dir',
		takes: 'path',
		group: 'Pods',
		describe: 'where runtimes look for network configurations, /etc/cni/net.d: makes Fairlead the CNI plugin',
		ownField: 'cni.confDir',
	},
	cniMode: {
		flag: 'cni-mode',
		takes: 'mode',
		group: 'Pods',
		describe: 'routed, a route of the node to each pod; or bridge, pods that share a link of the node',
		default: 'routed',
		ownField: 'cni.mode',
	},
	cniMtu: {
		flag: 'cni-mtu',
		takes: 'bytes',
		group: 'Pods',
		describe: "MTU of pods' interfaces; 0 is that of the interface that has the node's address",
		default: '0',
		ownField: 'cni.mtuBytes',
	},
	cniMasquerade: {
		flag: 'cni-masquerade',
		group: 'Pods',
		describe: "rewrite the source of what pods send out of the cluster to the node's address",
		default: 'true',
		ownField: 'cni.masquerade',
	},
	nonMasqueradeCidrs: {
		flag: 'non-masquerade-cidrs',
		takes: 'list',
		group: 'Pods',
		describe: "prefixes outside the cluster that know pods' own addresses",
		ownField: 'cni.nonMasqueradeCIDRs',
	},
	cniAddressRest: {
		flag: 'cni-address-rest',
		takes: 'duration',
		group: 'Pods',
		describe: 'how long the address of a pod that is gone is kept from new ones',
		default: '60s',
		ownField: 'cni.addressRest',
	},
	healthzBindAddress: {
		flag: 'healthz-bind-address',
		takes: 'ip:port',
		group: 'Process',
		describe: 'where /readyz, /healthz and /livez answer; `none` for nowhere',
		default: '0.0.0.0:10256',
		field: 'healthzBindAddress',
	},
	metricsBindAddress: {
		flag: 'metrics-bind-address',
		takes: 'ip:port',
		group: 'Process',
		describe: 'where /metrics, /proxyMode, /configz and a plain /healthz answer; `none` for nowhere',
		default: '127.0.0.1:10249',
		field: 'metricsBindAddress',
	},
	bindAddressHardFail: {
		flag: 'bind-address-hard-fail',
		group: 'Process',
		describe: 'end when the health or metrics address cannot be listened on, instead of trying again',
		default: 'false',
		field: 'bindAddressHardFail',
	},
	stateDir: {
		flag: 'state-dir',
		takes: 'path',
		group: 'Process',
		describe: "the daemon's own folder",
		default: '/run/fairlead',
	},
	verbosity: {
		flag: 'v',
		short: 'v',
		takes: 'level',
		group: 'Process',
		describe: 'how much is logged: 0 to 3 what happens, 4 each commit, 6 everything',
		default: '2',
		field: 'logging.verbosity',
		live: true,
	},
	conntrackMaxPerCore: {
		flag: 'conntrack-max-per-core',
		takes: 'number',
		group: 'Kernel',
		describe:
			'room for so many connections for each core, at most 1,048,576 in all; 0 leaves it, and --conntrack-min, as it is',
		default: '32768',
		field: 'conntrack.maxPerCore',
		live: true,
	},
	conntrackMin: {
		flag: 'conntrack-min',
		takes: 'number',
		group: 'Kernel',
		describe: 'room for so many connections at least, however few the cores',
		default: '131072',
		field: 'conntrack.min',
		live: true,
	},
	conntrackTcpEstablishedTimeout: {
		flag: 'conntrack-tcp-timeout-established',
		takes: 'duration',
		group: 'Kernel',
		describe: 'how long an idle TCP connection is tracked; 0 leaves it as it is',
		default: '24h',
		field: 'conntrack.tcpEstablishedTimeout',
		live: true,
	},
	conntrackTcpCloseWaitTimeout: {
		flag: 'conntrack-tcp-timeout-close-wait',
		takes: 'duration',
		group: 'Kernel',
		describe: 'how long a half-closed TCP connection is tracked; 0 leaves it as it is',
		default: '1h',
		field: 'conntrack.tcpCloseWaitTimeout',
		live: true,
	},
	conntrackTcpBeLiberal: {
		flag: 'conntrack-tcp-be-liberal',
		group: 'Kernel',
		describe: 'translate TCP packets outside their window too; false leaves it as it is',
		default: 'false',
		field: 'conntrack.tcpBeLiberal',
		live: true,
	},
	conntrackUdpTimeout: {
		flag: 'conntrack-udp-timeout',
		takes: 'duration',
		group: 'Kernel',
		describe: 'how long an unanswered UDP flow is tracked; 0 leaves it as it is',
		default: '0s',
		field: 'conntrack.udpTimeout',
		live: true,
	},
	conntrackUdpStreamTimeout: {
		flag: 'conntrack-udp-timeout-stream',
		takes: 'duration',
		group: 'Kernel',
		describe: 'how long an answered UDP flow is tracked; 0 leaves it as it is',
		default: '0s',
		field: 'conntrack.udpStreamTimeout',
		live: true,
	},
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof rows;

export const settings: Readonly<Record<SettingName, Setting>> = rows;

/** With their names, in the order of help. */
export const settingEntries = Object.entries(settings) as readonly (readonly [SettingName, Setting])[]; // Object.entries forgets the names

/** Path of the field of FairleadConfiguration that says a setting of ours. */
export function ownField(name: SettingName): string {
	return settings[name].ownField ?? name;
}

/**
 * The environment variable that stands for a flag: `FAIRLEAD_CLUSTER_CIDR`. Variables that Kubernetes makes for a
 * Service called "fairlead" (FAIRLEAD_SERVICE_HOST, FAIRLEAD_PORT, …) are none of ours.
 */
export function environmentName(flag: string): string {
	return `FAIRLEAD_${flag.replaceAll('-', '_').toUpperCase()}`;
}
