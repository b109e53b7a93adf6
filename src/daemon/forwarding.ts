import {changeInEach, readSysctl} from '../kernel/sysctl.ts';
import {type Family, families} from '../net/address.ts';
import {type Prefix, prefixFamily} from '../net/prefix.ts';
import type {WantedSysctl} from '../node/conntrack-sysctls.ts';
import {type SysctlOutcome, setSysctls} from '../node/sysctls.ts';
import type {Logger} from '../observe/log.ts';

/** What has to be on for packets of pods to pass through the node. Source: kernel, Documentation/networking/ip-sysctl.rst */
const settings: Readonly<Record<Family, string>> = {
	IPv4: 'net.ipv4.ip_forward',
	IPv6: 'net.ipv6.conf.all.forwarding',
};

/**
 * Those that pods may have: of the cluster's prefixes. Without any, IPv4 alone: a node that forwards IPv6 is another one
 * to its neighbours.
 */
export function podFamilies(clusterCidrs: readonly Prefix[]): readonly Family[] {
	const found = families.filter((family) => clusterCidrs.some((prefix) => prefixFamily(prefix) === family));
	return found.length === 0 ? ['IPv4'] : found;
}

/** Switches forwarding on where it is off, for each family by itself. */
export async function setForwarding(families: readonly Family[], root?: string): Promise<readonly SysctlOutcome[]> {
	if (families.includes('IPv6') && readSysctl(settings.IPv6, root) === '0') {
		// a node that forwards hears routers only where this is a 2, and loses the default route that came from one
		changeInEach('net/ipv6/conf', 'accept_ra', ['1', '2'], root);
	}

	const wanted = families.map((family): WantedSysctl => ({name: settings[family], value: 1, orMore: false}));
	return await setSysctls(wanted, {load: async () => undefined, root});
}

/** As {@link setForwarding}, and says what was off, and what stays off: pods then reach nobody but their node. */
export async function applyForwarding(families: readonly Family[], log: Logger, root?: string): Promise<void> {
	const outcomes = await setForwarding(families, root).catch((error: unknown) => {
		log.warn('forwarding is not switched on: pods reach nobody but this node', {error});
		return [];
	});
	for (const {name, was, now, problem} of outcomes) {
		if (problem !== undefined) {
			log.warn('forwarding is off: pods reach nobody but this node', {error: problem, sysctl: name});
		} else if (was !== now) {
			log.info('forwarding is switched on: packets of pods pass through this node', {sysctl: name});
		}
	}
}
