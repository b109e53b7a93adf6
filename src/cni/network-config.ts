import {
	child,
	eachItem,
	type Field,
	invalid,
	isPresent,
	readAddress,
	readChoice,
	readFlag,
	readInteger,
	readText,
	readTextOrNone,
	rootField,
} from '../model/fields.ts';
import type {HostPort} from '../model/objects.ts';
import {type Address, parseAddress} from '../net/address.ts';
import {type Mac, parseMac} from '../net/mac.ts';
import {linkPrefix} from './link-plan.ts';
import {parseRanges, type Range} from './ranges.ts';
import {readDns, readRoute, readTexts} from './result.ts';
import type {Bandwidth, Dns, Route} from './spec.ts';

/** What a network configuration asks of this plugin, with what the runtime put into it for one call. */
export type NetworkConfig = {
	readonly mode: 'routed' | 'bridge';
	/** Name of the bridge of mode `bridge`. */
	readonly bridge: string;
	/** Of the pod's interface. Bytes; 0 is that of the node's own. */
	readonly mtuBytes: number;
	/** Whether a pod behind a bridge may reach itself through a Service. */
	readonly hairpin: boolean;
	/** `ipam.ranges`; undefined where addresses are of the Node's podCIDRs. */
	readonly ranges: readonly Range[] | undefined;
	/** `ipam.routes`, beside the default route. */
	readonly routes: readonly Route[];
	readonly dns: Dns;
	readonly hostPorts: readonly HostPort[];
	readonly bandwidth: Bandwidth;
	/** Addresses and a hardware address that the runtime asks for. */
	readonly ips: readonly Address[];
	readonly mac: Mac | undefined;
};

/** Source: net/ipv6.h, IPV6_MIN_MTU, and the longest that a packet can say of itself */
const [mtuMin, mtuMax] = [1280, 65_535];

/** tbf counts in 32 bits of bytes. Source: plugins/meta/bandwidth, validateRateAndBurst */
const burstBitsMax = 8 * (2 ** 32 - 1);

/**
 * The configuration in `json`, an object; fields that it does not know are other plugins'.
 *
 * @param args of CNI_ARGS: `IP` and `MAC` count where nothing else asks for one
 * @throws NetError OBJECT_INVALID with the field and what it should be, CNI_CONFIG likewise for ranges
 */
export function parseNetworkConfig(json: unknown, name: string, args: ReadonlyMap<string, string>): NetworkConfig {
	const root = rootField(json, `network configuration ${JSON.stringify(name)}`);
	const ipam = child(root, 'ipam');
	if (!['', 'fairlead'].includes(readTextOrNone(ipam, 'type'))) {
		throw invalid(ipam, 'type', 'absent: Fairlead gives addresses itself');
	}

	const mtuBytes = readInteger(root, 'mtu', 0, mtuMax, 0);
	if (mtuBytes !== 0 && mtuBytes < mtuMin) {
		throw invalid(root, 'mtu', `0, or ${mtuMin} and more`);
	}

	const runtime = child(root, 'runtimeConfig');
	return {
		mode: readChoice(root, 'mode', ['routed', 'bridge']),
		bridge: isPresent(root, 'bridge') ? readInterface(root, 'bridge') : `${linkPrefix}lead0`,
		mtuBytes,
		hairpin: readFlag(root, 'hairpinMode', true),
		ranges: parseRanges(child(ipam, 'ranges').value),
		routes: eachItem(ipam, 'routes', readRoute),
		dns: isPresent(runtime, 'dns') ? readRuntimeDns(child(runtime, 'dns')) : readDns(child(root, 'dns')),
		hostPorts: eachItem(runtime, 'portMappings', readHostPort),
		bandwidth: readBandwidth(child(runtime, 'bandwidth')),
		...readAsked(runtime, child(child(root, 'args'), 'cni'), args),
	};
}

/** Of several places that ask the one nearest to the runtime counts, as in the reference plugins. */
function readAsked(
	runtime: Field,
	cniArgs: Field,
	args: ReadonlyMap<string, string>,
): Pick<NetworkConfig, 'ips' | 'mac'> {
	const inArgs = rootField(Object.fromEntries(args), 'CNI_ARGS');
	const single = isPresent(inArgs, 'IP') ? [readHost(inArgs, 'IP')] : [];
	const ips = [runtime, cniArgs].find((place) => isPresent(place, 'ips'));
	const mac = [
		[runtime, 'mac'],
		[cniArgs, 'mac'],
		[inArgs, 'MAC'],
	].find(([place, step]) => isPresent(place as Field, step as string)) as readonly [Field, string] | undefined;
	return {
		ips: ips === undefined ? single : eachItem(ips, 'ips', readHost),
		mac: mac === undefined ? undefined : readMac(...mac),
	};
}

/** An address, with the length of a prefix or without: which bits are the network's is ours to say. */
function readHost(parent: Field, step: string | number): Address {
	const text = readText(parent, step);
	try {
		return parseAddress(text.replace(/\/\d{1,3}$/, ''));
	} catch (cause) {
		throw invalid(parent, step, 'an IP address', cause);
	}
}

function readMac(parent: Field, step: string): Mac {
	try {
		return parseMac(readText(parent, step));
	} catch (cause) {
		throw invalid(parent, step, 'the hardware address of one interface', cause);
	}
}

/** Source: net/core/dev.c, dev_valid_name */
function readInterface(parent: Field, step: string): string {
	const name = readText(parent, step);
	if (!/^(?!\.{1,2}$)[^\s/:]{1,15}$/.test(name)) {
		throw invalid(parent, step, 'the name of an interface, 1 to 15 characters');
	}

	return name;
}

function readHostPort(list: Field, index: number): HostPort {
	const mapping = child(list, index);
	const protocol = readTextOrNone(mapping, 'protocol').toUpperCase() || 'TCP';
	if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') {
		throw invalid(mapping, 'protocol', 'tcp, udp or sctp');
	}

	return {
		protocol,
		hostPort: readInteger(mapping, 'hostPort', 1, 65_535),
		containerPort: readInteger(mapping, 'containerPort', 1, 65_535),
		hostIp: readTextOrNone(mapping, 'hostIP') === '' ? undefined : readAddress(mapping, 'hostIP'),
	};
}

function readBandwidth(field: Field): Bandwidth {
	const limit = (way: 'ingress' | 'egress') => {
		const rate = readBits(field, `${way}Rate`, Number.MAX_VALUE);
		const burst = readBits(field, `${way}Burst`, rate === undefined ? Number.MAX_VALUE : burstBitsMax);
		return rate === undefined ? {} : {[`${way}Rate`]: rate, [`${way}Burst`]: burst};
	};
	return {...limit('ingress'), ...limit('egress')};
}

/** Runtimes write the greatest number of their language for "no limit", which JSON carries roughly. */
function readBits(field: Field, step: string, max: number): number | undefined {
	const {value} = child(field, step);
	if (value === undefined || value === null || value === 0) {
		return undefined;
	}

	if (typeof value !== 'number' || value < 8 || value > max) {
		throw invalid(field, step, `a number of bits from 8 to ${max}`);
	}

	return value;
}

/** The capability's names differ from the result's. Source: CONVENTIONS.md, capability `dns` */
function readRuntimeDns(field: Field): Dns {
	const [nameservers, search] = [readTexts(field, 'servers'), readTexts(field, 'searches')];
	return {nameservers, domain: undefined, search, options: readTexts(field, 'options')};
}
