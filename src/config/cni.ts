import type {Prefix} from '../net/prefix.ts';
import type {CniMode, DetectLocalMode} from './schema.ts';
import type {SettingReader} from './setting-reader.ts';
import {type SettingName, settings} from './settings.ts';
import {isSame} from './unused.ts';

/** How pods of this node get their network. */
export type CniSettings = {
	/** Where container runtimes look for network configurations; absent: something else is the CNI plugin. */
	readonly confDir: string | undefined;
	readonly mode: CniMode;
	/** Of pods' interfaces; 0 is that of the node's. */
	readonly mtuBytes: number;
	/** Whether pods reach addresses outside the cluster by the node's address. */
	readonly masquerade: boolean;
	/** Where pods are seen by their own address all the same. */
	readonly nonMasqueradeCidrs: readonly Prefix[];
	/** How long a freed address is kept from new pods. */
	readonly addressRestMs: number;
};

/** Names of pods' interfaces begin so on a node whose CNI plugin is Fairlead: `linkPrefix` of `cni`. */
const linkPrefix = 'fair';

const names: readonly SettingName[] = ['cniMode', 'cniMtu', 'cniMasquerade', 'nonMasqueradeCidrs', 'cniAddressRest'];

export function readCni(reader: SettingReader): CniSettings {
	return {
		confDir: reader.optional('cniConfDir'),
		mode: reader.required('cniMode', 'routed'),
		mtuBytes: reader.required('cniMtu', 0),
		masquerade: reader.required('cniMasquerade', true),
		nonMasqueradeCidrs: reader.optional('nonMasqueradeCidrs') ?? [],
		addressRestMs: reader.required('cniAddressRest', 0),
	};
}

/** How a pod of this node is told. Who makes the pods' interfaces knows their names, unless the operator knows better. */
export function readLocalPods(reader: SettingReader): {
	readonly detectLocalMode: DetectLocalMode;
	readonly podInterfaceNamePrefix: string | undefined;
} {
	if (reader.said('cniConfDir') !== undefined && reader.said('detectLocalMode') === undefined) {
		return {detectLocalMode: 'InterfaceNamePrefix', podInterfaceNamePrefix: linkPrefix};
	}

	return {
		detectLocalMode: reader.required('detectLocalMode', 'ClusterCIDR'),
		podInterfaceNamePrefix: reader.optional('podInterfaceNamePrefix'),
	};
}

/** A sentence for each setting of pods' network that somebody said, where something else makes that network. */
export function cniDoubts({confDir}: CniSettings, reader: SettingReader): string[] {
	if (confDir !== undefined) {
		return [];
	}

	const said = names.filter((name) => {
		const text = reader.said(name)?.text;
		return text !== undefined && !isSame(text, settings[name].default); // a file that Fairlead wrote says every default
	});
	return said.map(
		(name) => `${reader.nameOf(name)} is not used: without --cni-conf-dir Fairlead is not the CNI plugin`,
	);
}
