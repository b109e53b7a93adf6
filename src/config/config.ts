import {NetError} from '../errors.ts';
import type {Address} from '../net/address.ts';
import type {Prefix} from '../net/prefix.ts';
import {type CniSettings, cniDoubts, readCni, readLocalPods} from './cni.ts';
import type {ConfigContent} from './file.ts';
import {checkInput, inputDoubts} from './input.ts';
import {type ForeignFlag, foreignFlag} from './kube-proxy-flags.ts';
import {type ModeChoice, modeOfNobody} from './mode.ts';
import {printProblem} from './problem.ts';
import type {BindAddress, DetectLocalMode, NodePortAddress} from './schema.ts';
import {type ConfigSources, SettingReader} from './setting-reader.ts';
import type {SettingName} from './settings.ts';
import {unusedFields} from './unused.ts';

/** Zero leaves the kernel's value as it is. Source: k8s.io/kube-proxy, config/v1alpha1, KubeProxyConntrackConfiguration. */
type ConntrackSettings = {
	readonly maxPerCore: number;
	readonly min: number;
	readonly tcpEstablishedTimeoutMs: number;
	readonly tcpCloseWaitTimeoutMs: number;
	readonly tcpBeLiberal: boolean;
	readonly udpTimeoutMs: number;
	readonly udpStreamTimeoutMs: number;
};

/** Everything an operator can set, checked. Frozen: one value for the life of the process. */
export type Config = {
	/** Directory or file of Kubernetes objects; absent: the API server is asked. */
	readonly objects: string | undefined;
	/** Path of the file that says where the API server is and who we are to it; absent: the Pod's service account. */
	readonly kubeconfig: string | undefined;
	/** URL of the API server, above what the kubeconfig or the Pod says. */
	readonly master: string | undefined;
	readonly nodeName: string;
	/** Stands in for the Node object's address of its family; absent when unspecified (0.0.0.0, ::). */
	readonly bindAddress: Address | undefined;
	readonly nodePortAddresses: readonly NodePortAddress[];
	/** At most one of each IP family; empty when not set. */
	readonly clusterCidrs: readonly Prefix[];
	readonly detectLocalMode: DetectLocalMode;
	readonly podBridgeInterface: string | undefined;
	readonly podInterfaceNamePrefix: string | undefined;
	readonly masqueradeAll: boolean;
	readonly mode: ModeChoice;
	/** The longest wait before a failed commit is tried again. */
	readonly syncPeriodMs: number;
	/** The least time between the end of one commit and the start of the next. */
	readonly minSyncPeriodMs: number;
	/** Absent: health is served nowhere. */
	readonly healthzBindAddress: BindAddress | undefined;
	/** Absent: metrics are neither kept nor served. */
	readonly metricsBindAddress: BindAddress | undefined;
	readonly bindAddressHardFail: boolean;
	/** Absolute path. */
	readonly stateDir: string;
	/** As kube-proxy's -v. */
	readonly verbosity: number;
	readonly cni: CniSettings;
	/** What the kernel's connection tracking should be set to. */
	readonly conntrack: ConntrackSettings;
	/** What the operator should know about the settings, a sentence each. */
	readonly warnings: readonly string[];
};

/**
 * The configuration that the sources make together.
 *
 * @throws NetError CONFIG_INVALID naming every setting that is wrong, what stood there and what is wanted;
 * `details.problems` are the same as `ConfigProblem`s
 */
export function resolveConfig(sources: ConfigSources): Config {
	const {file = noFile} = sources;
	const reader = new SettingReader(sources, file.fields);
	const foreign = [...sources.flags.keys()].flatMap((flag) => foreignFlag(flag) ?? []);
	const config = readConfig(reader, sources.hostname);
	checkTogether(config, reader);
	if (sources.input !== 'none') {
		checkInput(config, reader);
	}

	const problems = [...refusedFlags(foreign, sources), ...file.problems, ...reader.problems];
	if (problems.length > 0) {
		throw new NetError('CONFIG_INVALID', `use ${problems.map(printProblem).join('; ')}`, {problems});
	}

	const warnings = [
		...file.warnings,
		...foreign.map(({flag, because}) => `--${flag} is not used: ${because}`),
		...unusedFields(file.fields, reader),
		...doubts(config),
		...cniDoubts(config.cni, reader),
		...inputDoubts(config, reader),
	];
	return Object.freeze({...config, warnings});
}

