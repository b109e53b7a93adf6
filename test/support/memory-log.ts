import {type Logger, logTo} from '../../src/observe/log.ts';

/** A log whose lines, as JSON, a test can read. */
export function memoryLog(): {readonly log: Logger; readonly lines: readonly string[]} {
	const lines: string[] = [];
	return {log: logTo({write: (line: string) => lines.push(line)}, 'trace'), lines};
}
