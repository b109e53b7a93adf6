import type {Conntrack} from '../../src/kernel/conntrack.ts';
import {encodeMessage} from '../../src/wire/body.ts';
import {flowStatus, conntrack as wire} from '../../src/wire/conntrack.ts';
import {messageFlags} from '../../src/wire/message.ts';
import {nfFamilies} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';

const perRequest = 500;

/** Puts `count` flows into the table, from clients of 10.200.0.0/16 to `port` of 192.0.2.200, which last an hour. */
export async function addOtherFlows(conntrack: Conntrack, count: number, protocol: number, port: number) {
	const writer = new Writer();
	for (let done = 0; done < count; ) {
		writer.reset();
		for (const end = Math.min(count, done + perRequest); done < end; done++) {
			encodeFlow(writer, done, protocol, port);
		}

		const refusals = await conntrack.request(writer.written());
		if (refusals.length > 0) {
			throw new Error(`the kernel took not all flows: ${refusals[0]?.errno}`);
		}
	}
}

function encodeFlow(writer: Writer, index: number, protocol: number, port: number): void {
	const client = Uint8Array.of(10, 200, (index >> 8) & 0xff, index & 0xff);
	const server = Uint8Array.of(192, 0, 2, 200);
	const clientPort = 20_000 + (index >> 16);
	const {create, exclusive, request} = messageFlags;
	const header = {type: wire.flow.new, flags: request | create | exclusive, sequence: 0};
	encodeMessage(writer, header, wire.flow.layout, {
		family: nfFamilies.ipv4,
		original: {
			addresses: {source4: client, destination4: server},
			protocol: {number: protocol, sourcePort: clientPort, destinationPort: port},
		},
		reply: {
			addresses: {source4: server, destination4: client},
			protocol: {number: protocol, sourcePort: port, destinationPort: clientPort},
		},
		status: flowStatus.seenReply | flowStatus.assured | flowStatus.confirmed,
		timeoutSeconds: 3600,
	});
}
