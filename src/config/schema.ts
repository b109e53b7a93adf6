import {z} from 'zod';
import {type Address, parseAddress} from '../net/address.ts';
import {isPort} from '../net/port.ts';
import {type Prefix, parsePrefix, prefixFamily} from '../net/prefix.ts';
import {parseDuration} from './duration.ts';
import {chooseMode} from './mode.ts';
import type {SettingName} from './settings.ts';

/** Where node ports answer: `primary` = the addresses of this node's Node object, `all` = every address of the node. */
export type NodePortAddress = Prefix | 'primary' | 'all' | 'localhost';

/** An address and port to listen on. */
export type BindAddress = {readonly address: Address; readonly port: number};

/** How a pod of this node is told. Source: kube-proxy LocalMode. */
const localModes = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const;
export type DetectLocalMode = (typeof localModes)[number];

/** How pods are linked with their node. */
const cniModes = ['routed', 'bridge'] as const;
export type CniMode = (typeof cniModes)[number];

/** IPv6 needs 1280, and a veth takes no more than 65535. Source: RFC 8200 section 5, drivers/net/veth.c */
const [mtuMin, mtuMax] = [1280, 65_535];

/** The kernel's IFNAMSIZ is 16, with a zero at the end. Source: include/uapi/linux/if.h */
const longestInterfaceName = 15;

/**
 * What the text of each setting must look like, and the value it becomes. A refusal's message says what is
 * wanted. Source: kube-proxy pkg/proxy/apis/config/validation.
 */
export const schema = {
	objects: text((value) => value, 'a path', {empty: false}),
	kubeconfig: text((value) => value, 'a path'),
	master: text(url, 'a URL such as https://192.0.2.10:6443'),
	hostnameOverride: text((value) => value.trim().toLowerCase() || undefined, 'a name that is not empty'),
	bindAddress: text(parseAddress, 'an IP address'),
	nodePortAddresses: text(
		nodePortAddresses,
		'`primary`, `all` or prefixes such as 192.0.2.0/24, with commas between them',
	),
	clusterCidr: text(clusterCidrs, 'one prefix, or one IPv4 and one IPv6 prefix such as 10.0.0.0/8,fd00::/48'),
	detectLocalMode: text((value) => localModes.find((mode) => mode === value), `one of ${localModes.join(', ')}`),
	podBridgeInterface: text(interfaceName, `an interface name of 1 to ${longestInterfaceName} characters`),
	podInterfaceNamePrefix: text(
		interfaceName,
		`the beginning of interface names, 1 to ${longestInterfaceName} characters`,
	),
	masqueradeAll: text(boolean, 'true or false'),
	proxyMode: z.string().transform((value, context) => {
		const choice = chooseMode(value);
		return 'mode' in choice ? choice : refuse(context, choice.wanted);
	}),
	syncPeriod: text((value) => positive(parseDuration(value), 1), 'a duration above 0, such as 30s or 1m30s'),
	minSyncPeriod: text((value) => positive(parseDuration(value), 0), 'a duration of 0 or more, such as 0s or 1s'),
	cniConfDir: text((value) => (value.startsWith('/') ? value : undefined), 'a path that starts with /'),
	cniMode: text((value) => cniModes.find((mode) => mode === value), `one of ${cniModes.join(', ')}`),
	cniMtu: text(mtu, `0, or a number of bytes from ${mtuMin} to ${mtuMax}`),
	cniMasquerade: text(boolean, 'true or false'),
	nonMasqueradeCidrs: text(
		(value) => value.split(',').map((entry) => parsePrefix(entry.trim())),
		'prefixes such as 192.0.2.0/24, with commas between them',
	),
	cniAddressRest: text((value) => positive(parseDuration(value), 0), 'a duration of 0 or more, such as 60s'),
	healthzBindAddress: text(bindAddress, 'an address and a port such as 0.0.0.0:10256 or [::]:10256, or none'),
	metricsBindAddress: text(bindAddress, 'an address and a port such as 127.0.0.1:10249 or [::1]:10249, or none'),
	bindAddressHardFail: text(boolean, 'true or false'),
	stateDir: text((value) => (value.startsWith('/') ? value : undefined), 'a path that starts with /'),
	verbosity: text((value) => (/^\d{1,2}$/.test(value) ? Number(value) : undefined), 'a number from 0 to 99'),
	conntrackMaxPerCore: text(count, 'a whole number of 0 or more'),
	conntrackMin: text(count, 'a whole number of 0 or more'),
	conntrackTcpEstablishedTimeout: text((value) => positive(parseDuration(value), 0), 'a duration of 0 or more'),
	conntrackTcpCloseWaitTimeout: text((value) => positive(parseDuration(value), 0), 'a duration of 0 or more'),
	conntrackTcpBeLiberal: text(boolean, 'true or false'),
	conntrackUdpTimeout: text((value) => positive(parseDuration(value), 0), 'a duration of 0 or more'),
	conntrackUdpStreamTimeout: text((value) => positive(parseDuration(value), 0), 'a duration of 0 or more'),
} as const satisfies Record<SettingName, z.ZodType>;

