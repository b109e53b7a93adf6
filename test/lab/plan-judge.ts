import {familyOf} from '../../src/net/address.ts';
import {prefixContains} from '../../src/net/prefix.ts';
import {type Frontend, frontendKey, type Target} from '../../src/plan/frontend.ts';
import type {Plan} from '../../src/plan/plan.ts';
import type {Decision, FirstPacket} from './judge.ts';

/** What the plan says of a packet, read from the plan alone: what each of its fields promises, and no rule of any kernel. */
export function decideByPlan(plan: Plan, packet: FirstPacket): Decision {
	if (packet.protocol === 'ping') {
		const decision = decideUnserved(plan, packet);
		return decision.kind === 'refuse' ? {kind: 'echo'} : decision;
	}

	const frontend = plan.frontends.get(frontendKey(packet.destination, packet.protocol, packet.port));
	if (frontend === undefined) {
		return decideUnserved(plan, packet);
	}

	const {sourceRanges, local, target} = frontend;
	if (sourceRanges !== undefined && !sourceRanges.some((range) => prefixContains(range, packet.source))) {
		return {kind: 'drop'};
	}

	const isNear = packet.interface === undefined || isPodOfNode(plan, packet);
	return decideTarget(plan, local === undefined || isNear ? target : local, frontend, packet);
}

function decideUnserved({frontends, node}: Plan, {destination}: FirstPacket): Decision {
	const isClusterIp = [...frontends.values()].some(
		({kind, address}) => kind === 'clusterIP' && address === destination,
	);
	if (isClusterIp) {
		return {kind: 'refuse'};
	}

	return {kind: node.serviceCidrs.some((prefix) => prefixContains(prefix, destination)) ? 'drop' : 'pass'};
}

function decideTarget(
	plan: Plan,
	target: Target,
	{masquerade, affinityTimeoutSeconds}: Frontend,
	packet: FirstPacket,
): Decision {
	if (target.kind !== 'backends') {
		return {kind: target.kind === 'drop' ? 'drop' : 'refuse'};
	}

	const always =
		masquerade === 'always' ||
		(masquerade === 'node' && packet.interface === undefined) ||
		(masquerade === 'offCluster' && !isPodOfNode(plan, packet));
	return {
		kind: 'backends',
		kept: affinityTimeoutSeconds !== undefined,
		backends: target.backends.map(({address, port, local}) => ({
			address,
			port,
			masquerade: always || (local && address === packet.source),
		})),
	};
}

function isPodOfNode({node: {detector}}: Plan, {source, interface: input = ''}: FirstPacket): boolean {
	switch (detector.kind) {
		case 'none':
			return false;
		case 'prefixes':
			return detector.prefixes.some(
				(prefix) => familyOf(prefix.address) === familyOf(source) && prefixContains(prefix, source),
			);
		case 'interface':
			return input === detector.name;
		case 'interfacePrefix':
			return input.startsWith(detector.prefix);
	}
}
