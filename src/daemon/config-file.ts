import type {Config} from '../config/config.ts';
import {type Difference, differences, printDifference} from '../config/difference.ts';
import {NetError} from '../errors.ts';
import {type TextReading, watchText} from '../files/text.ts';
import type {Logger} from '../observe/log.ts';
import {asNetError} from './bug.ts';
import type {Clock} from './clock.ts';

/** The file of `--config`. */
export type ConfigFile = {
	readonly path: string;
	/** What it said at the start. */
	readonly text: string;
	/** The configuration that it makes with this text. @throws NetError CONFIG_INVALID */
	readonly resolve: (text: string) => Config;
};

/**
 * The configuration in force. {@link followConfigFile} alone writes it; what can change its ways while it runs reads
 * it at each use.
 */
export type LiveConfig = {current: Config};

type FollowParts = {
	readonly log: Logger;
	readonly clock: Clock;
	/** Ends the daemon in good order, because of this. */
	readonly restart: (reason: string) => void;
	/** Called when another configuration has come into force. */
	readonly changed: (before: Config, after: Config) => unknown;
	readonly settleMs?: number;
};

/**
 * Keeps the configuration equal to its file until the signal: settings that the daemon can follow are followed at
 * once, any other one ends it. A file that is wrong or gone changes nothing and is told. Never rejects.
 */
export async function followConfigFile(
	file: ConfigFile,
	live: LiveConfig,
	parts: FollowParts,
	signal: AbortSignal,
): Promise<void> {
	const {log, settleMs} = parts;
	const options = {
		before: file.text,
		clock: parts.clock,
		report: (error: NetError) => log.error('the configuration file is not watched', {error}),
		resolved: (error: NetError) => log.info('the configuration file is watched again', {problem: error.message}),
		...(settleMs !== undefined && {settleMs}),
	};
	try {
		for await (const reading of watchText(file.path, options, signal)) {
			take(file, reading, live, parts);
		}
	} catch (caught) {
		const error = asNetError(caught, 'follow the configuration file');
		log.error('the configuration file is not followed any more; what it said stays in force', {error});
	}
}

function take(file: ConfigFile, reading: TextReading, live: LiveConfig, {log, restart, changed}: FollowParts): void {
	const config = resolveReading(file, reading, log);
	if (config === undefined) {
		return;
	}

	const found = differences(live.current, config);
	const [first] = found.filter((difference) => !difference.live);
	if (first !== undefined) {
		restart(`the configuration file has changed: ${found.map(printDifference).join(', ')}`);
		return;
	}

	const before = live.current;
	tellWarnings(log, before, config);
	live.current = config;
	log.info(found.length === 0 ? 'the configuration file says the same as before' : 'the configuration has changed', {
		changes: found.map(asField),
	});
	changed(before, config);
}

/** Undefined, and said, when the file makes no configuration. */
function resolveReading(file: ConfigFile, reading: TextReading, log: Logger): Config | undefined {
	try {
		if ('cause' in reading) {
			const {path} = file;
			throw new NetError(
				'CONFIG_UNREADABLE',
				`read the configuration file ${JSON.stringify(path)}`,
				{path},
				reading.cause,
			);
		}

		return file.resolve(reading.text);
	} catch (caught) {
		const error = asNetError(caught, 'take the configuration file');
		log.error('the configuration file is wrong; what it said before stays in force', {error});
		return undefined;
	}
}

function tellWarnings(log: Logger, before: Config, after: Config): void {
	for (const warning of after.warnings.filter((each) => !before.warnings.includes(each))) {
		log.warn(warning);
	}
}

function asField({field, from, to}: Difference) {
	return {field, from, to};
}
