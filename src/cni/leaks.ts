import {type Attachment, type AttachmentKey, attachmentKey} from './attachment.ts';
import {linkPrefix} from './link-plan.ts';

/** What was seen of this node's pods at one moment. */
export type Observation = {
	/** Milliseconds of a clock that never goes back. */
	readonly at: number;
	/** Names of the nodes' ends that are there. */
	readonly links: ReadonlySet<string>;
	/** Number of the network namespace at each path; `gone` where there is none, absent where nobody could look. */
	readonly netns: ReadonlyMap<string, number | 'gone'>;
	/** Names of the files that the runtime keeps of attachments; undefined where its folder cannot be read. */
	readonly cache: ReadonlySet<string> | undefined;
};

/** What looks as if it were left over, and since when: the time of the first of the observations that agree. */
export type Suspects = {
	readonly attachments: ReadonlyMap<AttachmentKey, number>;
	readonly links: ReadonlyMap<string, number>;
};

/** What is left over. */
export type Leaks = {
	/** Attachments whose container is gone without a DEL. */
	readonly attachments: readonly AttachmentKey[];
	/** Links of ours that no attachment names. */
	readonly links: readonly string[];
};

export const noSuspects: Suspects = {attachments: new Map(), links: new Map()};

/**
 * The suspects after one more observation: whoever looks alive in it is none any more, and has to be suspected anew.
 * An attachment is suspect when its namespace and its link are both gone, and the runtime does not know it, as far as
 * that can be told; a link when no attachment names it.
 */
export function suspect(before: Suspects, attachments: readonly Attachment[], seen: Observation): Suspects {
	const dead = attachments.filter((attachment) => isDead(attachment, seen)).map(attachmentKey);
	const named = new Set(attachments.flatMap(({link, bridge}) => [link, bridge]));
	const stray = [...seen.links].filter((link) => link.startsWith(linkPrefix) && !named.has(link));
	const since = <T>(earlier: ReadonlyMap<T, number>, now: readonly T[]) =>
		new Map(now.map((each) => [each, earlier.get(each) ?? seen.at]));
	return {attachments: since(before.attachments, dead), links: since(before.links, stray)};
}

/**
 * What is certain: two observations agree, the last one made at `at`, at least `graceMs` apart. One is not enough: it
 * may have been made in the middle of an ADD or a DEL.
 */
export function leaksAmong({attachments, links}: Suspects, at: number, graceMs: number): Leaks {
	const certain = <T>(suspects: ReadonlyMap<T, number>) =>
		[...suspects].filter(([, since]) => since < at && at - since >= graceMs).map(([each]) => each);
	return {attachments: certain(attachments), links: certain(links)};
}

/** `name` of the runtime's file of an attachment. Source: containernetworking/cni, libcni, getCacheFilePath */
function cacheName({network, containerId, ifName}: Pick<Attachment, 'network' | 'containerId' | 'ifName'>): string {
	return `${network}-${containerId}-${ifName}`;
}

function isDead(attachment: Attachment, {links, netns, cache}: Observation): boolean {
	const inode = netns.get(attachment.netns);
	const withoutNetns = inode !== undefined && inode !== attachment.netnsInode;
	return withoutNetns && !links.has(attachment.link) && cache?.has(cacheName(attachment)) !== true;
}
