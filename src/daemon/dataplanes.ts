import type {Dataplane} from '../dataplane/dataplane.ts';
import {NftablesDataplane} from '../dataplane/nftables/nftables.ts';
import {Nftables} from '../kernel/nftables.ts';
import {families as allFamilies, type Family} from '../net/address.ts';

/**
 * The dataplane of this version: nftables. Nothing is read or written before its first call.
 *
 * @param families those that the node has: a kernel without IPv6 refuses the table `ip6`
 * @throws NetError KERNEL_REFUSED when the kernel was built without nf_tables
 */
export function openDataplane(families: readonly Family[] = allFamilies): Dataplane {
	return new NftablesDataplane({kernel: new Nftables(), families});
}
