/** Transport protocol, as Kubernetes spells it. Source: k8s.io/api/core/v1 Protocol. */
export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/** IPPROTO_* of each protocol. Source: include/uapi/linux/in.h */
export const protocolNumbers: Readonly<Record<Protocol, number>> = {TCP: 6, UDP: 17, SCTP: 132};

/** Whether `value` is an integer between 1 and 65535: port 0 is a wildcard to the kernel, never a destination. */
export function isPort(value: unknown): value is number {
	return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535;
}

/** `address:port`, with brackets around an IPv6 address (RFC 3986, section 3.2.2). */
export function printSocketAddress(address: string, port: number): string {
	return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
