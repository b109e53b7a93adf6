import {readFileSync} from 'node:fs';
import type {Family} from '../net/address.ts';

/**
 * The IP families that this network namespace serves. IPv6 is missing where the kernel has none or every interface
 * is told to do without. Source: kube-proxy's platform check, which reads the same two files.
 */
export function servedFamilies(read: (path: string) => string | undefined = readProc): readonly Family[] {
	const present = read('/proc/net/if_inet6') !== undefined;
	const disabled = read('/proc/sys/net/ipv6/conf/all/disable_ipv6')?.trim() === '1';
	return present && !disabled ? ['IPv4', 'IPv6'] : ['IPv4'];
}

function readProc(path: string): string | undefined {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return undefined; // the kernel was built or started without IPv6
	}
}
