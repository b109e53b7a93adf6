import {type Family, familyOf} from '../net/address.ts';
import type {Protocol} from '../net/port.ts';
import {
	child,
	eachItem,
	type Field,
	invalid,
	isPresent,
	printWay,
	readAddress,
	readChoice,
	readFlag,
	readInteger,
	readText,
	readTextOrNone,
} from './fields.ts';
import type {Metadata} from './metadata.ts';
import type {Endpoint, EndpointPort, EndpointSlice} from './objects.ts';
import {createPool, internText} from './pool.ts';

/**
 * An EndpointSlice as its JSON says it. Its `service` is empty, and so are its lists, when no Service that is
 * proxied may use it: without the label that names one, with the label of headless ones, or with host names.
 *
 * @throws NetError OBJECT_INVALID
 */
export function parseEndpointSlice(root: Field, name: Metadata, warnings: string[]): EndpointSlice {
	const labels = child(child(root, 'metadata'), 'labels');
	const type = readChoice(root, 'addressType', ['', 'IPv4', 'IPv6', 'FQDN']);
	if (type === '') {
		throw invalid(root, 'addressType', 'IPv4 or IPv6 or FQDN');
	}

	const family: Family = type === 'IPv6' ? 'IPv6' : 'IPv4';
	const isForeign = type === 'FQDN' || isPresent(labels, 'service.kubernetes.io/headless');
	const service = isForeign ? '' : readTextOrNone(labels, 'kubernetes.io/service-name');
	return {
		kind: 'EndpointSlice',
		namespace: name.namespace,
		name: name.name,
		service,
		family,
		ports: service === '' ? noPorts : parsePorts(root, warnings),
		endpoints: service === '' ? noEndpoints : parseEndpoints(root, family, warnings),
	};
}

/**
 * When the change of a Pod or Service happened because of which the slice was written; undefined where it does not say,
 * or not as a time: nothing but a metric hangs on it. Milliseconds since 1970.
 * Source: annotation endpoints.kubernetes.io/last-change-trigger-time.
 */
export function readTriggerTime(root: Field): number | undefined {
	const {value} = child(child(root, 'metadata'), 'annotations');
	const text: unknown = value instanceof Object && Reflect.get(value, triggerTime);
	const at = typeof text === 'string' && rfc3339.test(text) ? Date.parse(text) : Number.NaN;
	return Number.isFinite(at) ? at : undefined;
}

/** Source: Go's time.RFC3339Nano. */
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const triggerTime = 'endpoints.kubernetes.io/last-change-trigger-time';

const noPorts: readonly EndpointPort[] = [];
const noEndpoints: readonly Endpoint[] = [];

/** The ports that have a number: kube-proxy skips the others with a log line, and so do we with a warning. */
function parsePorts(root: Field, warnings: string[]): readonly EndpointPort[] {
	const ports = eachItem(root, 'ports', (list, index) => {
		const item = child(list, index);
		const port = readInteger(item, 'port', 0, 65_535, 0);
		if (port === 0) {
			warnings.push(`${printWay(item)} has no port number: skipped`);
			return undefined;
		}

		const protocol = readChoice<Protocol>(item, 'protocol', ['TCP', 'UDP', 'SCTP']);
		return {name: internText(readTextOrNone(item, 'name')), protocol, port};
	});
	return sharePorts(ports.map(({name, protocol, port}) => `${port} ${protocol} ${name}`).join('\n'), ports);
}

const sharePorts = createPool<readonly EndpointPort[]>(5000);

function parseEndpoints(root: Field, family: Family, warnings: string[]): readonly Endpoint[] {
	return eachItem(root, 'endpoints', (list, index) => {
		const item = child(list, index);
		const addresses = child(item, 'addresses');
		if (Array.isArray(addresses.value) && addresses.value.length > 0) {
			return parseEndpoint(item, addresses, family);
		}

		eachItem(item, 'addresses', readText);
		warnings.push(`${printWay(item)} has no address: skipped`);
		return undefined;
	});
}

/** Only the first address counts: the API defines no meaning for more. */
function parseEndpoint(item: Field, addresses: Field, family: Family): Endpoint {
	const address = readAddress(addresses, 0);
	if (familyOf(address) !== family) {
		throw invalid(addresses, 0, `an ${family} address, as addressType says`);
	}

	const conditions = child(item, 'conditions');
	const nodeName = readTextOrNone(item, 'nodeName');
	const hints = isPresent(item, 'hints') ? child(item, 'hints') : undefined;
	return {
		address,
		ready: readFlag(conditions, 'ready', true),
		serving: readFlag(conditions, 'serving', true),
		terminating: readFlag(conditions, 'terminating', false),
		nodeName: nodeName === '' ? undefined : internText(nodeName),
		hintZones: hints && parseHints(hints, 'forZones'),
		hintNodes: hints && parseHints(hints, 'forNodes'),
		pod: parsePod(item),
	};
}

function parseHints(hints: Field, step: string): readonly string[] | undefined {
	const names = eachItem(hints, step, (list, index) => readText(child(list, index), 'name'));
	return names.length === 0 ? undefined : shareNames(names.join('\n'), names);
}

const shareNames = createPool<readonly string[]>(5000);

function parsePod(item: Field): string | undefined {
	const reference = child(item, 'targetRef');
	return readTextOrNone(reference, 'kind') === 'Pod' ? readText(reference, 'name') : undefined;
}
