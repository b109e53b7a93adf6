import type {Dataplane} from '../dataplane/dataplane.ts';
import {NftablesDataplane} from '../dataplane/nftables/nftables.ts';
import {Nftables} from '../kernel/nftables.ts';

/**
 * The dataplane of this version: nftables. Nothing is read or written before its first call.
 *
 * @throws NetError KERNEL_REFUSED when the kernel was built without nf_tables
 */
export function openDataplane(): Dataplane {
	return new NftablesDataplane({kernel: new Nftables()});
}
