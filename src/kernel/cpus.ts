import {readFileSync} from 'node:fs';
import {availableParallelism} from 'node:os';

const onlineFile = '/sys/devices/system/cpu/online';

/**
 * How many CPUs the machine has switched on, whatever part of them this process may use.
 *
 * @param text of /sys/devices/system/cpu/online, such as `0-3,6`; undefined where there is none, and those of this
 * process count
 * Source: Documentation/admin-guide/cputopology.rst
 */
export function countCpus(text = readOnline()): number {
	const ranges = [...(text ?? '').matchAll(/(\d+)(?:-(\d+))?/g)];
	const count = ranges.reduce((sum, [, first = '0', last = first]) => sum + Number(last) - Number(first) + 1, 0);
	return count > 0 ? count : availableParallelism();
}

function readOnline(): string | undefined {
	try {
		return readFileSync(onlineFile, 'utf8');
	} catch {
		return undefined;
	}
}
