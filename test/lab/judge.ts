import type {Address} from '../../src/net/address.ts';
import {type AddressName, addresses} from './addresses.ts';
import {
	type Asking,
	type Cell,
	type Client,
	clients,
	nameOf,
	type Packet,
	type PacketTable,
	packetsOf,
	printCell,
	printSurprise,
} from './packets.ts';
import {isServed} from './topology.ts';

/** The first packet of a connection, as n1 gets it; `interface` is absent where n1 made it. */
export type FirstPacket = {
	readonly source: Address;
	readonly destination: Address;
	readonly protocol: Asking;
	readonly port: number;
	readonly interface: string | undefined;
};

/**
 * Where it may be sent, of `kept` backends to the one that the client has, and whether its source is rewritten then;
 * or it is left alone (`pass`), or answered by the node (`echo`).
 */
export type Decision =
	| {readonly kind: 'backends'; readonly backends: readonly Sent[]; readonly kept: boolean}
	| {readonly kind: 'refuse' | 'drop' | 'pass' | 'echo'};
export type Sent = {readonly address: Address; readonly port: number; readonly masquerade: boolean};

/** Where `decide` would have packets do something else than the tables say, a line each. No packet is sent. */
export function judge(tables: readonly PacketTable[], decide: (packet: FirstPacket) => Decision): string[] {
	return tables.flatMap(packetsOf).flatMap((packet) => {
		const got = printCell(cellOf(packet, decide(firstPacket(packet))));
		return got === printCell(packet.expected) ? [] : [printSurprise(packet, got)];
	});
}

function firstPacket({client, address, port, protocol}: Packet): FirstPacket {
	const {interface: input}: Client = clients[client];
	const common = {destination: address as Address, protocol, port, interface: input}; // tables are written canonically
	return {...common, source: sourceOf(client, address) as Address};
}

/** The address that a client's packets to `destination` come from: of n1, the one it talks to, if that is its own. */
function sourceOf(client: Packet['client'], destination: string): string {
	const {host, bind}: Client = clients[client];
	const family = destination.includes(':') ? 1 : 0;
	const own = nameOf(destination);
	const isOwn = host === 'n1' && bind === undefined && (own === 'alt' || isLoopback(destination));
	return isOwn ? destination : addresses[bind ?? host][family];
}

function cellOf(packet: Packet, decision: Decision): Cell {
	const source = nameOf(sourceOf(packet.client, packet.address));
	switch (decision.kind) {
		case 'refuse':
			return {kind: 'refused'};
		case 'drop':
			return {kind: 'dropped'};
		case 'echo':
			return {kind: 'echoed'};
		case 'pass':
			return packet.protocol === 'ping' ? echoed(packet.address) : delivered(packet.address, packet.port, source);
		case 'backends': {
			const cells = decision.backends.map(({address, port, masquerade}) =>
				delivered(address, port, masquerade && nameOf(address) !== 'n1' ? 'n1' : source),
			);
			return merged(cells, decision.kept);
		}
	}
}

/** What the bare network does with a packet. What n1 delivers to itself passes no postrouting: see `cellOf`. */
function delivered(address: string, port: number, seen: string): Cell {
	const name = nameOf(address);
	if (isServed(name, port)) {
		return {kind: 'answered', answers: [{by: name, seen: seen === 'alt' ? 'n1' : seen}]};
	}

	return {kind: isLabAddress(name) || isLoopback(address) ? 'refused' : 'dropped'};
}

/** What becomes of a ping that is left alone. */
function echoed(address: string): Cell {
	return {kind: isLabAddress(nameOf(address)) || isLoopback(address) ? 'echoed' : 'dropped'};
}

function merged(cells: readonly Cell[], kept: boolean): Cell {
	const answers = cells.flatMap((cell) => (cell.kind === 'answered' ? cell.answers : []));
	const failed = cells.find((cell) => cell.kind !== 'answered');
	const unique = new Map(answers.map((answer) => [answer.by, answer]));
	const sorted = [...unique.values()].toSorted((a, b) => (a.by < b.by ? -1 : 1));
	return failed ?? {kind: 'answered', answers: sorted, ...(kept && sorted.length > 1 && {kept: true})};
}

function isLabAddress(name: string): name is AddressName {
	return Object.hasOwn(addresses, name);
}

function isLoopback(address: string): boolean {
	return address === '127.0.0.1' || address === '::1';
}
