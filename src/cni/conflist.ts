import {type Version, versions} from './spec.ts';

/** How pods of this node are to get their network. */
export type ConflistOptions = {
	readonly mode: 'routed' | 'bridge';
	/** Of pods' interfaces. Bytes; 0 is that of the node's own. */
	readonly mtuBytes: number;
	/** Where the daemon listens. */
	readonly stateDir: string;
};

/** Name of the plugin's file in the runtime's folder of plugins, and the type in a network configuration. */
export const pluginType = 'fairlead-cni';

/** Of the network configuration in the runtime's folder, unless an operator names another. */
export const conflistName = '10-fairlead.conflist';

/** `name` of the network: journal, caches of runtimes and GC know attachments by it. */
const network = 'fairlead';

/** Where the plugin looks for the daemon when it is not told. Source: cni-bin */
const pluginStateDir = '/run/fairlead';

/**
 * Read by runtimes that know nothing of `cniVersions`, and 1.0.0 is the newest that all of them take back in a result.
 * Source: libcni 1.1, pkg/types/create
 */
const baseVersion: Version = '1.0.0';

/** What the runtime is to hand over of a pod. Source: CONVENTIONS.md, "dynamic plugin specific fields" */
const capabilities = {portMappings: true, bandwidth: true, ips: true, mac: true, dns: true};

/** The network configuration list for runtimes. Equal options give equal text, byte for byte. */
export function printConflist(options: ConflistOptions): string {
	const list = {
		...{cniVersion: baseVersion, cniVersions: versions, name: network, disableCheck: false},
		plugins: [{...pluginOf(options), capabilities}],
	};
	return `${JSON.stringify(list, undefined, '\t')}\n`;
}

/** What a runtime of 1.1.0 hands the plugin of this list with STATUS. */
export function printStatusConfig(options: ConflistOptions): string {
	return JSON.stringify({cniVersion: '1.1.0' satisfies Version, name: network, ...pluginOf(options)});
}

function pluginOf({mode, mtuBytes, stateDir}: ConflistOptions): object {
	return {
		...{type: pluginType, mode},
		...(mtuBytes !== 0 && {mtu: mtuBytes}),
		...(stateDir !== pluginStateDir && {stateDir}),
	};
}
