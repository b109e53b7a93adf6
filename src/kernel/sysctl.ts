import {closeSync, constants, openSync, readFileSync, writeSync} from 'node:fs';
import {systemCall} from './native.ts';

/** Where the kernel's settings are files, of this network namespace as far as they belong to one. */
const procSys = '/proc/sys';

/** The file of a setting that sysctl(8) calls `net.netfilter.nf_conntrack_max`. */
export function sysctlFile(name: string, root = procSys): string {
	return `${root}/${name.replaceAll('.', '/')}`;
}

/** The text of a setting; undefined where it may not be read, or is not there: a module that is not loaded. */
export function readSysctl(name: string, root = procSys): string | undefined {
	try {
		return readFileSync(sysctlFile(name, root), 'utf8').trim();
	} catch {
		return undefined;
	}
}

/** @throws NetError KERNEL_DENIED, KERNEL_REFUSED; `details.errno` is EROFS where /proc/sys is mounted for reading only */
export function writeSysctl(name: string, text: string, root = procSys): void {
	const file = sysctlFile(name, root);
	systemCall(`write ${file}`, () => {
		const descriptor = openSync(file, constants.O_WRONLY | constants.O_TRUNC); // O_CREAT would hide that there is none
		try {
			writeSync(descriptor, text);
		} finally {
			closeSync(descriptor);
		}
	});
}