const noFile: ConfigContent = {fields: new Map(), problems: [], warnings: []};

function refusedFlags(foreign: readonly ForeignFlag[], {flags}: ConfigSources) {
	const refused = foreign.filter(({fate}) => fate === 'refused');
	return refused.map(({flag, because}) => ({
		setting: `--${flag}`,
		value: flags.get(flag),
		wanted: `no such flag: ${because}`,
	}));
}

type Unwarned = Omit<Config, 'warnings'>;

function readConfig(reader: SettingReader, hostname: string): Unwarned {
	return {
		objects: reader.optional('objects'),
		kubeconfig: reader.optional('kubeconfig'),
		master: reader.optional('master'),
		nodeName: reader.optional('hostnameOverride') ?? hostname.trim().toLowerCase(),
		bindAddress: specified(reader.optional('bindAddress')),
		nodePortAddresses: reader.required('nodePortAddresses', []),
		clusterCidrs: reader.optional('clusterCidr') ?? [],
		podBridgeInterface: reader.optional('podBridgeInterface'),
		...readLocalPods(reader),
		masqueradeAll: reader.required('masqueradeAll', false),
		mode: reader.optional('proxyMode') ?? modeOfNobody,
		syncPeriodMs: reader.required('syncPeriod', 0),
		minSyncPeriodMs: reader.required('minSyncPeriod', 0),
		healthzBindAddress: reader.optional('healthzBindAddress') ?? undefined,
		metricsBindAddress: reader.optional('metricsBindAddress') ?? undefined,
		bindAddressHardFail: reader.required('bindAddressHardFail', false),
		stateDir: reader.required('stateDir', ''),
		verbosity: reader.required('verbosity', 0),
		cni: readCni(reader),
		conntrack: readConntrack(reader),
	};
}

function readConntrack(reader: SettingReader): ConntrackSettings {
	return {
		maxPerCore: reader.required('conntrackMaxPerCore', 0),
		min: reader.required('conntrackMin', 0),
		tcpEstablishedTimeoutMs: reader.required('conntrackTcpEstablishedTimeout', 0),
		tcpCloseWaitTimeoutMs: reader.required('conntrackTcpCloseWaitTimeout', 0),
		tcpBeLiberal: reader.required('conntrackTcpBeLiberal', false),
		udpTimeoutMs: reader.required('conntrackUdpTimeout', 0),
		udpStreamTimeoutMs: reader.required('conntrackUdpStreamTimeout', 0),
	};
}

function specified(address: Address | undefined): Address | undefined {
	return address === '0.0.0.0' || address === '::' ? undefined : address;
}

/** Rules that bind two settings. */
function checkTogether(config: Unwarned, reader: SettingReader): void {
	const {problems} = reader;
	const needs = (name: SettingName, wanted: string) =>
		problems.push({setting: reader.nameOf(name), value: undefined, wanted});
	if (config.detectLocalMode === 'BridgeInterface' && config.podBridgeInterface === undefined) {
		needs('podBridgeInterface', 'the name of a bridge, because --detect-local-mode is BridgeInterface');
	}

	if (config.detectLocalMode === 'InterfaceNamePrefix' && config.podInterfaceNamePrefix === undefined) {
		needs('podInterfaceNamePrefix', 'a prefix, because --detect-local-mode is InterfaceNamePrefix');
	}

	if (config.minSyncPeriodMs > config.syncPeriodMs && problems.length === 0) {
		needs('minSyncPeriod', `no more than ${reader.nameOf('syncPeriod')}`);
	}
}

/** Settings that are right by themselves and yet may not be what the operator means. */
function doubts({detectLocalMode, clusterCidrs, nodePortAddresses}: Unwarned): string[] {
	const found: string[] = [];
	if (detectLocalMode === 'ClusterCIDR' && clusterCidrs.length === 0) {
		found.push(
			'without --cluster-cidr no source counts as a pod: cluster IPs are not masqueraded for clients outside the cluster, and external traffic policy Local holds for pods too',
		);
	}

	if (nodePortAddresses.includes('localhost')) {
		found.push('--nodeport-addresses localhost is not used: node ports do not answer on loopback addresses');
	}

	return found;
}
