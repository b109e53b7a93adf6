import type {PodAttachment} from '../../src/model/objects.ts';
import {buildAttachment} from '../support/builders.ts';
import {addresses} from './addresses.ts';
import {parsePackets} from './packets.ts';

/** The pod a with these host ports, behind the link that n1 has to it. */
export function attachedPod(name: 'a' | 'b', hostPorts: readonly string[]): PodAttachment {
	return buildAttachment(`shop/${name}`, {addresses: addresses[name], link: `pod${name}`, hostPorts});
}

/** Of pod a: everywhere, on one address, and on loopback alone. */
export const podWithHostPorts = attachedPod('a', [
	...['8888:8080', '8888:8080/UDP'],
	...['172.31.9.1 8889:8081', '172.31.9.1 8889:8081/UDP', '2001:db8:9::1 8889:8081', '2001:db8:9::1 8889:8081/UDP'],
	...['127.0.0.1 8890:8080', '127.0.0.1 8890:8080/UDP'],
]);

/** What packets meet while {@link podWithHostPorts} is attached to n1. */
export const hostPortTables = parsePackets(`
# A host port leads to its pod on every address of the node; the pod sees who asks, but for itself and loopback.
to        node address  second address  loopback
IPv4      172.31.1.1    172.31.9.1      127.0.0.1
IPv6      fd00:31::1    2001:db8:9::1   -
port      8888 TCP UDP  8888 TCP UDP    8888 TCP UDP
pod a     a sees n1     a sees n1       -
pod b     a sees b      a sees b        -
node n1   a sees n1     a sees alt      a sees n1
host pod  a sees n1     a sees n1       -
node n2   a sees n2     a sees n2       -
pod c     a sees c      a sees c        -
outside   a sees out    a sees out      -

# A host port with an address of its own is on that one alone.
to        node address  second address  loopback
IPv4      172.31.1.1    172.31.9.1      127.0.0.1
IPv6      fd00:31::1    2001:db8:9::1   -
port      8889 TCP UDP  8889 TCP UDP    8889 TCP UDP
pod a     refused       a sees n1       -
pod b     refused       a sees b        -
node n1   refused       a sees alt      refused
outside   refused       a sees out      -

# On loopback it is for the node itself.
to        node address  loopback
IPv4      172.31.1.1    127.0.0.1
IPv6      fd00:31::1    -
port      8890 TCP UDP  8890 TCP UDP
pod b     refused       -
node n1   refused       a sees n1
outside   refused       -
`);
