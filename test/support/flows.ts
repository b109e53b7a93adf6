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

/** A flow from a client to the frontend `to`, answered `by` a backend, as the kernel tells of it. */
export function flowPayload({to, by, protocol = 'UDP', id = 1}: FlowParts): Uint8Array {
	const [frontend, backend] = [split(to), split(by)];
	const client = parseAddress(to.startsWith('[') ? '2001:db8::7' : '192.0.2.7');
	const tuple = (source: typeof frontend, destination: typeof frontend) => ({
		addresses: to.startsWith('[')
			? {source6: addressBytes(source.address), destination6: addressBytes(destination.address)}
			: {source4: addressBytes(source.address), destination4: addressBytes(destination.address)},
		protocol: {number: protocolNumbers[protocol], sourcePort: source.port, destinationPort: destination.port},
	});
	const from = {address: client, port: 40_000};
	const writer = new Writer();
	encodeMessage(writer, {type: conntrack.flow.new, flags: 0, sequence: 0}, conntrack.flow.layout, {
		family: familyOf(client) === 'IPv4' ? nfFamilies.ipv4 : nfFamilies.ipv6,
		original: tuple(from, frontend),
		reply: tuple(backend, from),
		id,
	});
	return writer.written().slice(16);
}
