import {watchApiServer} from '../apiserver/watch.ts';
import type {Config} from '../config/config.ts';
import type {NetError} from '../errors.ts';
import {watchFiles} from '../files/watch.ts';
import {watchNodeAddresses} from '../node/addresses.ts';
import type {Logger} from '../observe/log.ts';
import type {Freshness} from './freshness.ts';
import type {SourceDoor} from './source-runner.ts';

/** Everything that tells this daemon of its cluster and its node. */
export function sourceDoors(config: Config, freshness: Freshness, log: Logger): readonly SourceDoor[] {
	return [
		clusterDoor(config, freshness, log),
		{name: 'nodeAddresses', open: (signal) => watchNodeAddresses({log}, signal)},
	];
}

/** The directory of objects where one is named, else the API server. */
function clusterDoor(config: Config, freshness: Freshness, log: Logger): SourceDoor {
	const {objects} = config;
	return objects === undefined
		? {
				name: 'apiserver',
				open: (signal) => watchApiServer(apiServerOf(config), listen('apiserver', freshness, log), signal),
			}
		: {name: 'files', open: (signal) => watchFiles(objects, listen('files', freshness, log), signal)};
}

/** How the API server is reached, as which node. */
export function apiServerOf({nodeName, kubeconfig, master}: Config) {
	return {nodeName, kubeconfig, server: master};
}

const words = {
	files: 'an object file has a problem',
	apiserver: 'the API server, or an object of it, has a problem',
} as const;

/** Puts what is wrong with a source's objects, and what holds it up, into its status and the log. */
function listen(name: keyof typeof words, freshness: Freshness, log: Logger) {
	return {
		report: (error: NetError) => {
			freshness.troubled(name, error);
			log.error(`${words[name]}; what it said before stays in force`, {error});
		},
		resolved: (error: NetError) => {
			freshness.mended(name, error);
			log.info('a problem is mended', {problem: error.message, source: name});
		},
		warn: (warning: string, file?: string) => log.warn(warning, {source: name, ...(file !== undefined && {file})}),
	};
}
