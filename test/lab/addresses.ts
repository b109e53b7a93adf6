/**
 * A small cluster, dual stack. n1 is the node under test and the hub: all that others send to service addresses
 * is routed to it.
 *
 *     a ─┐                        a 10.128.0.11, b 10.128.0.12: pods of n1
 *     b ─┴─ n1 ─┬─ n2 ── c        n1 172.31.1.1 and 172.31.9.1; n2 172.31.1.2, with the pod c 10.128.1.21
 *               └─ out            out 192.0.2.7: outside the cluster
 */
export const addresses = {
	a: ['10.128.0.11', 'fd00:128::b'],
	b: ['10.128.0.12', 'fd00:128::c'],
	n1: ['172.31.1.1', 'fd00:31::1'],
	/** A second address of n1, on an interface that leads nowhere: never the source of anything that n1 sends elsewhere. */
	alt: ['172.31.9.1', '2001:db8:9::1'],
	n2: ['172.31.1.2', 'fd00:31::2'],
	c: ['10.128.1.21', 'fd00:128:0:1::15'],
	out: ['192.0.2.7', '2001:db8::7'],
	/** A second address of the outside host, where the cluster's load balancer would stand. */
	lb: ['192.0.2.80', '2001:db8::80'],
} as const;

export type AddressName = keyof typeof addresses;
export type HostName = Exclude<AddressName, 'alt' | 'lb'>;
