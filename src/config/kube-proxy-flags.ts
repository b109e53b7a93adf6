/**
 * Flags of kube-proxy that Fairlead knows by name but gives no meaning to. `unused` ones are taken with a warning:
 * without them the packets go the same way. `refused` ones would make the daemon do something else than the
 * operator believes, so it does not start. What is said here of a flag holds for its field in the file too.
 *
 * Source: kube-proxy 1.36, `kube-proxy --help`.
 */
export type ForeignFlag = {
	readonly flag: string;
	readonly fate: 'unused' | 'refused';
	readonly because: string;
	/** Whether it stands without a value, as `--profiling`. */
	readonly alone: boolean;
};

const alone: ReadonlySet<string> = new Set([
	'cleanup',
	'init-only',
	'ipvs-strict-arp',
	'iptables-localhost-nodeports',
	'profiling',
	'log-json-split-stream',
	'log-text-split-stream',
]);

const refused: Readonly<Record<string, string>> = {
	cleanup: 'cleaning up is a command of its own: run `fairlead cleanup`',
	'init-only': 'preparing a node is a command of its own: run `fairlead init`',
	'healthz-port': 'it is deprecated in kube-proxy: use --healthz-bind-address',
	'metrics-port': 'it is deprecated in kube-proxy: use --metrics-bind-address',
};

const noMark = 'no packet mark is used';
const ownRequests = 'four kinds are listed once and watched; after a failure each waits longer and longer';
const noIpvs = 'there is no ipvs mode';
const noEvents = 'this version sends no events';
const ownLogs = 'one line of log per event goes to the standard error';

const unused: Readonly<Record<string, string>> = {
	'iptables-masquerade-bit': noMark,
	'iptables-localhost-nodeports': 'node ports do not answer on loopback addresses in nftables mode',
	'config-sync-period': 'objects are watched and never read anew by the clock',
	'ipvs-exclude-cidrs': noIpvs,
	'ipvs-min-sync-period': noIpvs,
	'ipvs-scheduler': noIpvs,
	'ipvs-strict-arp': noIpvs,
	'ipvs-sync-period': noIpvs,
	'ipvs-tcp-timeout': noIpvs,
	'ipvs-tcpfin-timeout': noIpvs,
	'ipvs-udp-timeout': noIpvs,
	'show-hidden-metrics-for-version': 'no metric is hidden',
	profiling: 'there is nothing to profile by HTTP: `node --cpu-prof` does that',
	'kube-api-accept-content-types': 'the API server is asked for JSON',
	'kube-api-content-type': 'the API server is asked for JSON',
	'kube-api-qps': ownRequests,
	'kube-api-burst': ownRequests,
	'feature-gates': 'there are no feature gates',
	'oom-score-adj': 'the pod or unit that runs the daemon sets it',
	'boot-id-file': noEvents,
	'machine-id-file': noEvents,
	vmodule: ownLogs,
	'logging-format': ownLogs,
	'log-flush-frequency': ownLogs,
	'log-json-info-buffer-size': ownLogs,
	'log-json-split-stream': ownLogs,
	'log-text-info-buffer-size': ownLogs,
	'log-text-split-stream': ownLogs,
};

/** In alphabetical order. */
export const foreignFlags: readonly ForeignFlag[] = [...rows('refused', refused), ...rows('unused', unused)].toSorted(
	(a, b) => (a.flag < b.flag ? -1 : 1),
);

/** What Fairlead does with a flag of kube-proxy that is no setting of its own. */
export function foreignFlag(flag: string): ForeignFlag | undefined {
	return foreignFlags.find((row) => row.flag === flag);
}

function rows(fate: ForeignFlag['fate'], reasons: Readonly<Record<string, string>>): ForeignFlag[] {
	return Object.entries(reasons).map(([flag, because]) => ({flag, fate, because, alone: alone.has(flag)}));
}
