import {
	boolean,
	duration,
	durationOrDefault,
	durationOrNanoseconds,
	type FieldKind,
	gates,
	integer,
	number,
	orDefault,
	prefixes,
	quantity,
	socketAddress,
	text,
	texts,
	verbosityByFile,
} from './field-kinds.ts';
import {foreignFlag} from './kube-proxy-flags.ts';
import {type SettingName, settingEntries} from './settings.ts';

type FieldRow = {
	readonly kind: FieldKind;
	/** What kube-proxy has where nothing is said, as a flag would spell it. Who writes just that asks for nothing. */
	readonly preset?: string;
	/** The flag of kube-proxy that says the same, where no setting of ours has the field. */
	readonly flag?: string;
	/** Why it means nothing here, where there is no such flag. */
	readonly because?: string;
};

const windows = {because: 'it is for Windows, and Fairlead runs on Linux', preset: ''};

/**
 * Every field of KubeProxyConfiguration v1alpha1, by its path. What a value means is said by the setting that has the
 * path; a field without a setting is known and unused.
 *
 * Source: kube-proxy 1.36, k8s.io/kube-proxy/config/v1alpha1/types.go, and its defaults.go.
 */
const rows: Readonly<Record<string, FieldRow>> = {
	featureGates: {kind: gates, preset: '', flag: 'feature-gates'},
	'clientConnection.kubeconfig': {kind: text},
	'clientConnection.acceptContentTypes': {kind: text, preset: '', flag: 'kube-api-accept-content-types'},
	'clientConnection.contentType': {
		kind: text,
		preset: 'application/vnd.kubernetes.protobuf',
		flag: 'kube-api-content-type',
	},
	'clientConnection.qps': {kind: orDefault(number), preset: '5', flag: 'kube-api-qps'},
	'clientConnection.burst': {kind: orDefault(integer(0)), preset: '10', flag: 'kube-api-burst'},
	'logging.format': {kind: text, preset: 'text', flag: 'logging-format'},
	'logging.flushFrequency': {kind: durationOrNanoseconds, preset: '5s', flag: 'log-flush-frequency'},
	'logging.verbosity': {kind: integer(0)},
	'logging.vmodule': {kind: verbosityByFile, preset: '', flag: 'vmodule'},
	'logging.options.text.splitStream': {kind: boolean, preset: 'false', flag: 'log-text-split-stream'},
	'logging.options.text.infoBufferSize': {kind: quantity, preset: '0', flag: 'log-text-info-buffer-size'},
	'logging.options.json.splitStream': {kind: boolean, preset: 'false', flag: 'log-json-split-stream'},
	'logging.options.json.infoBufferSize': {kind: quantity, preset: '0', flag: 'log-json-info-buffer-size'},
	hostnameOverride: {kind: text},
	bindAddress: {kind: text},
	healthzBindAddress: {kind: socketAddress(10_256)},
	metricsBindAddress: {kind: socketAddress(10_249)},
	bindAddressHardFail: {kind: boolean},
	enableProfiling: {kind: boolean, preset: 'false', flag: 'profiling'},
	showHiddenMetricsForVersion: {kind: text, preset: '', flag: 'show-hidden-metrics-for-version'},
	mode: {kind: text},
	'iptables.masqueradeBit': {kind: integer(0, 31), preset: '14', flag: 'iptables-masquerade-bit'},
	'iptables.masqueradeAll': {kind: boolean, preset: 'false'},
	'iptables.localhostNodePorts': {kind: boolean, preset: 'true', flag: 'iptables-localhost-nodeports'},
	'iptables.syncPeriod': {kind: durationOrDefault, preset: '30s'},
	'iptables.minSyncPeriod': {kind: durationOrDefault, preset: '1s'},
	'ipvs.syncPeriod': {kind: durationOrDefault, preset: '30s', flag: 'ipvs-sync-period'},
	'ipvs.minSyncPeriod': {kind: durationOrDefault, preset: '1s', flag: 'ipvs-min-sync-period'},
	'ipvs.scheduler': {kind: text, preset: '', flag: 'ipvs-scheduler'},
	'ipvs.excludeCIDRs': {kind: prefixes, preset: '', flag: 'ipvs-exclude-cidrs'},
	'ipvs.strictARP': {kind: boolean, preset: 'false', flag: 'ipvs-strict-arp'},
	'ipvs.tcpTimeout': {kind: durationOrDefault, preset: '', flag: 'ipvs-tcp-timeout'},
	'ipvs.tcpFinTimeout': {kind: durationOrDefault, preset: '', flag: 'ipvs-tcpfin-timeout'},
	'ipvs.udpTimeout': {kind: durationOrDefault, preset: '', flag: 'ipvs-udp-timeout'},
	'nftables.masqueradeBit': {kind: integer(0, 31), preset: '14', flag: 'iptables-masquerade-bit'},
	'nftables.masqueradeAll': {kind: boolean, preset: 'false'},
	'nftables.syncPeriod': {kind: durationOrDefault, preset: '30s'},
	'nftables.minSyncPeriod': {kind: durationOrDefault, preset: '1s'},
	'winkernel.networkName': {kind: text, ...windows},
	'winkernel.sourceVip': {kind: text, ...windows},
	'winkernel.enableDSR': {kind: boolean, ...windows, preset: 'false'},
	'winkernel.rootHnsEndpointName': {kind: text, ...windows},
	'winkernel.forwardHealthCheckVip': {kind: boolean, ...windows, preset: 'false'},
	detectLocalMode: {kind: text},
	'detectLocal.bridgeInterface': {kind: text},
	'detectLocal.interfaceNamePrefix': {kind: text},
	clusterCIDR: {kind: text},
	nodePortAddresses: {kind: texts},
	oomScoreAdj: {kind: integer(-1000, 1000), preset: '-999', flag: 'oom-score-adj'},
	'conntrack.maxPerCore': {kind: integer(0)},
	'conntrack.min': {kind: integer(0)},
	'conntrack.tcpEstablishedTimeout': {kind: duration},
	'conntrack.tcpCloseWaitTimeout': {kind: duration},
	'conntrack.tcpBeLiberal': {kind: boolean},
	'conntrack.udpTimeout': {kind: duration},
	'conntrack.udpStreamTimeout': {kind: duration},
	configSyncPeriod: {kind: durationOrDefault, preset: '15m', flag: 'config-sync-period'},
	portRange: {kind: text, preset: '', because: 'kube-proxy does not use it either'},
	windowsRunAsService: {kind: boolean, ...windows, preset: 'false'},
};

