import {type Address, addressFromBytes} from '../net/address.ts';
import {type Protocol, protocolNumbers} from '../net/port.ts';
import {type BodyOf, decodeBody, encodeMessage} from '../wire/body.ts';
import {conntrack} from '../wire/conntrack.ts';
import {messageFlags} from '../wire/message.ts';
import type {Writer} from '../wire/writer.ts';

/** How the packets of one direction look. */
type Tuple = {
	readonly source: Address;
	readonly sourcePort: number;
	readonly destination: Address;
	readonly destinationPort: number;
};

type FlowBody = BodyOf<typeof conntrack.flow.layout>;

/** One entry of connection tracking. */
export type Flow = {
	readonly protocol: Protocol;
	/** As the client sends: its destination is the frontend. */
	readonly original: Tuple;
	/** As the answer comes in: its source is the backend. */
	readonly reply: Tuple;
	/** What the kernel finds this entry by, and no later one of the same tuple. */
	readonly identity: Pick<FlowBody, 'family' | 'original' | 'id' | 'zone'>;
};

const protocols = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name as Protocol]));

/**
 * The flow in the body of a message; undefined when it is of a protocol that Services do not have.
 *
 * @throws NetError WIRE_TRUNCATED, WIRE_INVALID or NET_INVALID when the bytes are no flow
 */
export function decodeFlow(payload: Uint8Array): Flow | undefined {
	const {family, original, reply, id, zone} = decodeBody(conntrack.flow.layout, payload);
	const protocol = protocols.get(original?.protocol?.number ?? 0);
	if (protocol === undefined) {
		return undefined;
	}

	const identity = {family, ...(original && {original}), ...(id !== undefined && {id}), ...(zone && {zone})};
	return {protocol, original: tupleOf(original), reply: tupleOf(reply), identity};
}

const nothing = new Uint8Array();

function tupleOf(tuple: FlowBody['original']): Tuple {
	const {source4, destination4, source6, destination6} = tuple?.addresses ?? {};
	return {
		source: addressFromBytes(source4 ?? source6 ?? nothing),
		sourcePort: tuple?.protocol?.sourcePort ?? 0,
		destination: addressFromBytes(destination4 ?? destination6 ?? nothing),
		destinationPort: tuple?.protocol?.destinationPort ?? 0,
	};
}

/** Appends the request to delete this very flow. The kernel answers ENOENT when it has ended meanwhile. */
export function encodeDelete(writer: Writer, {identity}: Flow): void {
	const {delete: type, layout} = conntrack.flow;
	encodeMessage(writer, {type, flags: messageFlags.request, sequence: 0}, layout, identity);
}
