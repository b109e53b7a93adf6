import {type Rtnetlink, routeRequest} from '../kernel/route.ts';
import {type BodyOf, decodeBody} from '../wire/body.ts';
import {messageFlags} from '../wire/message.ts';
import {rtnetlink} from '../wire/rtnetlink.ts';
import {trafficParents} from '../wire/traffic.ts';
import type {LinkPlan} from './link-plan.ts';
import {findLink} from './link-reading.ts';
import {type Shape, shaperName, shapesOf} from './shaping.ts';

/** What of the limits of a pod is not so in the kernel, a sentence each. @param index of the node's end */
export function differingDisciplines({link, bandwidth, mtuBytes}: LinkPlan, node: Rtnetlink, index: number): string[] {
	const {ingress, egress} = shapesOf(bandwidth, mtuBytes);
	const shaper = egress === undefined ? undefined : findLink(node, {name: shaperName(link)});
	return [
		...bucketDifferences(`what the pod receives (${link})`, ingress, node, index),
		...bucketDifferences(`what the pod sends (${shaperName(link)})`, egress, node, shaper?.index),
		...(egress !== undefined && !isRedirected(node, index)
			? [`what the pod sends does not pass ${shaperName(link)}`]
			: []),
	];
}

function bucketDifferences(
	what: string,
	wanted: Shape | undefined,
	node: Rtnetlink,
	index: number | undefined,
): string[] {
	if (wanted === undefined) {
		return [];
	}

	const found = index === undefined ? undefined : findBucket(node, index);
	if (found === undefined) {
		return [`${what} has no limit, not ${wanted.rate} bytes a second`];
	}

	const {rate = 0, limit = 0} = found.options?.parameters ?? {};
	const whole = Number(found.options?.rate64 ?? rate);
	return whole === wanted.rate && limit === wanted.limit
		? []
		: [`${what} has ${whole} bytes a second, ${limit} waiting, not ${wanted.rate}, ${wanted.limit}`];
}

function findBucket(node: Rtnetlink, index: number): BodyOf<typeof rtnetlink.tbf.layout> | undefined {
	const {get, new: answer, layout} = rtnetlink.discipline;
	// without NLM_F_ECHO the answer goes to all who listen, but not to who asked. Source: sch_api.c, qdisc_get_notify
	const which = {index, parent: trafficParents.root};
	const request = routeRequest('read the discipline', get, messageFlags.echo, layout, which);
	const found = node.run([request]).answers.find(({type}) => type === answer);
	return found !== undefined && decodeBody(layout, found.payload).kind === 'tbf'
		? decodeBody(rtnetlink.tbf.layout, found.payload)
		: undefined;
}

/** Whether a filter that is ours looks at what comes in. */
function isRedirected(node: Rtnetlink, index: number): boolean {
	const {get, layout} = rtnetlink.filter;
	const parent = trafficParents.ingressHandle;
	const answers = node.dump(routeRequest('read filters', get, 0, layout, {index, parent}));
	return answers.some(({payload}) => decodeBody(layout, payload).kind === 'u32');
}
