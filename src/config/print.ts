import {printSocketAddress} from '../net/port.ts';
import {type Prefix, printPrefix} from '../net/prefix.ts';
import type {Config} from './config.ts';
import type {BindAddress} from './schema.ts';
import {type SettingName, settings} from './settings.ts';

type Printed = string | number | boolean | readonly string[];

/**
 * The configuration in force as kube-proxy's /configz has it: what KubeProxyConfiguration has a field for under
 * `kubeproxy.config.k8s.io`, in fields of those names; what is ours alone under `fairlead`, by the name of its flag.
 */
export function printConfig(config: Config): Readonly<Record<string, unknown>> {
	const own: Record<string, unknown> = {};
	const shared: Record<string, unknown> = {};
	for (const [name, value] of Object.entries(printSettings(config))) {
		const {field, flag} = settings[name as SettingName]; // Object.entries forgets the names of keys
		if (field === undefined) {
			own[flag] = value;
		} else {
			put(shared, field.split('.'), value);
		}
	}

	return {'kubeproxy.config.k8s.io': shared, fairlead: own};
}

function printSettings(config: Config): Readonly<Record<SettingName, Printed>> {
	return {
		objects: config.objects,
		hostnameOverride: config.nodeName,
		bindAddress: config.bindAddress ?? '0.0.0.0',
		nodePortAddresses: config.nodePortAddresses.map((entry) =>
			typeof entry === 'string' ? entry : printPrefix(entry),
		),
		clusterCidr: printPrefixes(config.clusterCidrs),
		detectLocalMode: config.detectLocalMode,
		podBridgeInterface: config.podBridgeInterface ?? '',
		podInterfaceNamePrefix: config.podInterfaceNamePrefix ?? '',
		masqueradeAll: config.masqueradeAll,
		proxyMode: config.mode.mode,
		syncPeriod: printDuration(config.syncPeriodMs),
		minSyncPeriod: printDuration(config.minSyncPeriodMs),
		healthzBindAddress: printBind(config.healthzBindAddress),
		metricsBindAddress: printBind(config.metricsBindAddress),
		bindAddressHardFail: config.bindAddressHardFail,
		stateDir: config.stateDir,
		verbosity: config.verbosity,
	};
}

function put(object: Record<string, unknown>, [step = '', ...rest]: readonly string[], value: Printed): void {
	if (rest.length === 0) {
		object[step] = value;
		return;
	}

	const inner = (object[step] ?? {}) as Record<string, unknown>; // made here, by a longer path
	object[step] = inner;
	put(inner, rest, value);
}

function printPrefixes(prefixes: readonly Prefix[]): string {
	return prefixes.map(printPrefix).join(',');
}

function printBind(bind: BindAddress | undefined): string {
	return bind === undefined ? '' : printSocketAddress(bind.address, bind.port);
}

/** As Go reads a duration. */
function printDuration(ms: number): string {
	return `${ms / 1000}s`;
}
