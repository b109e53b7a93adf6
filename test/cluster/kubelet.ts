import {randomUUID} from 'node:crypto';
import {mkdtempSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {V1Container, V1DaemonSet, V1Pod, V1Volume, V1VolumeProjection} from '@kubernetes/client-node';
import {addresses} from '../lab/addresses.ts';
import type {Host} from '../lab/host.ts';
import type {Cluster} from './cluster.ts';
import {Container, type Mount, type Security} from './container.ts';
import type {Image} from './image.ts';
import {makeHostPath, writeAtomically} from './volumes.ts';

const namespace = '/api/v1/namespaces/kube-system';
const nodeName = 'n1';

/**
 * What the DaemonSet's controller and kubelet do for one Pod on node n1, as far as the Pod can notice: it is made from
 * the object that the API server holds, goes through its admission, and gets exactly the arguments, variables, rights
 * and mounts that come back.
 */
export class Kubelet {
	readonly #cluster: Cluster;
	readonly #node: Host;
	readonly #image: Image;
	/** Where volumes are, and what stands for the node's own folders. */
	readonly #folder: string;
	#pod: V1Pod | undefined;

	constructor(cluster: Cluster, node: Host, image: Image) {
		this.#cluster = cluster;
		this.#node = node;
		this.#image = image;
		this.#folder = mkdtempSync(join(cluster.directory, 'kubelet-'));
	}

	get pod(): V1Pod {
		if (this.#pod === undefined) {
			throw new Error('there is no Pod');
		}

		return this.#pod;
	}

	/** Makes the DaemonSet's Pod for this node, in the place of the one before. */
	async createPod(): Promise<void> {
		const {spec}: V1DaemonSet = await this.#get('/apis/apps/v1/namespaces/kube-system/daemonsets/fairlead');
		const template = spec?.template;
		const name = `fairlead-${randomUUID().slice(0, 5)}`;
		const pod = {
			apiVersion: 'v1',
			kind: 'Pod',
			metadata: {...template?.metadata, name, namespace: 'kube-system'},
			spec: {...template?.spec, nodeName},
		};
		await this.deletePod();
		await this.#cluster.create(`${namespace}/pods`, pod);
		this.#pod = await this.#get(`${namespace}/pods/${name}`);
	}

	/** With the Pod, its tokens count no more. */
	async deletePod(): Promise<void> {
		const name = this.#pod?.metadata?.name;
		if (name !== undefined) {
			await this.#cluster.request('DELETE', `${namespace}/pods/${name}?gracePeriodSeconds=0`);
			this.#pod = undefined;
		}
	}

	/** Writes the Pod's volumes as its ConfigMaps are now, with a new token. */
	async writeVolumes(): Promise<void> {
		for (const volume of this.pod.spec?.volumes ?? []) {
			await this.#writeVolume(volume);
		}
	}

	/**
	 * Starts the init container or the daemon of the Pod.
	 *
	 * @param instead what is to be otherwise than the Pod says
	 * @throws Error when the Pod has no such container
	 */
	async start(name: 'init' | 'cni' | 'fairlead', instead: Partial<Security> = {}): Promise<Container> {
		const {initContainers = [], containers = []} = this.pod.spec ?? {};
		const container = [...initContainers, ...containers].find((each) => each.name === name);
		if (container === undefined) {
			throw new Error(`the Pod has no container ${name}`);
		}

		const environment = {...this.#image.environment, ...(await this.#variables(container))};
		return new Container({
			root: this.#image.root,
			command: [...this.#image.entrypoint, ...(container.args ?? [])].map((word) => expand(word, environment)),
			environment,
			mounts: (container.volumeMounts ?? []).map((mount) => this.#mountOf(mount)),
			netns: this.#node.netns,
			security: {...securityOf(container), ...instead},
		});
	}

	/** `kubectl debug node/… --profile=netadmin --image=… --arguments-only -- ARGS`. */
	debug(...args: readonly string[]): Container {
		return new Container({
			root: this.#image.root,
			command: [...this.#image.entrypoint, ...args],
			environment: this.#image.environment,
			mounts: [],
			netns: this.#node.netns,
			security: {
				privileged: false,
				capabilities: ['NET_ADMIN', 'NET_RAW'],
				readOnlyRoot: false,
				noNewPrivileges: false,
				user: 0,
			},
		});
	}

	/** Waits until the Pod's probe of that name succeeds. */
	async untilProbed(probe: 'startupProbe' | 'readinessProbe' | 'livenessProbe', deadlineMs = 30_000): Promise<void> {
		const {path, port} = this.pod.spec?.containers[0]?.[probe]?.httpGet ?? {};
		await this.#node.ask('await', {url: `http://${addresses.n1[0]}:${port}${path}`, status: 200, deadlineMs});
	}

	/** The token that the Pod's containers read now. */
	readToken(): string {
		const volume = this.pod.spec?.volumes?.find(({projected}) => projected !== undefined);
		return readFileSync(join(this.#volume(volume?.name ?? ''), 'token'), 'utf8');
	}

	async #variables({env = [], envFrom = []}: V1Container): Promise<Record<string, string>> {
		const own = env.map(({name, value, valueFrom}): [string, string] => [
			name,
			valueFrom?.fieldRef?.fieldPath === 'spec.nodeName' ? (this.pod.spec?.nodeName ?? '') : (value ?? ''),
		]);
		const maps = await Promise.all(envFrom.map(async ({configMapRef}) => await this.#configMap(configMapRef?.name)));
		// the API server's own Service is named to every Pod, whatever enableServiceLinks says
		const service = {KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443'};
		return Object.assign(service, ...maps, Object.fromEntries(own));
	}

	async #writeVolume({name, configMap, projected}: V1Volume): Promise<void> {
		if (configMap !== undefined) {
			writeAtomically(this.#volume(name), await this.#configMap(configMap.name));
		} else if (projected !== undefined) {
			const parts = await Promise.all((projected.sources ?? []).map(async (source) => await this.#project(source)));
			writeAtomically(this.#volume(name), Object.assign({}, ...parts));
		}
	}

	async #project({serviceAccountToken, configMap, downwardAPI}: V1VolumeProjection): Promise<Record<string, string>> {
		if (serviceAccountToken !== undefined) {
			return {[serviceAccountToken.path]: await this.#mintToken(serviceAccountToken.expirationSeconds)};
		}

		if (configMap !== undefined) {
			const data = await this.#configMap(configMap.name);
			return Object.fromEntries((configMap.items ?? []).map(({key, path}) => [path, data[key] ?? '']));
		}

		return Object.fromEntries((downwardAPI?.items ?? []).map(({path}) => [path, 'kube-system'])); // its namespace
	}

	async #mintToken(expirationSeconds: number | undefined): Promise<string> {
		const {metadata, spec} = this.pod;
		const boundObjectRef = {apiVersion: 'v1', kind: 'Pod', name: metadata?.name, uid: metadata?.uid};
		const path = `${namespace}/serviceaccounts/${spec?.serviceAccountName}/token`;
		const {status, body} = await this.#cluster.request('POST', path, {spec: {expirationSeconds, boundObjectRef}});
		if (status !== 201) {
			throw new Error(`the API server gave no token: ${status} ${body}`);
		}

		return JSON.parse(body).status.token;
	}

	#mountOf({name, mountPath, readOnly}: {name: string; mountPath: string; readOnly?: boolean}): Mount {
		const volume = this.pod.spec?.volumes?.find((each) => each.name === name);
		const path = volume?.hostPath?.path;
		return {
			source: path === undefined ? this.#volume(name) : makeHostPath(join(this.#folder, 'node'), path),
			target: mountPath.replace(/^\/var\/run\//, '/run/'), // a link in the image, which a runtime follows
			readOnly: readOnly === true,
		};
	}

	/** The same folder for each Pod: a running container goes on with what is written there for the next one. */
	#volume(name: string): string {
		return join(this.#folder, 'volumes', name.replace(/^kube-api-access-.*/, 'kube-api-access'));
	}

	async #configMap(name: string | undefined): Promise<Record<string, string>> {
		const {data} = await this.#get<{readonly data?: Record<string, string>}>(`${namespace}/configmaps/${name}`);
		return data ?? {};
	}

	async #get<T>(path: string): Promise<T> {
		const {status, body} = await this.#cluster.request('GET', path);
		if (status !== 200) {
			throw new Error(`the API server has no ${path}: ${status} ${body}`);
		}

		return JSON.parse(body);
	}
}

/** `$(NODE_NAME)` in an argument. Source: Pod API reference, Container.args */
function expand(word: string, environment: Readonly<Record<string, string>>): string {
	return word.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => environment[name] ?? whole);
}

function securityOf({securityContext = {}}: V1Container): Security {
	const {capabilities, privileged, readOnlyRootFilesystem, allowPrivilegeEscalation, runAsUser} = securityContext;
	if (privileged !== true && capabilities?.drop?.join() !== 'ALL') {
		throw new Error('without drop: ALL a container has the rights that its runtime thinks fit');
	}

	return {
		privileged: privileged === true,
		capabilities: capabilities?.add ?? [],
		readOnlyRoot: readOnlyRootFilesystem === true,
		noNewPrivileges: allowPrivilegeEscalation === false,
		user: runAsUser ?? 0,
	};
}
