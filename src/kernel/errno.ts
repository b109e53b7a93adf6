import {constants} from 'node:os';

/** Numbers that only the kernel's own interfaces return, so that libc does not tell their names. */
const kernelOnly: readonly (readonly [string, number])[] = [
	['ERESTART', 85], // include/uapi/asm-generic/errno.h: nf_tables was changed meanwhile
	['ENOTSUPP', 524], // include/linux/errno.h
];

/** Of two names for one number the first counts, so EAGAIN, not EWOULDBLOCK. */
const names = new Map(
	[...kernelOnly, ...Object.entries(constants.errno)].toReversed().map(([name, errno]) => [errno, name]),
);

/** The name of a positive errno, as `EPERM`; `E123` for one that has none. */
export function errnoName(errno: number): string {
	return names.get(errno) ?? `E${errno}`;
}
