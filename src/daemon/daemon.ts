import type {Config} from '../config/config.ts';
import {controlPath} from '../control/socket-file.ts';
import type {Dataplane} from '../dataplane/dataplane.ts';
import {Conntrack} from '../kernel/conntrack.ts';
import type {Family} from '../net/address.ts';
import {printPrefix} from '../net/prefix.ts';
import {type Logger, type LogLevel, openLog} from '../observe/log.ts';
import {serveAnswers} from './answers.ts';
import {Bell} from './bell.ts';
import {type Clock, systemClock} from './clock.ts';
import {Cluster} from './cluster.ts';
import {type CniAnswered, CniSource} from './cni.ts';
import {type ConfigFile, followConfigFile, type LiveConfig} from './config-file.ts';
import {applyConntrack, followConntrack} from './conntrack-settings.ts';
import {answerControl} from './control.ts';
import {openDataplane} from './dataplanes.ts';
import {type Events, openEvents} from './events.ts';
import {servedFamilies} from './families.ts';
import {FlowFollower, type FlowPass} from './flows.ts';
import {applyForwarding, podFamilies} from './forwarding.ts';
import {Freshness} from './freshness.ts';
import {isHealthy, newCondition} from './health.ts';
import {HealthChecks} from './health-checks.ts';
import {Inbox} from './inbox.ts';
import {lockNamespace} from './lock.ts';
import {type DaemonMetrics, type MetricsParts, openMetrics} from './metrics.ts';
import {unansweredRow} from './not-whole.ts';
import {NotWholeLog} from './not-whole-log.ts';
import {planOptions} from './options.ts';
import {warnOfOtherProxies} from './other-proxies.ts';
import {Reconciler} from './reconciler.ts';
import {logFollower} from './report.ts';
import {type Shutdown, watchCrashes, watchSignals} from './shutdown.ts';
import {runSource, type SourceDoor} from './source-runner.ts';
import {sourceDoors} from './sources.ts';
import {isFullDisk, makeStateDir} from './state-dir.ts';
import {type Identity, StatusKeeper} from './status.ts';

/** What a daemon is made of, apart from its configuration. */
export type DaemonParts = {
	readonly identity: Identity;
	readonly freshness: Freshness;
	readonly changes: Bell;
	/** Absent where no API server is read. */
	readonly events: Events | undefined;
	/** Where people ask it. */
	readonly controlPath: string;
	readonly dataplane: Dataplane;
	readonly doors: readonly SourceDoor[];
	readonly cluster: Cluster;
	/** Those that this node serves. */
	readonly families: readonly Family[];
	readonly log: Logger;
	readonly clock: Clock;
};

/** The process ended in good order so that it is started again with what its configuration file says now. */
const exitRestart = 3;

/**
 * Serves this node until a signal, or until its configuration file says what only another start can follow, and
 * returns the exit code.
 *
 * @throws NetError DAEMON_RUNNING, DAEMON_STATE_DIR, CONTROL_PATH or what the dataplane refuses with when it cannot start
 */
export async function runDaemon(config: Config, version: string, file?: ConfigFile): Promise<number> {
	const live: LiveConfig = {current: config};
	const log = await openLog({level: () => logLevel(live.current.verbosity)});
	const crash = watchCrashes(log);
	const release = await lockNamespace('start');
	const path = controlPath(config.stateDir);
	await makeStateDir(config.stateDir).catch((error: unknown) => {
		if (!isFullDisk(error)) {
			throw error;
		}
	}); // what needs the folder tries again, and says so
	const families = servedFamilies();
	tellStart(log, config, {version, families, ...(file && {config: file.path})});
	void warnOfOtherProxies(log); // never rejects
	await applyConntrack(config.conntrack, log);
	if (config.cni.confDir !== undefined) {
		await applyForwarding(podFamilies(config.clusterCidrs), log);
	}

	const parts = openParts(config, {version, families, controlPath: path}, log);
	const shutdown = watchSignals(log, systemClock);
	const follow = {
		log,
		clock: systemClock,
		restart: (reason: string) => shutdown.end(reason, exitRestart),
		changed: followConntrack(log),
	};
	const following = file && followConfigFile(file, live, follow, shutdown.stop);
	await serveNode(live, parts, shutdown).catch(crash);
	await following;
	release();
	const exitCode = shutdown.finish();
	log.info('ended', {exitCode});
	return exitCode;
}

/** What a daemon knows of itself before it begins. */
type Facts = {readonly version: string; readonly families: readonly Family[]; readonly controlPath: string};

/** @throws NetError KERNEL_REFUSED when the kernel was built without nf_tables */
export function openParts(config: Config, {version, families, controlPath}: Facts, log: Logger): DaemonParts {
	const {nodeName, mode} = config;
	const changes = new Bell();
	const events = openEvents(config, version, log);
	const freshness = new Freshness(
		() => changes.ring(),
		(problem) => events?.troubled(problem),
	);
	return {
		identity: {version, nodeName, mode: {name: mode.mode, because: mode.because}, families},
		...{families, freshness, changes, events, controlPath},
		dataplane: openDataplane(families),
		doors: sourceDoors(config, freshness, log),
		cluster: new Cluster(planOptions(config, families)),
		log,
		clock: systemClock,
	};
}

