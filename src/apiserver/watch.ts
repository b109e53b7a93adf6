import type {Change, Source} from '../model/change.ts';
import {Access} from './access.ts';
import {type Clock, systemClock, Turns} from './clock.ts';
import {watchedKinds} from './kinds.ts';
import type {ConfigOptions} from './kubeconfig.ts';
import {merge} from './merge.ts';
import {type ProblemListener, Problems} from './problems.ts';
import {Reflector} from './reflector.ts';
import {Requests} from './requests.ts';

export type ApiServerOptions = ConfigOptions & {
	/** This node's name, as its Node object has it. */
	readonly nodeName: string;
	readonly clock?: Clock;
};

/**
 * What the API server knows that decides where this node's packets go, as a stream of changes that follows it. It
 * outlives every failure of the API server and of what lies between; see this room's README for which does what.
 *
 * `synced` comes once Services, EndpointSlices, this Node and ServiceCIDRs were told, and once more when that was not
 * complete and the rest was mended.
 */
export async function* watchApiServer(
	options: ApiServerOptions,
	listener: ProblemListener,
	signal: AbortSignal,
): AsyncGenerator<readonly Change[]> {
	const {clock = systemClock} = options;
	const left = new AbortController();
	const access = new Access(options);
	const around = {
		requests: new Requests(access, clock),
		problems: new Problems(listener),
		warn: (warning: string) => listener.warn?.(warning),
		clock,
		turns: new Turns(clock),
	};
	const reflectors = watchedKinds(options.nodeName).map((kind) => new Reflector(kind, around));
	const end = AbortSignal.any([signal, left.signal]);
	let neededAt: number | undefined;
	let synced: (Change & {readonly verb: 'synced'}) | undefined;
	try {
		for await (const changes of merge(reflectors.map((reflector) => reflector.follow(end)))) {
			if (changes.length > 0) {
				yield changes;
			}

			neededAt ??= reflectors.some(({isAwaited}) => isAwaited) ? undefined : clock.now();
			const since = neededAt;
			const isSettled = since !== undefined && reflectors.every((reflector) => reflector.isSettled(since));
			const complete = reflectors.every(({isComplete}) => isComplete);
			if (isSettled && (synced === undefined || (complete && !synced.complete))) {
				synced = {verb: 'synced', source: 'apiserver', complete};
				yield [synced];
			}
		}
	} finally {
		left.abort();
		access.close();
	}
}

/** Holds the signature to the contract of sources. */
watchApiServer satisfies (options: ApiServerOptions, listener: ProblemListener, signal: AbortSignal) => Source;
