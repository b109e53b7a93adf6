import type {Config} from '../config/config.ts';
import {configDocuments} from '../config/write.ts';
import type {Family} from '../net/address.ts';
import {jsonReply, type Reply, textReply} from '../observe/http.ts';
import {serveHttp} from '../observe/http-paths.ts';
import type {Logger} from '../observe/log.ts';
import type {Clock} from './clock.ts';
import type {Cluster} from './cluster.ts';
import type {LiveConfig} from './config-file.ts';
import type {Events} from './events.ts';
import {type Condition, healthzAnswer, liveAnswer, readyAnswer} from './health.ts';
import type {DaemonMetrics} from './metrics.ts';
import type {Shutdown} from './shutdown.ts';

type Parts = {
	readonly live: LiveConfig;
	readonly families: readonly Family[];
	readonly condition: Condition;
	readonly cluster: Pick<Cluster, 'nodeState'>;
	/** Absent where metrics are served nowhere. */
	readonly metrics: DaemonMetrics | undefined;
	/** Absent where no API server is read. */
	readonly events: Pick<Events, 'unbound'> | undefined;
	readonly log: Logger;
	readonly clock: Clock;
};

/** Serves health for probes and load balancers, and metrics for scrapes, until `shutdown.stop`. */
export function serveAnswers(parts: Parts, shutdown: Pick<Shutdown, 'stop' | 'end'>): void {
	serveHealth(parts, shutdown);
	serveMetrics(parts, shutdown);
}

function serveHealth(parts: Parts, shutdown: Pick<Shutdown, 'stop' | 'end'>): void {
	const {live, condition, cluster, families, metrics, events, log, clock} = parts;
	const {healthzBindAddress: bind, bindAddressHardFail} = live.current;
	if (bind === undefined) {
		return;
	}

	const facts = () => {
		const at = {now: clock.now(), wall: clock.wall()};
		return {condition, families, syncPeriodMs: live.current.syncPeriodMs, at};
	};
	const counted = (path: 'healthz' | 'livez', reply: Reply) => {
		metrics?.probed(path, reply);
		return reply;
	};
	serveHttp(
		{
			...{what: 'health', code: 'HEALTH_BIND', bind, clock},
			answers: {
				'/readyz': () => readyAnswer(condition),
				'/healthz': () => counted('healthz', healthzAnswer(facts(), isEligible(cluster, condition))),
				'/livez': () => counted('livez', liveAnswer(facts())),
			},
			refused: (error) => {
				log.error('nobody can ask for the health of the daemon', {error});
				events?.unbound('health', error);
				if (bindAddressHardFail) {
					shutdown.end('the health address is taken, and --bind-address-hard-fail is set', 1);
				}
			},
		},
		shutdown.stop,
	);
}

/** While the daemon starts, its Node may be among what is still to come. */
function isEligible({nodeState}: Pick<Cluster, 'nodeState'>, {awaiting}: Condition): boolean {
	return nodeState === 'stays' || (nodeState === 'unknown' && awaiting.length > 0);
}

function serveMetrics({live, metrics, events, log, clock}: Parts, shutdown: Pick<Shutdown, 'stop' | 'end'>): void {
	const {metricsBindAddress: bind, bindAddressHardFail} = live.current;
	if (bind === undefined || metrics === undefined) {
		return;
	}

	serveHttp(
		{
			...{what: 'metrics', code: 'METRICS_BIND', bind, clock},
			answers: {
				'/metrics': async () => await metrics.answer(),
				'/healthz': () => textReply(200, 'ok'),
				'/proxyMode': () => textReply(200, live.current.mode.mode),
				'/configz': () => jsonReply(200, configz(live.current)),
			},
			refused: (error) => {
				log.error('nobody can ask for metrics', {error});
				events?.unbound('metrics', error);
				if (bindAddressHardFail) {
					shutdown.end('the metrics address is taken, and --bind-address-hard-fail is set', 1);
				}
			},
		},
		shutdown.stop,
	);
}

/** As kube-proxy has it, by the group of its API; what is ours beside it. */
function configz(config: Config): Readonly<Record<string, unknown>> {
	const {KubeProxyConfiguration, FairleadConfiguration} = configDocuments(config, '');
	const inForce = {...KubeProxyConfiguration, mode: config.mode.mode}; // kube-proxy too names what it chose
	return {'kubeproxy.config.k8s.io': inForce, 'fairlead.io': FairleadConfiguration};
}
