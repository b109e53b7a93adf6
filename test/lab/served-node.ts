import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {exec} from '../../src/kernel/exec.ts';
import {runProgram} from '../support/program.ts';
import {Daemon, runFairlead} from './daemon.ts';
import type {Host} from './host.ts';
import {type MatrixService, matrixDestinations} from './matrix.ts';
import type {Probe} from './requests.ts';
import {buildLab, type Lab} from './topology.ts';

/** Where the node finds an API server in this process's namespace, over a link that nothing else goes over. */
export const apiServerAddress = '172.30.0.1';
const nodeAddress = '172.30.0.2';
/** All together, from outside, from a pod and from the node. */
const connections = 300;
const newPerSecond = 210;

/** The link between this process's namespace and a node. */
export async function linkApiServer(node: Host): Promise<void> {
	await ip(`link add mgmt type veth peer name mgmt0 netns ${node.pid}`);
	await ip(`address add ${apiServerAddress}/30 dev mgmt`);
	await ip('link set mgmt up');
	await node.ask('ip', [`address add ${nodeAddress}/30 dev mgmt0`, 'link set mgmt0 up']);
}

/** The lab's node n1 with a real daemon that follows an API server in this process's namespace. */
export class ServedNode {
	readonly lab: Lab;
	readonly state = mkdtempSync(join(tmpdir(), 'fairlead-node-'));
	readonly #apiFlags: () => Readonly<Record<string, string>>;
	#daemon: Daemon | undefined;

	private constructor(lab: Lab, apiFlags: () => Readonly<Record<string, string>>) {
		this.lab = lab;
		this.#apiFlags = apiFlags;
	}

	/** @param apiFlags flags by which a daemon finds the API server, asked for each that is started */
	static async build(apiFlags: () => Readonly<Record<string, string>>): Promise<ServedNode> {
		const lab = await buildLab();
		await linkApiServer(lab.hosts.n1);
		return new ServedNode(lab, apiFlags);
	}

	/** The daemon that was started last. */
	get daemon(): Daemon {
		if (this.#daemon === undefined) {
			throw new Error('no daemon was started');
		}

		return this.#daemon;
	}

	start(flags: ReadonlyMap<string, string> = new Map()): Daemon {
		const all = {
			...this.#apiFlags(),
			...Object.fromEntries(flags),
			'state-dir': this.state,
		};
		const parameters = Object.entries(all).flatMap(([flag, value]) => [`--${flag}`, value]);
		this.#daemon = new Daemon(this.lab.hosts.n1, parameters);
		return this.#daemon;
	}

	/** What `fairlead status` says. */
	async status(): Promise<string> {
		const {stdout} = await runProgram(['status', '--state-dir', this.state, '-o', 'json']);
		return stdout;
	}

	/** Whether the kernel has an element for Service `shop/<name>`. */
	async isInForce(name: string): Promise<boolean> {
		const {stdout} = await this.lab.hosts.n1.exec('nft', ['list', 'map', 'ip', 'fairlead', 'services']);
		return stdout.includes(`shop/${name}:`);
	}

	/** All that the kernel holds of ours, each piece as text: rules with their handles, elements of maps and sets. */
	async table(): Promise<ReadonlySet<string>> {
		const texts = ['ip', 'ip6'].map(async (family) => {
			const {stdout} = await this.lab.hosts.n1.exec('nft', ['-s', '-a', '-j', 'list', 'table', family, 'fairlead']);
			return (JSON.parse(stdout) as {readonly nftables: readonly object[]}).nftables.flatMap(piecesOf);
		});
		return new Set((await Promise.all(texts)).flat());
	}

	/** Ends the daemon, and takes its rules away. */
	async clear(): Promise<void> {
		await this.daemon.kill('SIGTERM');
		await runFairlead(this.lab.hosts.n1, ['cleanup']);
	}

	/** Nothing passes between node and API server from now on, and nobody is told. */
	async cut(): Promise<void> {
		await ip('link set mgmt down');
	}

	async mend(): Promise<void> {
		await ip('link set mgmt up');
	}

	/** What the API server says comes by so many bytes a second from now on, until `undefined`. */
	async slow(bytesPerSecond: number | undefined): Promise<void> {
		const limit = `tbf rate ${bytesPerSecond}bps burst 1600 limit 1000000`;
		const line = bytesPerSecond === undefined ? 'del dev mgmt root' : `add dev mgmt root ${limit}`;
		await exec('tc', ['qdisc', ...line.split(' ')]);
	}

	/** Connections that stay open and new ones at a steady rate, to every address of these Services. */
	async load(services: readonly MatrixService[]): Promise<void> {
		const targets = services.flatMap(targetsOf);
		const share = this.#clients.length;
		await Promise.all(
			this.#clients.map(async (host) => {
				await host.ask('hold', {targets, count: connections / share, periodMs: 200});
				await host.ask('rate', {targets, perSecond: newPerSecond / share});
			}),
		);
	}

	/** What was lost of the load since it began, a line each, which should be none; and how many new connections there were. */
	async unload(): Promise<{readonly lost: readonly string[]; readonly opened: number}> {
		const windows = await Promise.all(this.#clients.map(async (host) => await host.ask('stop', null)));
		const held = await Promise.all(this.#clients.map(async (host) => await host.ask('release', null)));
		const failures = [...windows.flatMap((window) => window.failures), ...held.flatMap((report) => report.lost)];
		const open = held.reduce((sum, report) => sum + report.open, 0);
		const opened = windows.flatMap(({by}) => Object.values(by)).reduce((sum, count) => sum + count, 0);
		const missing = open === connections ? [] : [`${connections - open} open connections are missing`];
		return {lost: [...failures.map(({target, result}) => `${target} ${result}`), ...missing].slice(0, 10), opened};
	}

	async end(): Promise<void> {
		await this.#daemon?.kill('SIGKILL');
		await this.lab.end();
		rmSync(this.state, {recursive: true, force: true});
	}

	get #clients(): readonly Host[] {
		const {out, b, n1} = this.lab.hosts;
		return [out, b, n1];
	}
}

/** Cluster IP, node port and load-balancer IP, both families. */
function targetsOf(service: MatrixService): Probe[] {
	const {clusterIP, nodePort, loadBalancerIP} = matrixDestinations(service);
	return [clusterIP, nodePort, loadBalancerIP].flatMap(({addresses, port}) =>
		addresses.flatMap((address) => (address === undefined ? [] : [{protocol: 'TCP', address, port}])),
	);
}

/** Of a map or set a piece for each element, of all else one. */
function piecesOf(object: object): string[] {
	return Object.entries(object).flatMap(([kind, value]: [string, {readonly name: string; readonly elem?: unknown}]) => {
		const {elem, ...own} = value;
		const elements = Array.isArray(elem) ? elem.map((each) => `${own.name}: ${JSON.stringify(each)}`) : [];
		return [`${kind} ${JSON.stringify(own)}`, ...elements];
	});
}

async function ip(line: string): Promise<void> {
	await exec('ip', line.split(' '));
}
