import type {Setting} from './settings.ts';

const noSysctl = 'conntrack settings of the kernel are left as they are';

const conntrack = {group: 'Kernel', unused: noSysctl} as const;

/**
 * Settings that are read, checked and kept in the configuration, and that nothing uses yet. A row whose time has
 * come moves to `settings.ts` and loses its `unused`.
 *
 * Source: kube-proxy 1.36 options and pkg/proxy/apis/config/v1alpha1/defaults.go.
 */
export const keptRows = {
	conntrackMaxPerCore: {
		...conntrack,
		flag: 'conntrack-max-per-core',
		takes: 'number',
		describe: 'how many connections the kernel tracks for each core; 0 leaves it as it is',
		default: '32768',
		field: 'conntrack.maxPerCore',
	},
	conntrackMin: {
		...conntrack,
		flag: 'conntrack-min',
		takes: 'number',
		describe: 'how many connections the kernel tracks at least',
		default: '131072',
		field: 'conntrack.min',
	},
	conntrackTcpEstablishedTimeout: {
		...conntrack,
		flag: 'conntrack-tcp-timeout-established',
		takes: 'duration',
		describe: 'how long an idle TCP connection is tracked; 0 leaves it as it is',
		default: '24h',
		field: 'conntrack.tcpEstablishedTimeout',
	},
	conntrackTcpCloseWaitTimeout: {
		...conntrack,
		flag: 'conntrack-tcp-timeout-close-wait',
		takes: 'duration',
		describe: 'how long a half-closed TCP connection is tracked; 0 leaves it as it is',
		default: '1h',
		field: 'conntrack.tcpCloseWaitTimeout',
	},
	conntrackTcpBeLiberal: {
		...conntrack,
		flag: 'conntrack-tcp-be-liberal',
		describe: 'track TCP packets outside their window too',
		default: 'false',
		field: 'conntrack.tcpBeLiberal',
	},
	conntrackUdpTimeout: {
		...conntrack,
		flag: 'conntrack-udp-timeout',
		takes: 'duration',
		describe: 'how long an unanswered UDP flow is tracked; 0 leaves it as it is',
		default: '0s',
		field: 'conntrack.udpTimeout',
	},
	conntrackUdpStreamTimeout: {
		...conntrack,
		flag: 'conntrack-udp-timeout-stream',
		takes: 'duration',
		describe: 'how long an answered UDP flow is tracked; 0 leaves it as it is',
		default: '0s',
		field: 'conntrack.udpStreamTimeout',
	},
} as const satisfies Record<string, Setting>;
