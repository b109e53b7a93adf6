import type {Endpoint} from '../model/objects.ts';
import type {Place} from './endpoints.ts';

/** Which ready endpoints are meant for clients of this node; `name` says what they are hinted for. */
export type Topology = {readonly allows: (endpoint: Endpoint) => boolean; readonly name: string};

/**
 * The hints in force among the ready endpoints: those for nodes where every one has some and one names this node,
 * else those for zones likewise, else none. Source: kube-proxy, topologyModeFromHints (1.33 and later).
 */
export function topologyOf(ready: readonly Endpoint[], {name, zone}: Place): Topology | undefined {
	if (areInForce(ready, ({hintNodes}) => hintNodes, name)) {
		return {allows: ({hintNodes}) => hintNodes?.includes(name) ?? false, name: 'this node'};
	}

	if (zone !== undefined && areInForce(ready, ({hintZones}) => hintZones, zone)) {
		return {allows: ({hintZones}) => hintZones?.includes(zone) ?? false, name: `zone ${zone}`};
	}

	return undefined;
}

type Hints = (endpoint: Endpoint) => readonly string[] | undefined;

function areInForce(ready: readonly Endpoint[], hints: Hints, mine: string): boolean {
	const isHinted = ready.every((endpoint) => hints(endpoint) !== undefined);
	return isHinted && ready.some((endpoint) => hints(endpoint)?.includes(mine));
}
