import {type Address, addressBytes, type Family} from '../net/address.ts';
import {protocolNumbers} from '../net/port.ts';
import type {StaleFlows} from '../plan/plan.ts';
import {encodeMessage} from '../wire/body.ts';
import {conntrack, filterFields} from '../wire/conntrack.ts';
import {nfFamilies} from '../wire/nftables.ts';
import {Writer} from '../wire/writer.ts';
import type {Flow} from './flow.ts';

/** Which UDP flows the kernel shall tell: those to an address (IPv4 only), to a port, to both, or all of one family. */
export type FlowFilter = {readonly address?: Address; readonly port?: number};

type Destination = Pick<StaleFlows, 'address' | 'port'>;

/**
 * Each filter makes the kernel walk through the whole table once. As many walks cost as much as to be told of
 * 100,000 flows (each 35 ms, and 270 ms; 6.18), of which this process then has to decode every one.
 */
const mostWalks = 8;

/**
 * The narrowest filters, at most eight, that together let pass all flows to `destinations`, which are of `family`. Of
 * IPv6 they name ports alone: up to 6.18 at least, the kernel lets pass every address but the one that is asked for.
 * Source: net/netfilter/nf_conntrack_netlink.c, ctnetlink_filter_match_tuple (`!ipv6_addr_cmp`); tried on 6.18.
 */
export function filtersFor(family: Family, destinations: readonly Destination[]): readonly FlowFilter[] {
	const addresses = [...new Set(destinations.map(({address}) => address))].map((address) => ({address}));
	const ports = [...new Set(destinations.map(({port}) => port))].map((port) => ({port}));
	const each = destinations.map(({address, port}) => ({address, port}));
	const forms = family === 'IPv4' ? [each, addresses, ports] : [ports];
	return forms.find(({length}) => length <= mostWalks) ?? [everything];
}

/** Passes every UDP flow. */
const everything: FlowFilter = {};

/** Whether a flow is one that `filter` lets pass: an old kernel tells others too. */
export function passes({address, port}: FlowFilter, {protocol, original}: Flow): boolean {
	const {destination, destinationPort} = original;
	return (
		protocol === 'UDP' &&
		(address === undefined || address === destination) &&
		(port === undefined || port === destinationPort)
	);
}

/**
 * The request for all flows of `family` that `filter` lets pass; without a filter for all flows of the family, of
 * any protocol.
 */
export function encodeDump(family: Family, filter?: FlowFilter): Uint8Array {
	const writer = new Writer(128);
	const body = {family: family === 'IPv4' ? nfFamilies.ipv4 : nfFamilies.ipv6};
	const header = {type: conntrack.flow.get, flags: 0, sequence: 0};
	encodeMessage(writer, header, conntrack.flow.layout, {...body, ...(filter && filterBody(filter))});
	return writer.written();
}

function filterBody({address, port}: FlowFilter) {
	const fields =
		filterFields.protocol |
		(address === undefined ? 0 : filterFields.destination) |
		(port === undefined ? 0 : filterFields.destinationPort);
	return {
		original: {
			...(address !== undefined && {addresses: {destination4: addressBytes(address)}}),
			protocol: {number: protocolNumbers.UDP, ...(port !== undefined && {destinationPort: port})},
		},
		filter: {original: fields},
	};
}
