import {type Config, resolveConfig} from '../../src/config/config.ts';
import {parseConfigFile} from '../../src/config/file.ts';
import {type ConfigProblem, printProblem} from '../../src/config/problem.ts';
import type {ConfigSources} from '../../src/config/setting-reader.ts';
import {NetError} from '../../src/errors.ts';

/** What somebody says, by the names of flags or of variables. */
export type Said = Readonly<Record<string, string>>;

export type Sources = {readonly flags?: Said; readonly environment?: Said; readonly file?: string};

function sources({flags = {}, environment = {}, file}: Sources): ConfigSources {
	return {
		flags: new Map(Object.entries({objects: '/objects', ...flags})),
		environment,
		file: file === undefined ? undefined : parseConfigFile('/etc/config.yaml', file),
		hostname: 'Worker-1',
	};
}

/** The configuration that these make on host `Worker-1`, with `--objects /objects`. */
export function configFrom(said: Sources): Config {
	return resolveConfig(sources(said));
}

/** What is wrong, one line a setting. */
export function problemsOf(said: Sources): string[] {
	try {
		resolveConfig(sources(said));
		return [];
	} catch (error) {
		if (!(error instanceof NetError)) {
			throw error;
		}

		const {problems} = error.details as {readonly problems?: readonly ConfigProblem[]};
		return problems?.map(printProblem) ?? [error.message];
	}
}

/** A KubeProxyConfiguration with these lines. */
export function kubeProxyFile(...lines: readonly string[]): string {
	return ['apiVersion: kubeproxy.config.k8s.io/v1alpha1', 'kind: KubeProxyConfiguration', ...lines, ''].join('\n');
}

/** A FairleadConfiguration with these lines. */
export function fairleadFile(...lines: readonly string[]): string {
	return ['apiVersion: fairlead.io/v1alpha1', 'kind: FairleadConfiguration', ...lines, ''].join('\n');
}
