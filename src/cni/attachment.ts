import type {HostPort} from '../model/objects.ts';
import type {Address} from '../net/address.ts';
import type {Mac} from '../net/mac.ts';
import type {AttachmentId, Bandwidth, PodName} from './spec.ts';

/** How far an attachment is: what of it may be in the kernel. */
type AttachmentState =
	/** ADD is at work: whoever finds it so later undoes it. */
	| 'adding'
	/** ADD was answered. */
	| 'attached'
	/** DEL is at work: whoever finds it so later goes on with it. */
	| 'deleting';

/**
 * One interface of one container: what is needed to find, check and remove it, whoever asks and however long after.
 * Written to the journal before the kernel is changed.
 */
export type Attachment = AttachmentId & {
	readonly state: AttachmentState;
	readonly pod: PodName | undefined;
	/** Path of its network namespace, and that namespace's number: a path may come to stand for another one. */
	readonly netns: string;
	readonly netnsInode: number;
	/** At most one of each family, IPv4 first; those that the pool gave out. */
	readonly addresses: readonly Address[];
	/** Of the node's end of the veth pair. */
	readonly link: string;
	readonly mac: Mac;
	readonly mode: 'routed' | 'bridge';
	/** Name of the bridge; empty where routed. */
	readonly bridge: string;
	readonly mtuBytes: number;
	readonly hostPorts: readonly HostPort[];
	readonly bandwidth: Bandwidth;
	/** Milliseconds since 1970, for people. */
	readonly since: number;
};

/** Names an attachment among all: a container's interface is of one network only. */
export type AttachmentKey = string;

export function attachmentKey({containerId, ifName}: Pick<AttachmentId, 'containerId' | 'ifName'>): AttachmentKey {
	return [containerId, ifName].join('/');
}
