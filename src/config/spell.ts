import {printSocketAddress} from '../net/port.ts';
import {printPrefix} from '../net/prefix.ts';
import type {Config} from './config.ts';
import {printDuration} from './duration.ts';
import type {BindAddress} from './schema.ts';
import type {SettingName} from './settings.ts';

/** A value as a file holds it. */
export type Spelled = string | number | boolean | readonly string[];

/**
 * Each setting as a file spells it; what is not set is empty. Read back, it gives the same configuration.
 *
 * @param hostname a node with this name is not named: its configuration may serve as that of other nodes
 */
export function spellConfig(config: Config, hostname: string): Readonly<Record<SettingName, Spelled>> {
	const {nodeName} = config;
	return {
		objects: config.objects ?? '',
		kubeconfig: config.kubeconfig ?? '',
		master: config.master ?? '',
		hostnameOverride: nodeName === hostname.trim().toLowerCase() ? '' : nodeName,
		bindAddress: config.bindAddress ?? '0.0.0.0',
		nodePortAddresses: config.nodePortAddresses.map((entry) =>
			typeof entry === 'string' ? entry : printPrefix(entry),
		),
		clusterCidr: config.clusterCidrs.map(printPrefix).join(','),
		detectLocalMode: config.detectLocalMode,
		podBridgeInterface: config.podBridgeInterface ?? '',
		podInterfaceNamePrefix: config.podInterfaceNamePrefix ?? '',
		masqueradeAll: config.masqueradeAll,
		proxyMode: config.mode.asked,
		syncPeriod: printDuration(config.syncPeriodMs),
		minSyncPeriod: printDuration(config.minSyncPeriodMs),
		healthzBindAddress: spellBind(config.healthzBindAddress),
		metricsBindAddress: spellBind(config.metricsBindAddress),
		bindAddressHardFail: config.bindAddressHardFail,
		stateDir: config.stateDir,
		verbosity: config.verbosity,
		...spellCni(config),
		...spellConntrack(config),
	};
}

function spellBind(bind: BindAddress | undefined): string {
	return bind === undefined ? 'none' : printSocketAddress(bind.address, bind.port);
}

function spellCni({cni}: Config) {
	return {
		cniConfDir: cni.confDir ?? '',
		cniMode: cni.mode,
		cniMtu: cni.mtuBytes,
		cniMasquerade: cni.masquerade,
		nonMasqueradeCidrs: cni.nonMasqueradeCidrs.map(printPrefix),
		cniAddressRest: printDuration(cni.addressRestMs),
	};
}

function spellConntrack({conntrack}: Config) {
	return {
		conntrackMaxPerCore: conntrack.maxPerCore,
		conntrackMin: conntrack.min,
		conntrackTcpEstablishedTimeout: printDuration(conntrack.tcpEstablishedTimeoutMs),
		conntrackTcpCloseWaitTimeout: printDuration(conntrack.tcpCloseWaitTimeoutMs),
		conntrackTcpBeLiberal: conntrack.tcpBeLiberal,
		conntrackUdpTimeout: printDuration(conntrack.udpTimeoutMs),
		conntrackUdpStreamTimeout: printDuration(conntrack.udpStreamTimeoutMs),
	};
}
