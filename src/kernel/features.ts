import {release} from 'node:os';
import {NetError} from '../errors.ts';
import {attributeTable} from '../wire/attribute.ts';
import {encodeMessage, layout} from '../wire/body.ts';
import {be16, u8} from '../wire/kinds.ts';
import {controlTypes, decodeAcknowledgement, messageFlags} from '../wire/message.ts';
import {nfFamilies, nftables, tableFlags} from '../wire/nftables.ts';
import {Writer} from '../wire/writer.ts';
import {errnoName} from './errno.ts';
import type {Nftables} from './nftables.ts';
import {NetlinkSocket} from './socket.ts';

export type KernelVersion = {readonly major: number; readonly minor: number};

/** The version in what `uname -r` prints, as {6, 18} of "6.18.44-generic"; 0.0 when it names none. */
export function kernelVersion(text: string = release()): KernelVersion {
	const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(text) ?? [];
	return {major: Number(major), minor: Number(minor)};
}

export type NftablesFeatures = {
	/** Only the socket that made a table can change it (5.12). */
	readonly ownedTables: boolean;
	/** An owned table stays when its socket closes, and the next one may adopt it (6.9). */
	readonly persistentTables: boolean;
};

/**
 * What the nf_tables of this kernel can do, found by trying: distributions carry parts of later kernels. What is
 * tried stands in a batch that cannot succeed, so nothing is changed and nobody is told.
 *
 * @throws NetError KERNEL_DENIED, NFT_REFUSED
 */
export async function readNftablesFeatures(kernel: Nftables): Promise<NftablesFeatures> {
	return {
		ownedTables: await takesTableFlags(kernel, tableFlags.owner),
		persistentTables: await takesTableFlags(kernel, tableFlags.owner | tableFlags.persist),
	};
}

async function takesTableFlags(kernel: Nftables, flags: number): Promise<boolean> {
	const writer = new Writer(256);
	const {request, create} = messageFlags;
	const {new: type, delete: deleteType, layout} = nftables.table;
	const family = nfFamilies.ipv4;
	encodeMessage(writer, {type, flags: request | create, sequence: 0}, layout, {family, name: 'fairlead-probe', flags});
	const missing = {family, name: 'fairlead-probe-missing'};
	encodeMessage(writer, {type: deleteType, flags: request, sequence: 0}, layout, missing);
	const refusals = await kernel.commit(writer.written());
	return refusals.every(({index}) => index !== 0);
}

/** NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS. Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h */
const getConntrackStats = (1 << 8) | 5;

/** struct nfgenmsg, with nothing behind it. Source: include/uapi/linux/netfilter/nfnetlink.h */
const bare = layout({family: u8, version: u8, resource: be16}, attributeTable({}));

/**
 * Whether flows can be listed and deleted by netlink here (module nf_conntrack_netlink), found by asking for the
 * count of them.
 *
 * @throws NetError KERNEL_DENIED without CAP_NET_ADMIN in this network namespace
 */
export function hasConntrackNetlink(): boolean {
	using socket = new NetlinkSocket('netfilter');
	const writer = new Writer(64);
	encodeMessage(writer, {type: getConntrackStats, flags: messageFlags.request, sequence: 1}, bare, {});
	socket.send([writer.written()]);
	const [answer] = socket.receive();
	if (answer?.type !== controlTypes.error) {
		return answer !== undefined;
	}

	const errno = errnoName(decodeAcknowledgement(answer).errno);
	if (errno === 'EPERM') {
		throw new NetError('KERNEL_DENIED', 'ask for the count of flows', {errno});
	}

	return false;
}
