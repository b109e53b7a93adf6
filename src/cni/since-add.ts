import type {Netns} from '../kernel/netns.ts';
import {parseMac} from '../net/mac.ts';
import {printPrefix} from '../net/prefix.ts';
import type {Attachment} from './attachment.ts';
import type {ContainerCall} from './call.ts';
import type {LinkPlan, PodLinks} from './link-plan.ts';
import type {Result, Route} from './spec.ts';

/** What is looked at, and how it was made. */
type Made = {readonly plan: LinkPlan; readonly netns: Netns; readonly links: Pick<PodLinks, 'check'>};

/** What of an attachment is not as its ADD left it, a sentence each: in the result, in the pod, on the node. */
export async function differencesSince(
	{netns: path, prevResult}: ContainerCall,
	{addresses, netnsInode}: Attachment,
	{plan, netns, links}: Made,
): Promise<readonly string[]> {
	const known = prevResult?.ips.map(({address}) => address) ?? [];
	const missing = addresses.filter((address) => !known.includes(address));
	return [
		...missing.map((address) => `prevResult does not name ${address}`),
		...(netns.inode === netnsInode ? [] : [`${path} is another network namespace than at the ADD`]),
		...(await links.check(withResult(plan, prevResult), netns)),
	];
}

/** What plugins behind this one changed of the pod is theirs to check. */
function withResult(plan: LinkPlan, result: Result | undefined): LinkPlan {
	const own = result?.interfaces.find(({name, sandbox}) => name === plan.ifName && sandbox !== undefined);
	const isKept = ({dst}: Route) =>
		result?.routes.some((route) => printPrefix(route.dst) === printPrefix(dst)) !== false;
	return {
		...plan,
		mac: own?.mac === undefined ? plan.mac : parseMac(own.mac),
		mtuBytes: own?.mtu ?? plan.mtuBytes,
		routes: plan.routes.filter(isKept),
	};
}
