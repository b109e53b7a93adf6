import type {Config} from '../config/config.ts';
import type {Family} from '../net/address.ts';
import type {DetectorOption, PlanOptions} from '../plan/options.ts';

/** What the planner needs of the configuration. */
export function planOptions(config: Config, families: readonly Family[]): PlanOptions {
	return {
		nodeName: config.nodeName,
		families,
		detector: detector(config),
		masqueradeAll: config.masqueradeAll,
		nodePortAddresses: config.nodePortAddresses,
		attachesPods: config.cni.confDir !== undefined,
		podMasquerade: podMasquerade(config),
		nodeIps: config.bindAddress === undefined ? [] : [config.bindAddress],
	};
}

/** Of the cluster every pod is known by its own address; who is outside cannot answer it. */
function podMasquerade({cni, clusterCidrs}: Config): PlanOptions['podMasquerade'] {
	return cni.confDir !== undefined && cni.masquerade
		? {except: [...clusterCidrs, ...cni.nonMasqueradeCidrs]}
		: undefined;
}

/** A mode whose name or prefix is missing detects nothing; the configuration has said so. */
function detector(config: Config): DetectorOption {
	const {clusterCidrs, podBridgeInterface, podInterfaceNamePrefix} = config;
	switch (config.detectLocalMode) {
		case 'ClusterCIDR':
			return clusterCidrs.length === 0 ? {kind: 'none'} : {kind: 'clusterCidr', cidrs: clusterCidrs};
		case 'NodeCIDR':
			return {kind: 'nodeCidr'};
		case 'BridgeInterface':
			return podBridgeInterface === undefined ? {kind: 'none'} : {kind: 'bridgeInterface', name: podBridgeInterface};
		case 'InterfaceNamePrefix':
			return podInterfaceNamePrefix === undefined
				? {kind: 'none'}
				: {kind: 'interfaceNamePrefix', prefix: podInterfaceNamePrefix};
	}
}
