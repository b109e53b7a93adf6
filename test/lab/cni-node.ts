import {type Called, callPlugin} from './cni-plugin.ts';
import {Daemon, runFairlead} from './daemon.ts';
import {Host} from './host.ts';
import {clusterObjects, type KubeJson} from './matrix.ts';
import {ObjectFolder, printList} from './object-folder.ts';
import {buildLab, type Lab} from './topology.ts';

/** The addresses of pods that the plugin attaches; those of the lab's own pods are others. */
export const podCidrs = ['10.128.2.0/24', 'fd00:128:0:2::/64'] as const;

/** A pod that has no network yet, or has one by the plugin. */
export type CniPod = {readonly host: Host; readonly containerId: string};

/** A node whose real daemon serves the CNI plugin: pods are network namespaces, and the test is their runtime. */
export class CniNode {
	readonly lab: Lab;
	readonly folder: ObjectFolder;
	daemon: Daemon;
	readonly #pods: Host[] = [];
	#made = 0;

	private constructor(lab: Lab, folder: ObjectFolder, daemon: Daemon) {
		[this.lab, this.folder, this.daemon] = [lab, folder, daemon];
	}

	/** @param objects beside the Nodes and the ServiceCIDR */
	static async start(objects: readonly KubeJson[] = []): Promise<CniNode> {
		const [lab, folder] = [await buildLab(), await ObjectFolder.create()];
		const node = new CniNode(lab, folder, startDaemon(lab, folder));
		await node.write(objects);
		await node.daemon.ready();
		return node;
	}

	get stateDir(): string {
		return this.folder.stateFlags[1] ?? '';
	}

	/** As a conflist has it, once the runtime put name and version into it. */
	get config() {
		return {cniVersion: '1.1.0', name: 'lab', type: 'fairlead-cni', stateDir: this.stateDir};
	}

	/** What there is in the cluster, the Nodes aside. */
	async write(objects: readonly KubeJson[], cidrs: readonly string[] = podCidrs): Promise<void> {
		const nodes = clusterObjects().map((object) =>
			Object(object['metadata']).name === 'n1' ? {...object, spec: {podCIDR: cidrs[0], podCIDRs: cidrs}} : object,
		);
		await this.folder.write('cluster.json', printList([...nodes, ...objects]));
	}

	restart(): void {
		this.daemon = startDaemon(this.lab, this.folder);
	}

	/** A network namespace with nothing in it, and an agent. */
	async newPod(name = `pod-${++this.#made}`): Promise<CniPod> {
		const host = new Host(name);
		this.#pods.push(host);
		return {host: await host.ready(), containerId: `${name}-container`};
	}

	async call(
		verb: string,
		pod: CniPod,
		config: object = {},
		env: Readonly<Record<string, string>> = {},
	): Promise<Called> {
		const own = {
			CNI_CONTAINERID: pod.containerId,
			CNI_NETNS: pod.host.netns,
			CNI_IFNAME: 'eth0',
			CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod.host.name};K8S_POD_UID=uid-${pod.host.name}`,
		};
		return await callPlugin({verb, config: {...this.config, ...config}, env: {...own, ...env}});
	}

	/** As {@link call} with ADD, of a pod that then serves 8080. @throws Error when it was refused */
	async attach(pod: CniPod, config: object = {}): Promise<Called['output']> {
		const {exitCode, output} = await this.call('ADD', pod, config);
		if (exitCode !== 0) {
			throw new Error(`ADD of ${pod.host.name}: ${JSON.stringify(output)}`);
		}

		await pod.host.ask('serve', {name: pod.host.name, ports: [8080]});
		return output;
	}

	/** What `fairlead` prints on the node, of this daemon. */
	async fairlead(...args: readonly string[]): Promise<string> {
		return await runFairlead(this.lab.hosts.n1, [...args, ...this.folder.stateFlags]);
	}

	/** Addresses that are not free, each with its state. */
	async addresses(): Promise<Readonly<Record<string, string>>> {
		const rows = JSON.parse(await this.fairlead('ipam', 'list', '-o', 'json')) as readonly {
			address: string;
			state: string;
		}[];
		return Object.fromEntries(rows.map(({address, state}) => [address, state]));
	}

	/** Links, and routes to pods, that the plugin made on the node: a line each. */
	async traces(): Promise<readonly string[]> {
		const show = async (...args: readonly string[]) => {
			const {stdout} = await this.lab.hosts.n1.exec('ip', args);
			return stdout.split('\n').filter((line) => /\bfair/.test(line));
		};
		return [
			...(await show('-o', 'link')),
			...(await show('-4', 'route')),
			...(await show('-6', 'route')),
			...(await show('neigh')),
		];
	}

	/** Resolves when nothing of the plugin is left on the node; links go a moment after their DEL. @throws Error after 5 s */
	async untilNoTrace(): Promise<void> {
		for (const end = performance.now() + 5000; performance.now() < end; ) {
			if ((await this.traces()).length === 0) {
				return;
			}
		}

		throw new Error(`left on the node:\n${(await this.traces()).join('\n')}`);
	}

	async endPod({host}: CniPod): Promise<void> {
		await host.end();
	}

	async end(): Promise<void> {
		await this.daemon.kill('SIGKILL');
		await Promise.all(this.#pods.map(async (pod) => await pod.end()));
		await this.lab.end();
		await this.folder.end();
	}
}

function startDaemon(lab: Lab, folder: ObjectFolder): Daemon {
	const cluster = ['--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];
	const conf = ['--cni-conf-dir', folder.confDir];
	return new Daemon(lab.hosts.n1, [...folder.flags, '--hostname-override', 'n1', ...cluster, ...conf]);
}
