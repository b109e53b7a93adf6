/**
 * Every error code that Fairlead can show, with what the reader should do next. Codes are stable across
 * releases and listed in the README; a test holds the two lists equal. Keep the rooms' groups in order.
 */
const hints = {
	// net
	NET_INVALID: 'Write an IPv4 or IPv6 address, a prefix such as 10.0.0.0/8, or a port between 1 and 65535.',
	// wire
	WIRE_TRUNCATED: 'The kernel sent fewer bytes than its header claims. Report it with the details of this error.',
	WIRE_TOO_LONG: 'One netlink attribute holds at most 65,531 bytes. Send the set elements in several messages.',
	WIRE_INVALID: 'The bytes are not what this kernel interface promises. Report it with the details and `uname -r`.',
	// observe
	HEALTH_BIND:
		'`ss -ltnp` shows who listens there; stop it, or choose another --healthz-bind-address. It is tried again every 5 s.',
	METRICS_BIND:
		'`ss -ltnp` shows who listens there; stop it, or choose another --metrics-bind-address. It is tried again every 5 s.',
	// kernel
	KERNEL_ADDON:
		'Build the native addon with `npm run build`; it needs a C compiler (Debian, Ubuntu: apt-get install gcc libc6-dev).',
	KERNEL_DENIED:
		'Run as root, or with CAP_NET_ADMIN (addresses, rules) and CAP_SYS_ADMIN (entering namespaces) in this network namespace.',
	KERNEL_REFUSED: 'The details name the system call and its errno; `man 2 <syscall>` lists what it can mean.',
	NETLINK_REFUSED: 'The details name the errno; `man 7 netlink` and the kernel log (`dmesg`) may say more.',
	NETLINK_CHANGING:
		'Another process changes this table without pause. `nft monitor` or `ip monitor` shows which; Fairlead tries again.',
	NETLINK_LOST:
		'The kernel had no room for its answer. Fairlead reads the state anew; if it repeats, raise net.core.rmem_max.',
	CONNTRACK_MISSING:
		'Load the module that lets programs read connection tracking: `modprobe nf_conntrack_netlink`. Fairlead tries again.',
	NFT_REFUSED:
		'The kernel took nothing of the transaction. The details name the errno, and the operation where there is one.',
	NFT_STALE: 'Another process changed the ruleset first. Fairlead reads it anew; `nft monitor` shows who it is.',
	NFT_TOO_LONG: 'Raise net.core.wmem_max: without CAP_NET_ADMIN on the host it bounds what one transaction can hold.',
	NETNS_MISSING:
		'The namespace is gone, or was never mounted there. `ip netns list` and `lsns -t net` show what exists.',
	EXEC_MISSING: 'Install the tool, or put it in a directory of PATH; /usr/sbin and /sbin are searched too.',
	SYSCTL_MISSING:
		'The kernel has no connection tracking, or this process may not load it. As root on the host: `modprobe nf_conntrack`, then `fairlead init`.',
	SYSCTL_REFUSED:
		"Run `fairlead init` with the daemon's flags as root in the host's network namespace (in a Pod: a privileged init container), or set it with sysctl. The flag's 0 leaves it as it is.",
	EXEC_FAILED: 'The details hold the exit code and what the tool wrote to stderr.',
	// config
	CONFIG_INVALID:
		'Run `fairlead run --help` for what a flag takes; src/config/README.md lists the fields of the file. A daemon that runs keeps what it had.',
	CONFIG_UNREADABLE: 'Check the path of --config and its permissions. A daemon that runs keeps what it had.',
	CONFIG_UNWRITABLE: 'Name a file in a folder that this user may write.',
	// model
	OBJECT_INVALID:
		'Compare the field with the Kubernetes API reference, or with `kubectl get -o yaml` of an object that works.',
	// files
	FILE_UNREADABLE:
		'What was read from it before stays in force. Check the path and its permissions; it is read again when it changes.',
	FILE_UNWATCHED:
		'Changes there go unnoticed. Raise fs.inotify.max_user_watches or max_user_instances with sysctl, or close other watchers.',
	FILE_INVALID:
		'The last good version stays in force. Mend the file at the line named; to delete its objects, delete the file.',
	FILE_DUPLICATE: 'Keep the object in one of the two places; the one that was read first stays in force until then.',
	// apiserver
	API_CONFIG:
		'Name a kubeconfig that works with `kubectl --kubeconfig`, or run as a Pod with a service account token mounted.',
	API_UNREACHABLE:
		'What was told before stays in force, and it is tried again. `curl -k SERVER/livez` from this node shows whether it is reached.',
	API_REFUSED:
		'What was told before stays in force, and it is tried again. For 401 look at the token, for 403 at the ClusterRole, else at the API server.',
	API_INVALID:
		'What it was about stays as it was. Something between this node and the API server may change or cut what it says.',
	// dataplane
	NFT_UNKNOWN:
		'The table holds something that Fairlead did not write. `nft list table ip fairlead` shows it; a sync removes it.',
	// cni
	CNI_VERSION:
		'Set `cniVersion` of the network configuration to 0.3.1, 0.4.0, 1.0.0 or 1.1.0; CHECK needs 0.4.0, GC and STATUS 1.1.0.',
	CNI_ENVIRONMENT:
		'The container runtime sets these variables; the CNI specification, section 2, says what each holds.',
	CNI_DECODE: 'The network configuration comes on stdin as one JSON object. Check the files of /etc/cni/net.d.',
	CNI_CONFIG:
		'Mend the field of the network configuration in /etc/cni/net.d; src/cni/README.md lists what it may hold.',
	CNI_NETNS: 'The container ended meanwhile, or its runtime named another path. `lsns -t net` shows what exists.',
	CNI_BUSY: 'The runtime asks again. If it goes on, `fairlead status` and the log of the daemon say what it waits for.',
	CNI_NOT_READY: '`fairlead status` says what is awaited; without podCIDRs of this Node no pod can get an address.',
	CNI_LIMITED: '`fairlead status` says what is not in force; pods that run may be without Services meanwhile.',
	CNI_FULL: '`fairlead ipam list` shows who holds the addresses; a Node with more or wider podCIDRs has more.',
	CNI_ADDRESS: 'Ask for an address of this node that is free; `fairlead ipam list` shows who holds which.',
	CNI_HOST_PORT: 'Two pods of one node cannot have the same host port, protocol and address. Remove or change one.',
	CNI_INTERFACE: 'Another plugin, or an earlier call, made it. Remove it, or give this network another interface name.',
	CNI_ATTACHED: 'The runtime has to call DEL before it calls ADD again for the same container and interface.',
	CNI_CHECK: 'Something changed the pod’s network since it was attached. Deleting the pod has it made anew.',
	CNI_KERNEL: 'The details hold the errno and the kernel’s own words; `dmesg` may say more.',
	CNI_JOURNAL: 'Make room in the state directory, or mend its permissions; until then no pod can be attached.',
	CNI_INSTALL: 'Check that the folder exists and can be written; in a Pod, that it is mounted from the host.',
	// control
	CONTROL_NO_DAEMON:
		'Start it with `fairlead run`, or name the --state-dir that it was started with; `ss -lxp | grep @fairlead` shows whether one runs.',
	CONTROL_DENIED: 'Run as root, or as the user that runs the daemon.',
	CONTROL_VERSION:
		'The daemon and this program are of different versions. Start the daemon anew, or use its own program.',
	CONTROL_INVALID: 'What came through the control socket is not its language; see src/control/README.md for what is.',
	CONTROL_TOO_LONG: 'A request holds at most 1 MiB, an answer 64 MiB.',
	CONTROL_BUSY: 'The daemon has as many requests in hand as it takes at once. Ask again in a moment.',
	CONTROL_TIMEOUT: 'The daemon did not answer in time: it may be stopped or starved. Look at its log and its CPU time.',
	CONTROL_CLOSED: 'The daemon ended, or closed the connection. Ask again.',
	CONTROL_FAILED: 'The daemon could not do it; the details are its own.',
	CONTROL_PATH: 'The path of a unix socket holds at most 107 bytes. Choose a shorter --state-dir.',
	CONTROL_SOCKET:
		'Nobody can ask this daemon meanwhile; all else goes on. Give each daemon a --state-dir of its own. It is tried again by itself.',
	// daemon
	DAEMON_RUNNING:
		'One daemon serves a network namespace. Stop the other one first; `ss -lxp | grep @fairlead` shows its process.',
	DAEMON_STATE_DIR: 'Name a folder that this user may create and write, with --state-dir.',
	DAEMON_SOURCE: 'The source is opened again by itself. What it told before stays in force.',
	HEALTH_CHECK_BIND:
		'Load balancers take this node for dead. `ss -ltnp` shows who listens there; stop it. It is tried again by itself.',
	DAEMON_BUG: 'This is a bug of Fairlead. What is in the kernel stays in force; report it with the log.',
	KUBE_PROXY_RUNNING:
		'It would write its rules again. Take kube-proxy off this node first (manifests/MIGRATION.md), or, where it is none, use --force.',
	KUBE_PROXY_NEEDED:
		'Services may rest on these rules. `fairlead status` says what is missing; wait for exit code 0, or use --force and lose it.',
	// cli
	CLI_USAGE: 'Run `fairlead --help`, or `fairlead <command> --help`, for what there is.',
} as const;

export type ErrorCode = keyof typeof hints;

/** Every code with its hint, for the test that compares them with the README. */
export const errorHints: Readonly<Record<ErrorCode, string>> = hints;

/** What failed, where, and what to do: `code` is stable across releases, `message` is not. */
export class NetError extends Error {
	override readonly name = 'NetError';
	readonly code: ErrorCode;
	readonly hint: string;
	/** The facts behind the message, for logs and programs: errno, operation, file, field. */
	readonly details: Readonly<Record<string, unknown>>;

	/** @param message what could not be done, without "cannot": `new NetError('NET_INVALID', 'parse address "x"')` */
	constructor(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
		super(`cannot ${message}`, cause === undefined ? undefined : {cause});
		this.code = code;
		this.hint = hints[code];
		this.details = details;
	}
}
