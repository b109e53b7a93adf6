import type {z} from 'zod';
import {NetError} from '../errors.ts';
import type {Address} from '../net/address.ts';
import type {Prefix} from '../net/prefix.ts';
import {foreignFlag} from './kube-proxy-flags.ts';
import {type ModeChoice, modeOfNobody} from './mode.ts';
import {type BindAddress, type DetectLocalMode, type NodePortAddress, schema} from './schema.ts';
import {environmentName, type SettingName, settings} from './settings.ts';

/** Everything an operator can set, checked. Frozen: one value for the life of the process. */
export type Config = {
	/** Directory or file of Kubernetes objects. */
	readonly objects: string;
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
	/** What the operator should know about the settings, a sentence each. */
	readonly warnings: readonly string[];
};

/** Where settings come from. The later ones win: defaults, environment, flags. */
export type ConfigSources = {
	/** Text of each flag that was given, by its name without dashes; a list flag given twice is joined by a comma. */
	readonly flags: ReadonlyMap<string, string>;
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly hostname: string;
};

/** What is wrong with one setting. */
type ConfigProblem = {readonly setting: string; readonly value: string | undefined; readonly wanted: string};

/**
 * The configuration that the sources make together.
 *
 * @throws NetError CONFIG_INVALID naming every setting that is wrong, what stood there and what is wanted;
 * `details.problems` are the same as `ConfigProblem`s
 */
export function resolveConfig(sources: ConfigSources): Config {
	const reader = new SettingReader(sources);
	const foreign = [...sources.flags.keys()].flatMap((flag) => foreignFlag(flag) ?? []);
	for (const {flag, because} of foreign.filter(({fate}) => fate === 'refused')) {
		reader.problems.push({setting: `--${flag}`, value: sources.flags.get(flag), wanted: `no such flag: ${because}`});
	}

	const config = readConfig(reader, sources.hostname);
	checkTogether(config, reader);
	if (reader.problems.length > 0) {
		throw new NetError('CONFIG_INVALID', `use ${reader.problems.map(printProblem).join('; ')}`, {
			problems: reader.problems,
		});
	}

	const unused = foreign.filter(({fate}) => fate === 'unused');
	const warnings = [...unused.map(({flag, because}) => `--${flag} is not used: ${because}`), ...doubts(config)];
	return Object.freeze({...config, warnings});
}

/** `--flag "value" (wanted: …)`. */
function printProblem({setting, value, wanted}: ConfigProblem): string {
	return `${setting}${value === undefined ? '' : ` ${JSON.stringify(value)}`} (wanted: ${wanted})`;
}

type Unwarned = Omit<Config, 'warnings'>;

function readConfig(reader: SettingReader, hostname: string): Unwarned {
	return {
		objects: reader.required('objects', ''),
		nodeName: reader.optional('hostnameOverride') ?? hostname.trim().toLowerCase(),
		bindAddress: specified(reader.optional('bindAddress')),
		nodePortAddresses: reader.required('nodePortAddresses', []),
		clusterCidrs: reader.optional('clusterCidr') ?? [],
		detectLocalMode: reader.required('detectLocalMode', 'ClusterCIDR'),
		podBridgeInterface: reader.optional('podBridgeInterface'),
		podInterfaceNamePrefix: reader.optional('podInterfaceNamePrefix'),
		masqueradeAll: reader.required('masqueradeAll', false),
		mode: reader.optional('proxyMode') ?? modeOfNobody,
		syncPeriodMs: reader.required('syncPeriod', 0),
		minSyncPeriodMs: reader.required('minSyncPeriod', 0),
		healthzBindAddress: reader.optional('healthzBindAddress') ?? undefined,
		metricsBindAddress: reader.optional('metricsBindAddress') ?? undefined,
		bindAddressHardFail: reader.required('bindAddressHardFail', false),
		stateDir: reader.required('stateDir', ''),
		verbosity: reader.required('verbosity', 0),
	};
}

function specified(address: Address | undefined): Address | undefined {
	return address === '0.0.0.0' || address === '::' ? undefined : address;
}

/** Rules that bind two settings. */
function checkTogether(config: Unwarned, {problems}: SettingReader): void {
	const needs = (setting: string, wanted: string) => problems.push({setting, value: undefined, wanted});
	if (config.detectLocalMode === 'BridgeInterface' && config.podBridgeInterface === undefined) {
		needs('--pod-bridge-interface', 'the name of a bridge, because --detect-local-mode is BridgeInterface');
	}

	if (config.detectLocalMode === 'InterfaceNamePrefix' && config.podInterfaceNamePrefix === undefined) {
		needs('--pod-interface-name-prefix', 'a prefix, because --detect-local-mode is InterfaceNamePrefix');
	}

	if (config.minSyncPeriodMs > config.syncPeriodMs && problems.length === 0) {
		needs('--iptables-min-sync-period', 'no more than --iptables-sync-period');
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

/** Settings whose empty text means something; an empty text of any other one means that it is not set. */
const meaningfulEmpty: ReadonlySet<SettingName> = new Set(['healthzBindAddress', 'metricsBindAddress', 'proxyMode']);

type Value<N extends SettingName> = z.output<(typeof schema)[N]>;

/** Reads settings one by one and gathers what is wrong with them, so that an operator sees all of it at once. */
class SettingReader {
	readonly problems: ConfigProblem[] = [];
	readonly #sources: ConfigSources;

	constructor(sources: ConfigSources) {
		this.#sources = sources;
	}

	/** The setting's value; `standIn` when it is missing or wrong, which is then a problem. */
	required<N extends SettingName>(name: N, standIn: Value<N>): Value<N> {
		const before = this.problems.length;
		const value = this.optional(name);
		if (value === undefined && this.problems.length === before) {
			const {flag, takes = 'value'} = settings[name];
			this.problems.push({setting: `--${flag}`, value: undefined, wanted: `a ${takes}, and none is set`});
		}

		return value ?? standIn;
	}

	/** The setting's value; undefined when it is not set or wrong. */
	optional<N extends SettingName>(name: N): Value<N> | undefined {
		const {flag, default: preset} = settings[name];
		const variable = environmentName(flag);
		const [setting, said] = this.#sources.flags.has(flag)
			? [`--${flag}`, this.#sources.flags.get(flag)]
			: [variable, this.#sources.environment[variable]];
		const value = said === '' && !meaningfulEmpty.has(name) ? preset : (said ?? preset);
		if (value === undefined) {
			return undefined;
		}

		const result = schema[name].safeParse(value);
		if (!result.success) {
			this.problems.push({setting, value, wanted: result.error.issues[0]?.message ?? 'another value'});
			return undefined;
		}

		return result.data as Value<N>; // TypeScript does not follow N through the table of schemas
	}
}
