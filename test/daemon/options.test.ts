import test from 'ava';
import {resolveConfig} from '../../src/config/config.ts';
import {planOptions} from '../../src/daemon/options.ts';

const options = (flags: Readonly<Record<string, string>>) =>
	planOptions(
		resolveConfig({flags: new Map(Object.entries({objects: '/o', ...flags})), environment: {}, hostname: 'here'}),
		['IPv4'],
	);

test('each way to tell a pod of this node reaches the planner', (t) => {
	t.deepEqual(options({}).detector, {kind: 'none'});
	t.is(options({'cluster-cidr': '10.0.0.0/8'}).detector.kind, 'clusterCidr');
	t.deepEqual(options({'detect-local-mode': 'NodeCIDR'}).detector, {kind: 'nodeCidr'});
	const bridge = options({'detect-local-mode': 'BridgeInterface', 'pod-bridge-interface': 'cni0'});
	t.deepEqual(bridge.detector, {kind: 'bridgeInterface', name: 'cni0'});
	const prefix = options({'detect-local-mode': 'InterfaceNamePrefix', 'pod-interface-name-prefix': 'veth'});
	t.deepEqual(prefix.detector, {kind: 'interfaceNamePrefix', prefix: 'veth'});
});

test('the bind address stands in for the node address unless it is unspecified', (t) => {
	t.deepEqual([...options({'bind-address': '192.0.2.7'}).nodeIps], ['192.0.2.7']);
	t.deepEqual(options({'bind-address': '::'}).nodeIps, []);
	t.deepEqual(options({}).nodeIps, []);
});