/** A schema that turns text into a value by `parse`; undefined or a throw of it means that `wanted` is not met. */
function text<T>(parse: (value: string) => T | undefined, wanted: string, {empty = true} = {}) {
	return z.string().transform((value, context): T => {
		let parsed: T | undefined;
		try {
			parsed = empty || value !== '' ? parse(value) : undefined;
		} catch {
			// the parsers of net/ say what is wrong with an address; what is wanted says more here
		}

		return parsed === undefined ? refuse(context, wanted) : parsed;
	});
}

function refuse(context: z.RefinementCtx, wanted: string): never {
	context.addIssue({code: 'custom', message: wanted});
	return z.NEVER;
}

function positive(value: number | undefined, least: number): number | undefined {
	return value !== undefined && value >= least ? value : undefined;
}

function boolean(value: string): boolean | undefined {
	return value === 'true' || value === 'false' ? value === 'true' : undefined;
}

/** A whole number as an int32 of Go holds it. */
function count(value: string): number | undefined {
	const number = /^\d{1,10}$/.test(value) ? Number(value) : undefined;
	return number !== undefined && number < 2 ** 31 ? number : undefined;
}

function mtu(value: string): number | undefined {
	const bytes = count(value);
	return bytes === 0 || (bytes !== undefined && bytes >= mtuMin && bytes <= mtuMax) ? bytes : undefined;
}

function url(value: string): string | undefined {
	const {protocol} = new URL(value);
	return protocol === 'https:' || protocol === 'http:' ? value : undefined;
}

function interfaceName(value: string): string | undefined {
	const fits = value.length >= 1 && value.length <= longestInterfaceName;
	return fits && !/[\s/]/.test(value) ? value : undefined;
}

function nodePortAddresses(value: string): readonly NodePortAddress[] | undefined {
	const parts = value.split(',').map((entry) => entry.trim());
	return parts.map((entry) =>
		entry === 'primary' || entry === 'all' || entry === 'localhost' ? entry : parsePrefix(entry),
	);
}

function clusterCidrs(value: string): readonly Prefix[] | undefined {
	const prefixes = value.split(',').map((entry) => parsePrefix(entry.trim()));
	return new Set(prefixes.map(prefixFamily)).size === prefixes.length ? prefixes : undefined;
}

/** `null` for an empty text or `none`: listen nowhere. */
function bindAddress(value: string): BindAddress | null | undefined {
	if (value === '' || value === 'none') {
		return null;
	}

	const [, bracketed, plain, port = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) ?? [];
	const host = bracketed ?? plain;
	return host !== undefined && isPort(Number(port)) ? {address: parseAddress(host), port: Number(port)} : undefined;
}
