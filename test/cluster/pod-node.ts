import {linkApiServer} from '../lab/served-node.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import type {Cluster} from './cluster.ts';
import type {Container} from './container.ts';
import {Image} from './image.ts';
import {configureKubeProxy, publishAuthority} from './kubeadm.ts';
import {Kubectl, manifests} from './kubectl.ts';
import {Kubelet} from './kubelet.ts';

/** Settings of a cluster that kubeadm made with the lab's pod network. */
export const labFlags: ReadonlyMap<string, string> = new Map([['cluster-cidr', '10.128.0.0/16,fd00:128::/48']]);

/** The lab's node n1 as a node of a real cluster: the manifests are applied, and kubelet runs their Pod there. */
export class PodNode {
	readonly cluster: Cluster;
	readonly lab: Lab;
	readonly kubectl: Kubectl;
	readonly kubelet: Kubelet;
	readonly #image: Image;
	#running: Container | undefined;

	private constructor(cluster: Cluster, lab: Lab, image: Image) {
		this.cluster = cluster;
		this.lab = lab;
		this.#image = image;
		this.kubectl = new Kubectl(cluster);
		this.kubelet = new Kubelet(cluster, lab.hosts.n1, image);
	}

	static async start(cluster: Cluster): Promise<PodNode> {
		const [lab, image] = await Promise.all([buildLab(), Image.build()]);
		const node = new PodNode(cluster, lab, image);
		await linkApiServer(lab.hosts.n1);
		await cluster.untilNamespace('kube-system');
		await publishAuthority(cluster);
		await configureKubeProxy(cluster, labFlags);
		await node.kubectl.run('apply', '-k', manifests);
		return node;
	}

	/** Makes the DaemonSet's Pod anew, runs its init container, and waits until it is ready. */
	async startPod(): Promise<Container> {
		await this.stop();
		await this.kubelet.createPod();
		await this.kubelet.writeVolumes();
		const init = await this.kubelet.start('init');
		if ((await init.ended()) !== 0) {
			throw new Error(`the init container failed:\n${init.log}`);
		}

		return await this.startContainer();
	}

	/** Starts the Pod's daemon, again as the case may be, as its restart policy says. */
	async startContainer(): Promise<Container> {
		await this.stop();
		const container = await this.kubelet.start('fairlead');
		this.#running = container;
		await this.kubelet.untilProbed('readinessProbe').catch((error: unknown) => {
			throw new Error(`the daemon does not get ready; it printed:\n${container.log}`, {cause: error});
		});
		return container;
	}

	/** As kubelet stops a Pod. */
	async stop(): Promise<void> {
		await this.#running?.kill('SIGTERM');
		this.#running = undefined;
	}

	async end(): Promise<void> {
		await this.stop();
		await this.lab.end();
		this.#image.end();
	}
}
