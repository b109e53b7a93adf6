import {isatty} from 'node:tty';
import {type DestinationStream, pino, stdTimeFunctions} from 'pino';
import {describeError} from './error-fields.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Facts beside the message. `error` may hold anything that was caught; it is printed with code, hint and causes. */
type LogFields = Readonly<Record<string, unknown>>;

type Write = (message: string, fields?: LogFields) => void;

/** A log: one short sentence a line in `message`, what a program would look for in `fields`. */
export type Logger = Readonly<Record<LogLevel, Write>> & {
	/** The same log, each of its lines with these fields too. */
	readonly with: (fields: LogFields) => Logger;
};

type LogOptions = {
	/** Lines less urgent than this are left out; `info` when absent. A function is asked at each line. */
	readonly level?: LogLevel | (() => LogLevel);
	/** File descriptor; standard error (2) when absent, so that standard output is free for a command's result. */
	readonly fd?: number;
	/** Colours and one line of text instead of JSON; when absent, whether `fd` is a terminal. */
	readonly pretty?: boolean;
};

/**
 * A log that has written a line when the call returns, so that nothing is lost when the process is killed. A
 * destination that breaks (a closed pipe) loses lines and never stops the process.
 */
export async function openLog({level = 'info', fd = 2, pretty = isatty(fd)}: LogOptions = {}): Promise<Logger> {
	const lines = pino.destination({fd, sync: true});
	lines.on('error', () => undefined); // EPIPE: whoever read the log is gone, and there is nowhere to say so
	return logTo(pretty ? await prettyLines(lines) : lines, level);
}

/** A log that writes each line as JSON to `destination`. */
export function logTo(destination: DestinationStream, level: LogLevel | (() => LogLevel)): Logger {
	return fromPino(
		pino(
			{
				level: 'trace', // what is left out is decided here, so that it can change while children live
				base: null, // one process a container: pid and host name say nothing
				timestamp: stdTimeFunctions.isoTime,
				formatters: {level: (label) => ({level: label})},
				serializers: {error: describeError},
			},
			destination,
		),
		typeof level === 'string' ? () => level : level,
	);
}

/** A log that says nothing. */
export const silentLog: Logger = {
	error: () => undefined,
	warn: () => undefined,
	info: () => undefined,
	debug: () => undefined,
	trace: () => undefined,
	with: () => silentLog,
};

const byUrgency: readonly LogLevel[] = ['error', 'warn', 'info', 'debug', 'trace'];

function fromPino(log: pino.Logger, threshold: () => LogLevel): Logger {
	const write =
		(level: LogLevel): Write =>
		(message, fields = {}) => {
			if (byUrgency.indexOf(level) <= byUrgency.indexOf(threshold())) {
				log[level](fields, message);
			}
		};
	return {
		error: write('error'),
		warn: write('warn'),
		info: write('info'),
		debug: write('debug'),
		trace: write('trace'),
		with: (fields) => fromPino(log.child(fields), threshold),
	};
}

/** Loaded only for a terminal: it takes 35 ms and 2 MB. */
async function prettyLines(destination: DestinationStream): Promise<DestinationStream> {
	const {prettyFactory} = await import('pino-pretty');
	const print = prettyFactory({
		colorize: true,
		singleLine: true,
		translateTime: 'SYS:HH:MM:ss.l',
		errorLikeObjectKeys: [],
	});
	return {write: (line: string) => destination.write(print(line))};
}
