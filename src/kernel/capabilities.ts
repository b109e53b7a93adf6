import {readFileSync} from 'node:fs';
import {NetError} from '../errors.ts';

/** CAP_*. Source: include/uapi/linux/capability.h */
const bits = {CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n} as const;

export type Capability = keyof typeof bits;

/**
 * What this process may do, in its own user namespace: that the network namespace belongs to it, only a try can say.
 *
 * @param status text of /proc/self/status
 * @throws NetError KERNEL_REFUSED when the text does not say
 * Source: proc_pid_status(5), CapEff
 */
export function readCapabilities(status: string = readFileSync('/proc/self/status', 'utf8')): ReadonlySet<Capability> {
	const [, hex] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
	if (hex === undefined) {
		throw new NetError('KERNEL_REFUSED', 'read the capabilities of this process in /proc/self/status');
	}

	const effective = BigInt(`0x${hex}`);
	const names = Object.keys(bits) as Capability[]; // the keys of a constant
	return new Set(names.filter((name) => ((effective >> bits[name]) & 1n) === 1n));
}
