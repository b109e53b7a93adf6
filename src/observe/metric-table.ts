/** One metric: what README and the scrape say of it. A test holds the two equal. */
export type MetricRow = {
	readonly name: string;
	readonly type: 'counter' | 'gauge' | 'histogram';
	readonly labels: readonly string[];
	readonly help: string;
	/** Upper bounds, in the metric's unit; histograms only. */
	readonly buckets?: readonly number[];
};

/** Source: prometheus.ExponentialBuckets. */
function exponential(start: number, factor: number, count: number): readonly number[] {
	return Array.from({length: count}, (_, index) => start * factor ** index);
}

/** Source: prometheus.LinearBuckets. */
function linear(start: number, width: number, count: number): readonly number[] {
	return Array.from({length: count}, (_, index) => start + index * width);
}

/** 1 ms to 16 s. Source: kube-proxy, pkg/proxy/metrics: ExponentialBuckets(0.001, 2, 15). */
const syncBuckets = exponential(0.001, 2, 15);
/** 0.25 s to 5 min. Source: kube-proxy, pkg/proxy/metrics: MergeBuckets of LinearBuckets. */
const programmingBuckets = [...linear(0.25, 0.25, 2), ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)];
/** 0.1 ms to 13 s: most commits take less than kube-proxy's first bucket. */
const commitBuckets = exponential(0.0001, 2, 18);
/** 1 ms to 8 s. */
const lagBuckets = exponential(0.001, 2, 14);

const family = ['ip_family'] as const;

/** kube-proxy's, of one name, type, labels and help with it. Source: kube-proxy 1.36, pkg/proxy/metrics. */
const kubeProxy = {
	syncDuration: {
		name: 'kubeproxy_sync_proxy_rules_duration_seconds',
		type: 'histogram',
		labels: family,
		help: 'SyncProxyRules latency in seconds',
		buckets: syncBuckets,
	},
	fullSyncDuration: {
		name: 'kubeproxy_sync_full_proxy_rules_duration_seconds',
		type: 'histogram',
		labels: family,
		help: 'SyncProxyRules latency in seconds for full resyncs',
		buckets: syncBuckets,
	},
	partialSyncDuration: {
		name: 'kubeproxy_sync_partial_proxy_rules_duration_seconds',
		type: 'histogram',
		labels: family,
		help: 'SyncProxyRules latency in seconds for partial resyncs',
		buckets: syncBuckets,
	},
	networkProgramming: {
		name: 'kubeproxy_network_programming_duration_seconds',
		type: 'histogram',
		labels: family,
		help: 'In Cluster Network Programming Latency in seconds',
		buckets: programmingBuckets,
	},
	lastSync: {
		name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
		type: 'gauge',
		labels: family,
		help: 'The last time proxy rules were successfully synced',
	},
	lastQueued: {
		name: 'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
		type: 'gauge',
		labels: family,
		help: 'The last time a sync of proxy rules was queued',
	},
	endpointChanges: {
		name: 'kubeproxy_sync_proxy_rules_endpoint_changes_total',
		type: 'counter',
		labels: [],
		help: 'Cumulative proxy rules Endpoint changes',
	},
	endpointChangesPending: {
		name: 'kubeproxy_sync_proxy_rules_endpoint_changes_pending',
		type: 'gauge',
		labels: [],
		help: 'Pending proxy rules Endpoint changes',
	},
	serviceChanges: {
		name: 'kubeproxy_sync_proxy_rules_service_changes_total',
		type: 'counter',
		labels: [],
		help: 'Cumulative proxy rules Service changes',
	},
	serviceChangesPending: {
		name: 'kubeproxy_sync_proxy_rules_service_changes_pending',
		type: 'gauge',
		labels: [],
		help: 'Pending proxy rules Service changes',
	},
	noLocalEndpoints: {
		name: 'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
		type: 'gauge',
		labels: ['ip_family', 'traffic_policy'],
		help: 'Number of services with a Local traffic policy and no endpoints',
	},
	syncFailures: {
		name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
		type: 'counter',
		labels: family,
		help: 'Cumulative proxy nftables sync failures',
	},
	cleanupFailures: {
		name: 'kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total',
		type: 'counter',
		labels: family,
		help: 'Cumulative proxy nftables cleanup failures',
	},
	flowsDuration: {
		name: 'kubeproxy_conntrack_reconciler_sync_duration_seconds',
		type: 'histogram',
		labels: family,
		help: 'ReconcileConntrackFlowsLatency latency in seconds',
		buckets: syncBuckets,
	},
	flowsDeleted: {
		name: 'kubeproxy_conntrack_reconciler_deleted_entries_total',
		type: 'counter',
		labels: family,
		help: 'Cumulative conntrack flows deleted by conntrack reconciler',
	},
	healthz: {
		name: 'kubeproxy_proxy_healthz_total',
		type: 'counter',
		labels: ['code'],
		help: 'Cumulative proxy healthz HTTP status',
	},
	livez: {
		name: 'kubeproxy_proxy_livez_total',
		type: 'counter',
		labels: ['code'],
		help: 'Cumulative proxy livez HTTP status',
	},
} as const satisfies Readonly<Record<string, MetricRow>>;

