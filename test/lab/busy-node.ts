import {Daemon} from './daemon.ts';
import type {Host} from './host.ts';
import {clusterObjects, type MatrixService, matrixDestinations, matrixObjects} from './matrix.ts';
import {ObjectFolder, printList} from './object-folder.ts';
import {type Location, locations} from './oracle.ts';
import type {Failure, Probe, RateWindow} from './requests.ts';
import {buildLab, type Lab} from './topology.ts';

const connections = 1000;
const newPerSecond = 500;
/** Services that are talked to; each always has somebody to answer. */
const busy = 16;
/** Services that only make each sync longer, so that a fault falls into one. */
const idle = 200;
const places: readonly Location[] = ['here', 'elsewhere', 'both'];

/**
 * A node in service: a real daemon with a folder of objects, 1,000 open connections that talk, and 500 new ones a
 * second, from outside, from a pod and from the node, in both families.
 */
export class BusyNode {
	readonly lab: Lab;
	readonly folder: ObjectFolder;
	daemon: Daemon;
	#services: readonly MatrixService[] = [];

	private constructor(lab: Lab, folder: ObjectFolder, daemon: Daemon) {
		[this.lab, this.folder, this.daemon] = [lab, folder, daemon];
	}

	/** Starts the daemon; {@link load} begins the connections. */
	static async start(): Promise<BusyNode> {
		const [lab, folder] = [await buildLab(), await ObjectFolder.create()];
		await folder.write('cluster.json', printList(clusterObjects()));
		const node = new BusyNode(lab, folder, startDaemon(lab, folder));
		await node.rearrange();
		await node.daemon.ready();
		return node;
	}

	get clients(): readonly Host[] {
		const {out, b, n1} = this.lab.hosts;
		return [out, b, n1];
	}

	/** Starts a daemon in the place of one that ended. @param wrapper as of {@link Daemon} @param flags behind those that it always has */
	restart(wrapper: readonly string[] = [], flags: readonly string[] = []): void {
		this.daemon = startDaemon(this.lab, this.folder, wrapper, flags);
	}

	async load(): Promise<void> {
		const share = this.clients.length;
		const targets = this.#services.flatMap(targetsOf);
		await Promise.all(
			this.clients.map(async (host) => {
				await host.ask('hold', {targets, count: Math.ceil(connections / share), periodMs: 500});
				await host.ask('rate', {targets, perSecond: newPerSecond / share});
			}),
		);
	}

	/** Writes every Service anew, with its endpoints somewhere else than before. */
	async rearrange(): Promise<void> {
		this.#services = Array.from({length: busy}, (_, index) => anywhere(index + 1));
		const others = Array.from({length: idle}, (_, index) => anywhere(busy + index + 1));
		await this.folder.write('idle.json', printList(others.flatMap(matrixObjects)));
		await Promise.all(
			this.#services.map(async (service) => {
				await this.folder.write(`${service.name}.json`, printList(matrixObjects(service)));
			}),
		);
	}

	/** New connections that failed since the last question. */
	async failures(): Promise<readonly Failure[]> {
		return (await this.#windows('window')).flatMap(({failures}) => failures).slice(0, 5);
	}

	/** As {@link failures}, and answers of backends that their Service no longer has. */
	async wrongAnswers(): Promise<readonly string[]> {
		return (await this.#windows('window')).flatMap((window) => wrongAnswers(window, this.#services));
	}

	/** Lets the load run for a time: a probe to where nobody is takes exactly this long. */
	async pause(ms: number): Promise<void> {
		const nowhere: Probe = {protocol: 'UDP', address: '198.51.100.250', port: 1};
		await this.lab.hosts.a.ask('probe', {probes: [nowhere], deadlineMs: ms});
	}

	/** Ends the load: what failed of the last new connections, and how many of the open ones were lost. Both should be empty. */
	async unload(): Promise<readonly (Failure | string)[]> {
		const last = await this.#windows('stop');
		const held = await Promise.all(this.clients.map(async (host) => await host.ask('release', null)));
		const open = held.reduce((sum, report) => sum + report.open, 0);
		const missing = Math.ceil(connections / this.clients.length) * this.clients.length - open;
		return [
			...last.flatMap(({failures}) => failures).slice(0, 5),
			...held.flatMap(({lost}) => lost).slice(0, 5),
			...(missing === 0 ? [] : [`${missing} open connections are missing`]),
		];
	}

	async end(): Promise<void> {
		await this.daemon.kill('SIGKILL');
		await this.lab.end();
		await this.folder.end();
	}

	async #windows(verb: 'window' | 'stop'): Promise<readonly RateWindow[]> {
		return await Promise.all(this.clients.map(async (host) => await host.ask(verb, null)));
	}
}

function startDaemon(
	lab: Lab,
	folder: ObjectFolder,
	wrapper: readonly string[] = [],
	flags: readonly string[] = [],
): Daemon {
	const node = ['--hostname-override', 'n1', '--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];
	return new Daemon(lab.hosts.n1, [...folder.flags, ...node, ...flags], wrapper);
}

function anywhere(index: number): MatrixService {
	const location = places[Math.floor(Math.random() * places.length)] ?? 'both';
	return {name: `web-${index}`, index, internal: 'Cluster', external: 'Cluster', location};
}

/** Cluster IP, node port and load-balancer IP, both families. */
function targetsOf(service: MatrixService): Probe[] {
	const {clusterIP, nodePort, loadBalancerIP} = matrixDestinations(service);
	return [clusterIP, nodePort, loadBalancerIP].flatMap(({addresses, port}) =>
		addresses.flatMap((address) => (address === undefined ? [] : [{protocol: 'TCP', address, port}])),
	);
}

function wrongAnswers({by, failures}: RateWindow, services: readonly MatrixService[]): string[] {
	const allowed = new Set(
		services.flatMap((service) => {
			const backends: readonly string[] = locations[service.location].ready;
			return Object.values(matrixDestinations(service)).flatMap(({addresses, port}) =>
				addresses.flatMap((address = '') => {
					const target = address.includes(':') ? `[${address}]:${port}/TCP` : `${address}:${port}/TCP`;
					return backends.map((name) => `${target} ${name}`);
				}),
			);
		}),
	);
	const removed = Object.keys(by).filter((answer) => !allowed.has(answer));
	return [...removed, ...failures.map(({target, result}) => `${target} ${result}`)].slice(0, 5);
}
