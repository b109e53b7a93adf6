import type {Config} from '../config/config.ts';
import type {NetError} from '../errors.ts';
import {watchFiles} from '../files/watch.ts';
import {watchNodeAddresses} from '../node/addresses.ts';
import type {Logger} from '../observe/log.ts';
import type {Freshness} from './freshness.ts';
import type {SourceDoor} from './source-runner.ts';

/** Everything that tells this daemon of its cluster and its node. */
export function sourceDoors(config: Config, freshness: Freshness, log: Logger): readonly SourceDoor[] {
	const listener = {
		report: (error: NetError) => {
			freshness.troubled('files', error);
			log.error('an object file has a problem; what it said before stays in force', {error});
		},
		resolved: (error: NetError) => {
			freshness.mended('files', error);
			log.info('a problem of an object file is mended', {problem: error.message});
		},
		warn: (warning: string, file: string) => log.warn(warning, {file}),
	};
	return [
		{name: 'files', open: (signal) => watchFiles(config.objects, listener, signal)},
		{name: 'nodeAddresses', open: (signal) => watchNodeAddresses({log}, signal)},
	];
}
