import type {Service} from '../model/objects.ts';
import {type Family, familyOf} from '../net/address.ts';
import {collapsePrefixes, type Prefix, prefixContains, prefixFamily, prefixOf} from '../net/prefix.ts';
import type {NodeView} from './node.ts';

/** Who may enter a Service by its load-balancer IPs, and how that was decided. */
export type SourceRanges = {readonly ranges: readonly Prefix[]; readonly decided: string};

/**
 * The sources that may enter by the load-balancer IPs of one family; undefined when anyone may: a range of all
 * addresses is there, or no range of this family is. Where the node itself may enter, so may the load-balancer IPs:
 * a node that holds such an address connects to it with it as its source. Source: kube-proxy, firewall chains.
 */
export function sourceRanges(service: Service, family: Family, node: NodeView): SourceRanges | undefined {
	const ranges = service.loadBalancerSourceRanges.filter((range) => prefixFamily(range) === family);
	if (ranges.length === 0 || ranges.some(({bits}) => bits === 0)) {
		return undefined;
	}

	const isNodeAllowed = node.nodeIps.some((ip) => ranges.some((range) => prefixContains(range, ip.address)));
	const vips = service.loadBalancerIngress.filter(
		({address, ipMode}) => ipMode === 'VIP' && familyOf(address) === family,
	);
	const own = isNodeAllowed ? vips.map(({address}) => prefixOf(address, family === 'IPv4' ? 32 : 128)) : [];
	return {
		ranges: collapsePrefixes([...ranges, ...own]),
		decided: `only ${ranges.length} ranges may enter${isNodeAllowed ? ', this node by the load-balancer IPs too' : ''}`,
	};
}
