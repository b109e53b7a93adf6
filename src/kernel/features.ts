import {release} from 'node:os';
import {encodeMessage} from '../wire/body.ts';
import {messageFlags} from '../wire/message.ts';
import {nfFamilies, nftables, tableFlags} from '../wire/nftables.ts';
import {Writer} from '../wire/writer.ts';
import type {Nftables} from './nftables.ts';

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
