import type {Family} from '../../src/net/address.ts';
import {addresses} from './addresses.ts';
import {Daemon, runFairlead} from './daemon.ts';
import type {Host} from './host.ts';
import {kubeProxyTable} from './kube-proxy.ts';
import {clusterObjects, type KubeJson, type MatrixService, matrixDestinations, matrixObjects} from './matrix.ts';
import {ObjectFolder, printList} from './object-folder.ts';
import type {Probe} from './requests.ts';
import {buildLab, type Lab} from './topology.ts';

const openConnections = 300;
const newPerSecond = 500;
const clusterCidrs: Readonly<Record<Family, string>> = {IPv4: '10.128.0.0/16', IPv6: 'fd00:128::/48'};
const serviceCidrs: Readonly<Record<Family, string>> = {IPv4: '10.96.0.0/16', IPv6: 'fd00:96::/112'};

/** Clients may have all these ports but those that the daemon listens on: a closed connection still holds its own. */
const ports = {
	'net.ipv4.ip_local_port_range': '1024 19999',
	'net.ipv4.ip_local_reserved_ports': '10249,10256',
} as const;

/** Services under load: each client is always answered, whatever the policy. */
export const busy: readonly MatrixService[] = [
	{name: 'web', index: 1, internal: 'Cluster', external: 'Cluster', location: 'both'},
	{name: 'api', index: 2, internal: 'Cluster', external: 'Cluster', location: 'elsewhere'},
	{name: 'near', index: 3, internal: 'Local', external: 'Local', location: 'both'},
	{name: 'ending', index: 4, internal: 'Cluster', external: 'Cluster', location: 'ending-here'},
];

/** A Service whose clients are refused. */
export const empty: MatrixService = {
	...{name: 'empty', index: 5, internal: 'Cluster', external: 'Cluster', location: 'none'},
};

/** A Service whose clients keep their backend. */
export const sticky: MatrixService = {
	...{name: 'sticky', index: 6, internal: 'Cluster', external: 'Cluster', location: 'both'},
};

/** The objects of a Service; `spec` is laid over its own. */
export function serviceObjects(service: MatrixService, spec: Readonly<Record<string, unknown>> = {}): KubeJson[] {
	const [own, ...slices] = matrixObjects(service);
	return own === undefined ? [] : [{...own, spec: {...Object(own['spec']), ...spec}}, ...slices];
}

const affinity = {sessionAffinity: 'ClientIP', sessionAffinityConfig: {clientIP: {timeoutSeconds: 600}}};
const services = [
	...[...busy, empty].flatMap((service) => serviceObjects(service)),
	...serviceObjects(sticky, affinity),
];

/** Every frontend of a Service, in both families, TCP and UDP. */
export function frontendsOf(service: MatrixService): Probe[] {
	return Object.values(matrixDestinations(service)).flatMap(({addresses: pair, port}) =>
		pair.flatMap((address = '') => (['TCP', 'UDP'] as const).map((protocol) => ({protocol, address, port}))),
	);
}

/** A node between two proxies: kube-proxy's table, a real daemon of Fairlead, and a load that notices any loss. */
export class MigratingNode {
	readonly lab: Lab;
	readonly #folder: ObjectFolder;
	#daemon: Daemon | undefined;
	#resent: readonly number[] = [];

