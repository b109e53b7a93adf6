import {fullOps, rulesOf} from '../../src/dataplane/nftables/rules.ts';
import {type Packet, type Walk, walk} from '../../src/dataplane/nftables/walk.ts';
import type {Affinity} from '../../src/dataplane/nftables/walk-affinity.ts';
import {familyOf, parseAddress} from '../../src/net/address.ts';
import type {Frontend} from '../../src/plan/frontend.ts';
import {buildNodePlan} from './frontends.ts';

/** `10.96.0.10:80/TCP` or `[fd00:96::a]:80/TCP`, from `pod`, `node`, `outside` or an address with its interface. */
export function trace(
	frontends: readonly Frontend[],
	from: string,
	to: string,
	node = buildNodePlan(),
	affinity?: Affinity,
): Walk {
	const packet = buildPacket(from, to);
	const family = familyOf(packet.destination);
	return walk(rulesOf(fullOps(frontends, node, family), family), packet, affinity);
}

const sources: Readonly<Record<string, readonly [ipv4: string, ipv6: string, interfaceName: string | undefined]>> = {
	pod: ['10.128.0.9', 'fd00:128::9', 'poda'],
	node: ['172.31.1.1', 'fd00:31::1', undefined],
	outside: ['192.0.2.7', '2001:db8::7', 'eth0'],
	allowed: ['198.51.100.9', '2001:db8:51::9', 'eth0'],
};

export function buildPacket(from: string, to: string): Packet {
	const [, address = '', port, protocol] = /^\[?(.+?)\]?:(\d+)\/(\w+)$/.exec(to) ?? [];
	const destination = parseAddress(address);
	const [ipv4, ipv6, interfaceName] = sources[from] ?? [from, from, 'eth0'];
	return {
		source: parseAddress(familyOf(destination) === 'IPv4' ? ipv4 : ipv6),
		destination,
		protocol: protocol as Packet['protocol'],
		port: Number(port),
		interface: interfaceName,
	};
}

/**
 * `10.128.1.1:8080, 10.128.1.2:8080 masqueraded`, with `or always` between backends that the client keeps; or what
 * else became of the packet.
 */
export function fate({fate: end}: Walk): string {
	if (end.kind !== 'backends') {
		return end.kind;
	}

	const texts = end.backends.map(
		({address, port, masqueraded}) => `${address}:${port}${masqueraded ? ' masqueraded' : ''}`,
	);
	return [...texts, ...(end.lost > 0 ? [`${end.lost} lost`] : [])].join(end.kept ? ' or always ' : ', ');
}
