import {closeSync, constants, existsSync, openSync, readdirSync, readFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
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
	writeFile(sysctlFile(name, root), text);
}

/**
 * Changes a setting of interfaces, such as `accept_ra` in `net/ipv6/conf`, where it is `from`.
 *
 * @throws NetError as {@link writeSysctl}
 */
export function changeInEach(
	folder: string,
	setting: string,
	[from, to]: readonly [string, string],
	root = procSys,
): void {
	for (const name of readdirSync(join(root, folder))) {
		const file = join(root, folder, name, setting); // a name may have dots
		if (existsSync(file) && readFileSync(file, 'utf8').trim() === from) {
			writeFile(file, to);
		}
	}
}

function writeFile(file: string, text: string): void {
	systemCall(`write ${file}`, () => {
		const descriptor = openSync(file, constants.O_WRONLY | constants.O_TRUNC); // O_CREAT would hide that there is none
		try {
			writeSync(descriptor, text);
		} finally {
			closeSync(descriptor);
		}
	});
}
