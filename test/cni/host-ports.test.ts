import test from 'ava';
import {HostPorts} from '../../src/cni/host-ports.ts';
import type {HostPort} from '../../src/model/objects.ts';
import {parseAddress} from '../../src/net/address.ts';
import {buildAttachment} from '../support/attachments.ts';

function port(hostPort: number, hostIp?: string, protocol: HostPort['protocol'] = 'TCP'): HostPort {
	return {protocol, hostPort, containerPort: 80, ...(hostIp !== undefined && {hostIp: parseAddress(hostIp)})};
}

/** Pod shop/`name` with both families, unless the test says which. */
function pod(name: string, hostPorts: readonly HostPort[], ...addresses: readonly string[]) {
	const identity = {containerId: name, pod: {namespace: 'shop', name, uid: name}};
	return buildAttachment({...identity, hostPorts}, ...(addresses.length > 0 ? addresses : ['10.0.0.2', 'fd00::2']));
}

/** What the second pod is told when the first has its ports. */
function told(first: ReturnType<typeof pod>, second: ReturnType<typeof pod>): string {
	const ports = new HostPorts();
	ports.hold(first);
	try {
		ports.demand(second);
		return 'both';
	} catch (error) {
		return error instanceof Error ? error.message : '';
	}
}

test('a host port that a pod has is no other pod’s, who is told its name', (t) => {
	const ports = new HostPorts();
	ports.hold(pod('web-1', [port(8080)]));
	t.throws(() => ports.demand(pod('web-2', [port(9090), port(8080)])), {
		code: 'CNI_HOST_PORT',
		message: 'cannot give host port 8080/TCP: it is held by pod shop/web-1',
	});
	t.notThrows(() => ports.demand(pod('web-1', [port(8080)])), 'its own');
});

test('a container that is no pod is named by its id', (t) => {
	const container = {...pod('c9', [port(8080, '192.0.2.1')]), pod: undefined};
	const wanted = 'cannot give host port 192.0.2.1:8080/TCP: it is held by container c9';
	t.is(told(container, pod('b', [port(8080, '192.0.2.1')])), wanted);
});

test('one port serves two pods on two addresses, or by two protocols, or in two families', (t) => {
	t.is(told(pod('a', [port(80, '192.0.2.1')]), pod('b', [port(80, '192.0.2.2')])), 'both');
	t.is(told(pod('a', [port(53)]), pod('b', [port(53, undefined, 'UDP')])), 'both');
	t.is(told(pod('a', [port(80)], '10.0.0.2'), pod('b', [port(80)], 'fd00::2')), 'both');
	t.is(told(pod('a', [port(80)], '10.0.0.2'), pod('b', [port(80, 'fd00::9')])), 'both');
});

test('a port on every address collides with one on any of them', (t) => {
	t.regex(told(pod('a', [port(80)]), pod('b', [port(80, '192.0.2.2')])), /held by pod shop\/a/);
	t.regex(told(pod('a', [port(80, '192.0.2.2')]), pod('b', [port(80)])), /held by pod shop\/a/);
	t.regex(told(pod('a', [port(80, '0.0.0.0')]), pod('b', [port(80, '192.0.2.2')])), /held by pod shop\/a/);
	t.is(told(pod('a', [port(80, '0.0.0.0')]), pod('b', [port(80, 'fd00::9')])), 'both');
});

test('ports are free again when their pod is gone, and those of others stay', (t) => {
	const ports = new HostPorts();
	const [first, second] = [pod('a', [port(80, '192.0.2.1')]), pod('b', [port(80, '192.0.2.2')])];
	ports.hold(first);
	ports.hold(second);
	ports.release(first);
	t.notThrows(() => ports.demand(pod('c', [port(80, '192.0.2.1')])));
	t.throws(() => ports.demand(pod('c', [port(80)])), {message: /shop\/b/});
	ports.release(second);
	t.notThrows(() => ports.demand(pod('c', [port(80)])));
});
