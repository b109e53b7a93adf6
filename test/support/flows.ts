import {addressBytes, familyOf, parseAddress} from '../../src/net/address.ts';
import {type Protocol, protocolNumbers} from '../../src/net/port.ts';
import type {Backend} from '../../src/plan/frontend.ts';
import type {StaleFlows} from '../../src/plan/plan.ts';
import {encodeMessage} from '../../src/wire/body.ts';
import {conntrack} from '../../src/wire/conntrack.ts';
import {nfFamilies} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';

/** `10.96.0.10:53` or `[fd00:96::a]:53`. */
function split(text: string): {readonly address: ReturnType<typeof parseAddress>; readonly port: number} {
	const [, address = '', port] = /^\[?([^\]]*)\]?:(\d+)$/.exec(text) ?? [];
	return {address: parseAddress(address), port: Number(port)};
}

export function buildBackend(text: string): Backend {
	return {...split(text), local: false};
}

/** What a commit says of a UDP frontend: who serves it now. */
export function buildStaleFlows(frontend: string, ...serving: readonly string[]): StaleFlows {
	return {...split(frontend), protocol: 'UDP', serving: serving.map(buildBackend)};
}

export type FlowParts = {readonly to: string; readonly by: string; readonly protocol?: Protocol; readonly id?: number};

/** A flow from a client to the frontend `to`, answered `by` a backend. Each `id` is sent from a port of its own. */
export function flowBody({to, by, protocol = 'UDP', id = 1}: FlowParts) {
	const [frontend, backend] = [split(to), split(by)];
	const client = {address: parseAddress(to.startsWith('[') ? '2001:db8::7' : '192.0.2.7'), port: 40_000 + id};
	const tuple = (source: typeof frontend, destination: typeof frontend) => ({
		addresses: to.startsWith('[')
			? {source6: addressBytes(source.address), destination6: addressBytes(destination.address)}
			: {source4: addressBytes(source.address), destination4: addressBytes(destination.address)},
		protocol: {number: protocolNumbers[protocol], sourcePort: source.port, destinationPort: destination.port},
	});
	return {
		family: familyOf(client.address) === 'IPv4' ? nfFamilies.ipv4 : nfFamilies.ipv6,
		original: tuple(client, frontend),
		reply: tuple(backend, client),
		id,
	};
}

/** The same as the kernel tells of it. */
export function flowPayload(parts: FlowParts): Uint8Array {
	const writer = new Writer();
	const header = {type: conntrack.flow.new, flags: 0, sequence: 0};
	encodeMessage(writer, header, conntrack.flow.layout, flowBody(parts));
	return writer.written().slice(16);
}
