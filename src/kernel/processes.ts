import {readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {basename} from 'node:path';

/** A process, as far as others may see it. */
export type Owner = {readonly pid: number; readonly name: string};

/**
 * Processes that run the program of this name in this network namespace, as far as they can be seen: a process of
 * another user may be in any, and counts; in a process namespace of its own (a Pod) nobody sees those of others.
 */
export function processesOf(program: string): readonly Owner[] {
	const here = namespaceOf('self');
	return readdirSync('/proc')
		.filter((entry) => /^\d+$/.test(entry) && programOf(entry) === program)
		.filter((pid) => [here, undefined].includes(namespaceOf(pid)))
		.map((pid) => ({pid: Number(pid), name: program}));
}

/** As it was called: the kernel's own name for a process is that of a thread, which some programs change. */
export function programOf(pid: string): string {
	const [program = ''] = read(`/proc/${pid}/cmdline`).split('\0');
	return basename(program) || read(`/proc/${pid}/comm`).trim();
}

function namespaceOf(pid: string): string | undefined {
	try {
		return readlinkSync(`/proc/${pid}/ns/net`);
	} catch {
		return undefined;
	}
}

/** Empty when it is not there: a process may end at any moment. */
function read(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		return '';
	}
}