/** Runs sources, reconciler and answers until `shutdown.stop`; then closes the dataplane. */
export async function serveNode(live: LiveConfig, parts: DaemonParts, shutdown: Shutdown): Promise<void> {
	const {dataplane, doors, cluster, events, log, clock} = parts;
	const retryCeilingMs = () => live.current.syncPeriodMs; // asked at each use: the file may change it
	const condition = newCondition();
	const inbox = new Inbox(clock);
	const sources = [...doors.map(({name}) => name), 'cni' as const];
	const runner = {inbox, freshness: parts.freshness, log, clock, retryCeilingMs};
	const running = doors.map((door) => runSource(door, runner, shutdown.stop));
	const telling = events?.run(shutdown.stop);
	const answered = (call: CniAnswered) => metrics?.cniAnswered(call);
	const cni = new CniSource({...parts, config: live.current, inbox, condition, answered});
	await cni.begin();
	const serving = cni.run(shutdown.stop);
	const {version} = parts.identity;
	const metrics = await startMetrics(live.current, {...parts, version, sources, inbox, condition}, shutdown.stop);
	const healthChecks = new HealthChecks({
		...{log, clock, retryCeilingMs},
		healthy: () => isHealthy(condition, clock.now(), retryCeilingMs()),
		bindFailed: () => metrics?.healthCheckBindFailed(),
		unanswered: (problem) => events?.unanswered(problem),
		changed: () => parts.changes.ring(),
	});
	metrics?.follow(healthChecks);
	metrics?.followAddresses(parts.families, cni.countAddresses);
	serveAnswers({...parts, live, condition, metrics}, shutdown);
	const status = new StatusKeeper({...parts, condition, undone: () => healthChecks.problems.map(unansweredRow)});
	const {handlers} = cni;
	const listening = () => void cni.drain(); // never rejects
	const control = {path: parts.controlPath, status, handlers, listening, log, clock, retryCeilingMs};
	void answerControl(control, shutdown.stop); // never rejects
	const observe = (pass: FlowPass) => metrics?.flowsDeleted(pass);
	const flows = new FlowFollower({door: new Conntrack(), log, clock, retryCeilingMs, observe});
	const reconciler = new Reconciler({
		...{sources, inbox, cluster, dataplane, condition, log, clock, retryCeilingMs},
		followers: [
			logFollower(log, () => cluster.serviceCount),
			new NotWholeLog(log, dataplane, clock, (news) => events?.notWhole(news)),
			...[status, flows, healthChecks, ...(events ? [events] : [])],
			...(metrics?.followers ?? []),
		],
		minPeriodMs: () => live.current.minSyncPeriodMs,
	});
	const sweeping = flows.run(shutdown.stop, shutdown.force);
	await reconciler.run(shutdown.stop, shutdown.force);
	await Promise.all([...running, sweeping, telling, serving]);
	healthChecks.close();
	dataplane.close();
}

/** While sources read: loading takes a while. Undefined where metrics are served nowhere. */
async function startMetrics(
	{metricsBindAddress, mode}: Config,
	parts: Omit<MetricsParts, 'mode'>,
	signal: AbortSignal,
): Promise<DaemonMetrics | undefined> {
	if (metricsBindAddress === undefined) {
		return undefined;
	}

	const metrics = await openMetrics({...parts, mode: mode.mode});
	metrics.watchEventLoop(parts.clock, signal);
	return metrics;
}

/** What an operator wants to read first: what runs, in which mode and why, as which node, with what. */
function tellStart(
	log: Logger,
	config: Config,
	facts: {readonly version: string; readonly families: readonly string[]; readonly config?: string},
) {
	const {mode, nodeName, objects, stateDir, nodePortAddresses, clusterCidrs, detectLocalMode, warnings} = config;
	log.info('Fairlead starts', {
		...facts,
		node: process.versions.node,
		nodeName,
		objects,
		stateDir,
		detectLocalMode,
		clusterCidrs: clusterCidrs.map(printPrefix),
		nodePortAddresses: nodePortAddresses.map((entry) => (typeof entry === 'string' ? entry : printPrefix(entry))),
	});
	log[mode.warn ? 'warn' : 'info'](`mode ${mode.mode}: ${mode.because}`, {mode: mode.mode});
	for (const warning of warnings) {
		log.warn(warning);
	}
}

/** klog's numbers, as kube-proxy's -v takes them: it says what happens up to 3, each sync at 4, everything from 6. */
function logLevel(verbosity: number): LogLevel {
	return verbosity <= 3 ? 'info' : verbosity <= 5 ? 'debug' : 'trace';
}