	private constructor(lab: Lab, folder: ObjectFolder) {
		[this.lab, this.#folder] = [lab, folder];
	}

	static async build(): Promise<MigratingNode> {
		const [lab, folder] = [await buildLab(), await ObjectFolder.create()];
		// lone datagrams choose their source ports from 20,000 up, and must find them free
		await Promise.all(Object.values(lab.hosts).map(async (host) => await host.ask('sysctl', ports)));
		return new MigratingNode(lab, folder);
	}

	get stateFlags(): readonly string[] {
		return this.#folder.stateFlags;
	}

	get clients(): readonly Host[] {
		const {out, b, n1} = this.lab.hosts;
		return [out, b, n1];
	}

	/** Loads kube-proxy's tables as its first sync does: behind all that is there, by one transaction a family. */
	async startKubeProxy(objects: readonly KubeJson[] = services): Promise<void> {
		for (const family of ['IPv4', 'IPv6'] as const) {
			const [clusterCidr, serviceCidr] = [clusterCidrs[family], serviceCidrs[family]];
			const options = {family, clusterCidr, serviceCidr, nodeName: 'n1', nodeIps: addresses.n1};
			await this.nft(kubeProxyTable([...clusterObjects(), ...objects], options));
		}
	}

	async startFairlead(objects: readonly KubeJson[] = services): Promise<void> {
		await this.#folder.write('cluster.json', printList([...clusterObjects(), ...objects]));
		const flags = ['--hostname-override', 'n1', '--cluster-cidr', Object.values(clusterCidrs).join(',')];
		this.#daemon = new Daemon(this.lab.hosts.n1, [...this.#folder.flags, ...flags]);
		await this.#daemon.ready();
	}

	/** Ends the daemon as its DaemonSet does; what is in the kernel stays. */
	async stopFairlead(): Promise<void> {
		await this.#daemon?.kill('SIGTERM');
	}

	/** `fairlead cleanup` with these flags, on the node. @throws NetError EXEC_FAILED */
	async cleanup(...flags: readonly string[]): Promise<string> {
		return await runFairlead(this.lab.hosts.n1, ['cleanup', ...flags, ...this.stateFlags]);
	}

	/** Text for `nft -f`. */
	async nft(text: string): Promise<void> {
		await this.lab.hosts.n1.exec('nft', ['-f', '-'], text);
	}

	async tables(): Promise<readonly string[]> {
		const {stdout} = await this.lab.hosts.n1.exec('nft', ['list', 'tables']);
		return stdout.trim().split('\n').toSorted();
	}

	/** Opens connections and UDP flows that stay, and begins new ones of both. */
	async load(): Promise<void> {
		const targets = busy.flatMap(frontendsOf);
		const share = this.clients.length;
		await Promise.all(
			this.clients.map(async (host) => {
				const tcp = targets.filter(({protocol}) => protocol === 'TCP');
				await host.ask('hold', {targets: tcp, count: openConnections / share, periodMs: 500});
				await host.ask('rate', {targets, perSecond: newPerSecond / share});
				for (const target of targets.filter(({protocol}) => protocol === 'UDP')) {
					await host.ask('stream', {target, periodMs: 100});
				}
			}),
		);
		await this.pause(500);
		this.#resent = await Promise.all(this.clients.map(resentOf));
	}

	/** Lets the load run for a time: a probe to where nobody is takes exactly this long. */
	async pause(ms: number): Promise<void> {
		const nowhere: Probe = {protocol: 'UDP', address: '198.51.100.250', port: 1};
		await this.lab.hosts.a.ask('probe', {probes: [nowhere], deadlineMs: ms});
	}

	/** Ends the load: everything that was lost or had to be sent twice, a line each. */
	async unload(): Promise<readonly string[]> {
		await this.pause(1300); // a first packet without an answer is sent again after one second
		const resent = await Promise.all(this.clients.map(resentOf));
		const lines = this.clients.map(async (host, index) => {
			const again = (resent[index] ?? 0) - (this.#resent[index] ?? 0);
			return [
				...(await lossesOf(host)),
				...(again === 0 ? [] : [`${host.name}: ${again} first packets had to be sent again`]),
			];
		});
		return (await Promise.all(lines)).flat();
	}

	/** Leaves the node without rules, and the daemon stopped. */
	async reset(): Promise<void> {
		await this.stopFairlead();
		await this.cleanup();
		for (const table of await this.tables()) {
			await this.nft(table === '' ? '' : `delete ${table}`);
		}
	}

	async end(): Promise<void> {
		await this.#daemon?.kill('SIGKILL');
		await this.lab.end();
		await this.#folder.end();
	}
}

/** How many first packets of connections had to be sent again, for no answer came. */
async function resentOf(host: Host): Promise<number> {
	const {stdout} = await host.exec('cat', ['/proc/net/netstat']);
	const [names = [], values = []] = stdout.split('\n').map((line) => line.split(' '));
	return Number(values[names.indexOf('TCPSynRetrans')]);
}

/** A lone datagram is sent again after this long: an answer that took longer is that of the second one. */
const datagramAgainMs = 2500;

async function lossesOf(host: Host): Promise<string[]> {
	const {failures, slowestMs} = await host.ask('stop', null);
	const {lost, open} = await host.ask('release', null);
	const udp = busy.flatMap(frontendsOf).filter(({protocol}) => protocol === 'UDP');
	const streams = await Promise.all(udp.map(async (target) => await host.ask('unstream', target)));
	const turned = streams.flatMap(({runs, sent}, index) => {
		const [first, ...more] = runs;
		const isWhole = more.length === 0 && first !== undefined && first.by !== 'dropped' && sent - first.to < 10;
		return isWhole ? [] : [`UDP flow to ${udp[index]?.address}: ${JSON.stringify(runs)} of ${sent}`];
	});
	const missing = openConnections / 3 - open;
	return [
		...failures.slice(0, 5).map(({target, result, atMs}) => `${atMs} ms: new connection to ${target}: ${result}`),
		...(slowestMs < datagramAgainMs ? [] : [`the slowest answer took ${slowestMs} ms`]),
		...lost.slice(0, 5).map(({target, result, atMs}) => `${atMs} ms: open connection to ${target}: ${result}`),
		...(missing === 0 ? [] : [`${missing} open connections are missing`]),
		...turned,
	].map((line) => `${host.name}: ${line}`);
}