export const kubeProxyFields: ReadonlyMap<string, FieldRow> = new Map(Object.entries(rows));

const settingOfField: ReadonlyMap<string, SettingName> = new Map(
	settingEntries.flatMap(([name, {field}]) => (field === undefined ? [] : [[field, name] as const])),
);

/**
 * The field that says a setting when this mode is asked for. `iptables` and `nftables` have some fields each: those of
 * the mode asked for count, and every other mode (none and ipvs too) reads those of `iptables`, as kube-proxy does.
 * Source: pkg/proxy/apis/config/v1alpha1/conversion.go.
 */
export function fieldInMode(field: string, mode: string): string {
	return mode === 'nftables' || mode === 'auto' ? field : field.replace(/^nftables\./, 'iptables.');
}

/** All fields that say a setting, in one mode or another. */
export function fieldsOf(field: string): readonly string[] {
	return [...new Set([field, fieldInMode(field, '')])];
}

/** The setting that a field says, in this mode or another one. */
export function settingOf(field: string): SettingName | undefined {
	return settingOfField.get(field) ?? settingOfField.get(field.replace(/^iptables\./, 'nftables.'));
}

/** Why a field means nothing here; undefined when a setting has it. */
export function whyUnused(field: string): string | undefined {
	const {because, flag} = kubeProxyFields.get(field) ?? {};
	return settingOf(field) !== undefined ? undefined : (because ?? (flag && foreignFlag(flag)?.because));
}