/** Ours. */
const fairlead = {
	buildInfo: {
		name: 'fairlead_build_info',
		type: 'gauge',
		labels: ['version', 'node_version', 'mode'],
		help: 'Always 1: what runs is in the labels',
	},
	ready: {
		name: 'fairlead_ready',
		type: 'gauge',
		labels: [],
		help: '1 while everything known is in the kernel, as /readyz says',
	},
	services: {
		name: 'fairlead_services',
		type: 'gauge',
		labels: [],
		help: 'Services that this proxy serves',
	},
	frontends: {
		name: 'fairlead_frontends',
		type: 'gauge',
		labels: [],
		help: 'Addresses, protocols and ports at which Services are entered on this node',
	},
	endpoints: {
		name: 'fairlead_endpoints',
		type: 'gauge',
		labels: [],
		help: 'Endpoints that connections to cluster IPs are spread over, added up over all cluster IPs and ports',
	},
	operations: {
		name: 'fairlead_operations_total',
		type: 'counter',
		labels: [],
		help: 'Operations (rules, chains, set elements added or deleted) that the kernel took',
	},
	commitLatency: {
		name: 'fairlead_commit_latency_seconds',
		type: 'histogram',
		labels: [],
		help: "From the arrival of a commit's oldest change to the kernel's word that it is in force",
		buckets: commitBuckets,
	},
	servicesRefused: {
		name: 'fairlead_services_refused',
		type: 'gauge',
		labels: [],
		help: 'Service ports that the kernel refused and that are as they were before',
	},
	servicesNotWhole: {
		name: 'fairlead_services_not_whole',
		type: 'gauge',
		labels: ['reason'],
		help: 'Services that are not served as written: by the plan, by the dataplane, or for want of a health-check port',
	},
	sourceSynced: {
		name: 'fairlead_source_synced',
		type: 'gauge',
		labels: ['source'],
		help: '1 once the source has told everything it knew at its start',
	},
	sourceComplete: {
		name: 'fairlead_source_complete',
		type: 'gauge',
		labels: ['source'],
		help: '0 while the source cannot read a part of what it watches: nothing is removed on its word',
	},
	sourceLastChange: {
		name: 'fairlead_source_last_change_timestamp_seconds',
		type: 'gauge',
		labels: ['source'],
		help: 'When the source last told of a change',
	},
	sourceRestarts: {
		name: 'fairlead_source_restarts_total',
		type: 'counter',
		labels: ['source'],
		help: 'Times that the source failed or ended and was opened again',
	},
	foreignEditsMended: {
		name: 'fairlead_foreign_edits_mended_total',
		type: 'counter',
		labels: [],
		help: "Changes of others to our part of the kernel's state that were mended",
	},
	healthCheckPorts: {
		name: 'fairlead_health_check_ports',
		type: 'gauge',
		labels: [],
		help: 'Health-check node ports that shall be answered on this node',
	},
	healthCheckBindFailures: {
		name: 'fairlead_health_check_bind_failures_total',
		type: 'counter',
		labels: [],
		help: 'Attempts to listen on a health-check node port that failed',
	},
	cniCalls: {
		name: 'fairlead_cni_calls_total',
		type: 'counter',
		labels: ['verb', 'code'],
		help: 'Calls of the CNI plugin, by the code that they were answered with; 0 is success',
	},
	cniCallDuration: {
		name: 'fairlead_cni_call_duration_seconds',
		type: 'histogram',
		labels: ['verb'],
		help: 'From a call of the CNI plugin at the control socket to its answer',
		buckets: commitBuckets,
	},
	cniAddresses: {
		name: 'fairlead_cni_addresses',
		type: 'gauge',
		labels: ['ip_family', 'state'],
		help: 'Addresses of the Node’s podCIDRs: all, and those that are neither held nor resting (free)',
	},
	eventLoopLag: {
		name: 'fairlead_event_loop_lag_seconds',
		type: 'histogram',
		labels: [],
		help: 'How late a timer of one second was: what waits for the daemon waits as long',
		buckets: lagBuckets,
	},
} as const satisfies Readonly<Record<string, MetricRow>>;

const rows = {...kubeProxy, ...fairlead};

export type MetricName = keyof typeof rows;

/** The names of the metrics of one type. */
export type NameOf<T extends MetricRow['type']> = {
	[N in MetricName]: (typeof rows)[N]['type'] extends T ? N : never;
}[MetricName];

/** A value for each label of a metric. */
export type LabelsOf<N extends MetricName> = Readonly<Record<(typeof rows)[N]['labels'][number], string>>;

/** Every metric but those of the process and of Node itself, which prom-client adds. */
export const metricTable: Readonly<Record<MetricName, MetricRow>> = rows;
