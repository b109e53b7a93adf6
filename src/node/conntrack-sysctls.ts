/** What the operator wants of connection tracking; 0 and false leave the kernel's value as it is. */
export type ConntrackWishes = {
	/** Room for so many connections for each CPU; with 0 `min` counts for nothing either. */
	readonly maxPerCore: number;
	readonly min: number;
	readonly tcpEstablishedTimeoutMs: number;
	readonly tcpCloseWaitTimeoutMs: number;
	readonly tcpBeLiberal: boolean;
	readonly udpTimeoutMs: number;
	readonly udpStreamTimeoutMs: number;
};

export type WantedSysctl = {
	/** As sysctl(8) has it: `net.netfilter.nf_conntrack_max`. */
	readonly name: string;
	readonly value: number;
	/** Whether more is right too: room that somebody else made is not taken away. */
	readonly orMore: boolean;
};

/** What `maxPerCore` makes on however many CPUs. Source: kube-proxy 1.36, pkg/proxy/conntrack/sysctls.go, maxLimit. */
const scaledMost = 1_048_576;

/** Connections for each slot of the hash table that they are found by. Source: as above, SetMax. */
const connectionsPerBucket = 4;

/**
 * The settings of the kernel that fulfil the wishes on a machine with so many CPUs, in the order in which they are
 * made: room first. Source: kube-proxy 1.36, pkg/proxy/conntrack/sysctls.go; kernel,
 * Documentation/networking/nf_conntrack-sysctl.rst.
 */
export function wantedConntrackSysctls(wishes: ConntrackWishes, cpus: number): readonly WantedSysctl[] {
	const {maxPerCore, min} = wishes;
	const max = maxPerCore === 0 ? 0 : Math.max(min, Math.min(maxPerCore * cpus, scaledMost));
	const wanted = [
		{name: 'max', value: max, orMore: true},
		{name: 'buckets', value: Math.floor(max / connectionsPerBucket), orMore: true},
		{name: 'tcp_timeout_established', value: seconds(wishes.tcpEstablishedTimeoutMs), orMore: false},
		{name: 'tcp_timeout_close_wait', value: seconds(wishes.tcpCloseWaitTimeoutMs), orMore: false},
		{name: 'tcp_be_liberal', value: Number(wishes.tcpBeLiberal), orMore: false},
		{name: 'udp_timeout', value: seconds(wishes.udpTimeoutMs), orMore: false},
		{name: 'udp_timeout_stream', value: seconds(wishes.udpStreamTimeoutMs), orMore: false},
	];
	return wanted
		.filter(({value}) => value > 0)
		.map(({name, ...rest}) => ({name: `net.netfilter.nf_conntrack_${name}`, ...rest}));
}

/** Whole seconds, as the kernel counts here; at least one where anything is wanted, because 0 forgets a flow at once. */
function seconds(ms: number): number {
	return ms === 0 ? 0 : Math.max(1, Math.floor(ms / 1000));
}

/** Whether nothing is to be written. @param found undefined where there is no such setting */
export function isAsWanted({value, orMore}: WantedSysctl, found: number | undefined): boolean {
	const isMore = found !== undefined && (found === 0 || found > value); // a maximum of 0 is none
	return found === value || (orMore && isMore);
}

/** `131072 or more`. */
export function printWanted({value, orMore}: WantedSysctl): string {
	return orMore ? `${value} or more` : String(value);
}
