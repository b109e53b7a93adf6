import {setTimeout} from 'node:timers/promises';
import {dump} from '../kernel/dump.ts';
import {type Heard, listen} from '../kernel/listen.ts';
import type {Netns} from '../kernel/netns.ts';
import {NetlinkSocket} from '../kernel/socket.ts';
import type {Change, Source} from '../model/change.ts';
import type {Logger} from '../observe/log.ts';
import {encodeMessage} from '../wire/body.ts';
import {skipStatistics} from '../wire/link.ts';
import {rtnetlink, rtnetlinkGroups} from '../wire/rtnetlink.ts';
import {Writer} from '../wire/writer.ts';
import {AddressTable} from './address-table.ts';

type Options = {
	/** The namespace whose addresses are watched; that of this process unless told. */
	readonly netns?: Netns | undefined;
	/** What the kernel may queue while the loop is busy; more than that is lost and read again. */
	readonly receiveBytes?: number;
	readonly log: Logger;
};

const groups = [rtnetlinkGroups.link, rtnetlinkGroups.ipv4Address, rtnetlinkGroups.ipv6Address];
const retryMs = 1000;

/**
 * The addresses of this node's interfaces, as `NodeAddress` objects: see {@link AddressTable} for which. The first
 * batch tells all of them and ends with `synced`; each later one is what a moment changed. When events were lost all
 * is read again and the difference told. Never ends before `signal` is aborted, and never throws: what fails is
 * logged and tried again.
 */
export async function* watchNodeAddresses(options: Options, signal: AbortSignal): AsyncGenerator<readonly Change[]> {
	const table = new AddressTable();
	let synced = false;
	while (!signal.aborted) {
		try {
			for await (const changes of follow(table, options, signal)) {
				const batch: Change[] = synced
					? changes
					: [...changes, {verb: 'synced', source: 'nodeAddresses', complete: true}];
				synced = true;
				if (batch.length > 0) {
					yield batch;
				}
			}
		} catch (error) {
			if (error !== signal.reason) {
				options.log.warn('cannot read the addresses of this node; trying again', {error});
				await setTimeout(retryMs, undefined, {signal}).catch(() => undefined); // an abort ends the loop
			}
		}
	}
}

/** What changes in `table`, first by reading everything, then by events; subscribed before it reads. */
async function* follow(table: AddressTable, options: Options, signal: AbortSignal): AsyncGenerator<Change[]> {
	const {netns} = options;
	using socket = new NetlinkSocket('route', {...options, groups});
	await readAll(table, netns, signal);
	yield table.changes();
	for await (const heard of listen(socket, signal)) {
		await take(table, heard, async () => await readAll(table, netns, signal));
		yield table.changes();
	}
}

async function take(table: AddressTable, heard: Heard, readAgain: () => Promise<void>): Promise<void> {
	if (heard.kind === 'lost') {
		await readAgain();
		return;
	}

	for (const message of heard.messages) {
		table.apply(message);
	}
}

async function readAll(table: AddressTable, netns: Netns | undefined, signal: AbortSignal): Promise<void> {
	table.clear();
	for (const request of [linksRequest(), addressesRequest()]) {
		for await (const answers of dump(() => new NetlinkSocket('route', {netns}), request, signal)) {
			for (const answer of answers) {
				table.apply(answer);
			}
		}
	}
}

function linksRequest(): Uint8Array {
	const writer = new Writer(64);
	const {get: type, layout} = rtnetlink.link;
	encodeMessage(writer, {type, flags: 0, sequence: 0}, layout, {extendedMask: skipStatistics});
	return writer.written();
}

function addressesRequest(): Uint8Array {
	const writer = new Writer(64);
	const {get: type, layout} = rtnetlink.address;
	encodeMessage(writer, {type, flags: 0, sequence: 0}, layout, {});
	return writer.written();
}

/** Holds the signature to the contract of sources. */
watchNodeAddresses satisfies (options: Options, signal: AbortSignal) => Source;
