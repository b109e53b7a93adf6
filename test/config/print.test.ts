import test from 'ava';
import {resolveConfig} from '../../src/config/config.ts';
import {printConfig} from '../../src/config/print.ts';

test('the configuration in force is printed in the fields of KubeProxyConfiguration, what is ours apart', (t) => {
	const flags = {objects: '/objects', 'hostname-override': 'here', 'cluster-cidr': '10.0.0.0/8,fd00::/48'};
	const more = {'nodeport-addresses': 'primary,192.0.2.0/24', 'metrics-bind-address': '[::1]:10249', v: '4'};
	const config = resolveConfig({flags: new Map(Object.entries({...flags, ...more})), environment: {}, hostname: 'x'});
	t.deepEqual(printConfig(config), {
		'kubeproxy.config.k8s.io': {
			hostnameOverride: 'here',
			bindAddress: '0.0.0.0',
			nodePortAddresses: ['primary', '192.0.2.0/24'],
			clusterCIDR: '10.0.0.0/8,fd00::/48',
			detectLocalMode: 'ClusterCIDR',
			detectLocal: {bridgeInterface: '', interfaceNamePrefix: ''},
			nftables: {masqueradeAll: false, syncPeriod: '30s', minSyncPeriod: '0s'},
			mode: 'nftables',
			healthzBindAddress: '0.0.0.0:10256',
			metricsBindAddress: '[::1]:10249',
			bindAddressHardFail: false,
			logging: {verbosity: 4},
		},
		fairlead: {objects: '/objects', 'state-dir': '/run/fairlead'},
	});
});
