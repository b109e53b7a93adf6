import type {Happening, Regarded} from '../apiserver/event.ts';
import {EventRecorder} from '../apiserver/event-recorder.ts';
import type {Config} from '../config/config.ts';
import type {NotWhole} from '../control/status.ts';
import type {NetError} from '../errors.ts';
import type {Logger} from '../observe/log.ts';
import {printServicePort, printsPod} from '../plan/frontend.ts';
import {systemClock} from './clock.ts';
import type {Commit, Follower} from './follower.ts';
import {refusalName} from './health.ts';
import type {HealthCheckProblem} from './health-checks.ts';
import {apiServerOf} from './sources.ts';

/** More than the recorder keeps are not put together. */
const rowsMax = 2000;

/** kube-proxy's reasons, which alerts know. Source: kube-proxy 1.36, cmd/kube-proxy/app/server.go. */
const unboundReasons = {health: 'FailedToStartProxierHealthcheck', metrics: 'FailedToStartMetricServer'} as const;

/** What a daemon that reads the API server tells there, of itself and of what it cannot serve. */
export function openEvents(config: Config, version: string, log: Logger): Events | undefined {
	if (config.objects !== undefined) {
		return undefined;
	}

	const warn = (warning: string) => log.warn(warning);
	const recorder = new EventRecorder({...apiServerOf(config), clock: systemClock, warn});
	return new Events({nodeName: config.nodeName, version, mode: config.mode.mode, recorder});
}

type Parts = {
	readonly nodeName: string;
	readonly version: string;
	readonly mode: string;
	readonly recorder: Pick<EventRecorder, 'record' | 'run'>;
};

/**
 * Puts what people should know beside the object that it is about: this Node, or what cannot be served. Each problem
 * once, and again when it is another. All return at once and never throw.
 */
export class Events implements Follower {
	readonly #parts: Parts;
	/** What the kernel refused, with its words. */
	readonly #refused = new Map<string, string>();
	/** Addresses that could not be bound, which is tried every 5 s. */
	readonly #unbound = new Set<string>();

	constructor(parts: Parts) {
		this.#parts = parts;
	}

	/** Tells of the start, and sends all that is told until the signal. Never rejects. */
	async run(signal: AbortSignal): Promise<void> {
		const {version, mode, recorder} = this.#parts;
		const note = `Fairlead ${version} starts, mode ${mode}`;
		this.#tellOfNode({type: 'Normal', reason: 'Starting', action: 'StartFairlead', note});
		await recorder.run(signal);
	}

	/** Nobody can ask for health, or for metrics. */
	unbound(what: keyof typeof unboundReasons, {message}: NetError): void {
		if (!this.#unbound.has(message)) {
			this.#unbound.add(message);
			this.#tellOfNode({type: 'Warning', reason: unboundReasons[what], action: 'StartFairlead', note: message});
		}
	}

	/** Load balancers cannot ask for the health of a Service. Source of the reason: kube-proxy 1.36, service_health.go. */
	unanswered({service, error}: HealthCheckProblem): void {
		this.#tellOfService(service, 'FailedToStartServiceHealthcheck', 'Listen', error.message);
	}

	/**
	 * These are news. Every node finds the same, whatever order it finds it in. Not of pods: whether this node may read
	 * one, which an event needs, is not ours to ask for; the log and the status name them.
	 */
	notWhole(news: readonly NotWhole[]): void {
		const ofServices = news.filter(({service}) => !printsPod(service)).slice(0, rowsMax);
		for (const [name, rows] of Map.groupBy(ofServices, ({service}) => service.replace(/:.*/, ''))) {
			const lines = new Set(rows.map(({what, because}) => `${what}: ${because}`));
			this.#parts.recorder.record({
				...{regarding: parseService(name), type: 'Warning', reason: 'NotServedAsWritten', action: 'Serve'},
				...{note: [...lines].toSorted().join('; '), scope: 'cluster'},
			});
		}
	}

	/** A source has a problem; one with a single object is told of beside it. */
	troubled({code, message, details}: NetError): void {
		const regarding = code === 'OBJECT_INVALID' ? parseObjectName(details['object']) : undefined;
		if (regarding !== undefined) {
			const why = {type: 'Warning', reason: 'ObjectInvalid', action: 'Read', note: message, scope: 'cluster'} as const;
			this.#parts.recorder.record({regarding, ...why});
		}
	}

	/** Only a full sync tries everything that was refused again. */
	committed({outcome, change}: Pick<Commit, 'outcome' | 'change'>): void {
		const before = new Map(this.#refused);
		if (change === undefined) {
			this.#refused.clear();
		}

		for (const refusal of outcome.refused) {
			const {service, error} = refusal;
			const name = refusalName(refusal);
			this.#refused.set(name, error.message);
			if (before.get(name) !== error.message) {
				this.#tellOfRefusal(service && printServicePort({...service, port: ''}), `${error.message} (${error.code})`);
			}
		}
	}

	#tellOfRefusal(service: string | undefined, words: string): void {
		const [reason, action, note] = ['RefusedByKernel', 'Commit', `the kernel refused it: ${words}`] as const;
		if (service === undefined || printsPod(service)) {
			const about = service === undefined ? note : `${service}: ${note}`;
			this.#tellOfNode({type: 'Warning', reason, action, note: about});
		} else {
			this.#tellOfService(service, reason, action, note);
		}
	}

	#tellOfNode(what: Omit<Happening, 'regarding' | 'scope'>): void {
		const regarding = {kind: 'Node', namespace: '', name: this.#parts.nodeName} as const;
		this.#parts.recorder.record({regarding, ...what, scope: 'node'});
	}

	/** Of what is so on this node; kubectl does not show which node says it. */
	#tellOfService(service: string, reason: string, action: string, words: string): void {
		const note = `node ${this.#parts.nodeName}: ${words}`;
		this.#parts.recorder.record({
			regarding: parseService(service),
			type: 'Warning',
			reason,
			action,
			note,
			scope: 'node',
		});
	}
}

/** `shop/web` */
function parseService(name: string): Regarded {
	const [namespace = '', ...rest] = name.split('/');
	return {kind: 'Service', namespace, name: rest.join('/')};
}

/** `Service shop/web`, `Node n1`, as errors call objects; undefined for anything else. */
function parseObjectName(text: unknown): Regarded | undefined {
	const [word, name = ''] = String(text).split(' ', 2);
	const [last = '', namespace = ''] = name.split('/').toReversed();
	const kind = (['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'] as const).find((each) => each === word);
	return kind === undefined || last === '' ? undefined : {kind, namespace, name: last};
}
