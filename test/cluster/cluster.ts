import {type ChildProcess, spawn} from 'node:child_process';
import {generateKeyPairSync, randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {request as httpRequest} from 'node:http';
import {Agent, request as httpsRequest} from 'node:https';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {setTimeout} from 'node:timers/promises';
import {apiServerAddress} from '../lab/served-node.ts';
import {resourceOf} from '../support/api-server/resources.ts';
import {Authority} from '../support/certificates.ts';
import {kubeconfigText} from '../support/watched-api.ts';
import {auditFiles, auditFlags} from './audit.ts';
import {testRights} from './rights.ts';

/** Why no API server can be started on this machine; undefined where one can. */
export const reasonForNone: string | undefined =
	process.env['KUBEBUILDER_ASSETS'] === undefined
		? (process.env['FAIRLEAD_NO_CLUSTER'] ?? 'scripts/test-cluster did not start this')
		: undefined;

export type Response = {
	readonly status: number;
	readonly headers: NodeJS.Dict<string | string[]>;
	readonly body: string;
};

/** An object as a person writes it. */
export type KubeManifest = {
	readonly kind: string;
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly resourceVersion?: string;
		readonly creationTimestamp?: string;
	};
	readonly spec?: {readonly type?: string};
	readonly status?: unknown;
};

const server = 'https://127.0.0.1:6443';
const etcdServer = 'http://127.0.0.1:2379';

/** An API server is asked again after so long whether it is up. */
const pollMs = 100;

/** A kube-apiserver and its etcd, with all that they need, in a directory of their own. */
export class Cluster {
	readonly server = server;
	readonly authority = new Authority();
	readonly directory = mkdtempSync(join(tmpdir(), 'fairlead-cluster-'));
	readonly #admin = this.authority.issueClient('admin', 'system:masters');
	#agent = new Agent({keepAlive: true, maxSockets: 16});
	#etcd: ChildProcess | undefined;
	#apiServer: ChildProcess | undefined;

	/**
	 * Both are up, the user `fairlead` and the account `shop/fairlead` may do what the manifests say, and the namespace
	 * `shop` exists.
	 */
	static async start(): Promise<Cluster> {
		const cluster = new Cluster();
		cluster.#writeFiles();
		await cluster.startEtcd();
		await cluster.startApiServer();
		for (const [path, object] of testRights()) {
			await cluster.create(path, object);
		}

		await cluster.create('/api/v1/namespaces', {kind: 'Namespace', apiVersion: 'v1', metadata: {name: 'shop'}});
		return cluster;
	}

	/** A kubeconfig of its own that goes by a client certificate, that of the user `fairlead` unless it is told another one. */
	writeKubeconfig(user?: object): string {
		const path = join(this.directory, `kubeconfig-${randomUUID()}`);
		const {cert, key} = this.authority.issueClient('fairlead');
		const credentials = user ?? {'client-certificate-data': base64(cert), 'client-key-data': base64(key)};
		const cluster = {server, 'certificate-authority': join(this.directory, 'ca.crt')};
		writeFileSync(path, kubeconfigText(cluster, credentials));
		return path;
	}

	/** A kubeconfig of its own that goes by an administrator's certificate. */
	writeAdminKubeconfig(): string {
		const {cert, key} = this.#admin;
		return this.writeKubeconfig({'client-certificate-data': base64(cert), 'client-key-data': base64(key)});
	}

	/** What the API server answers to an administrator. */
	async request(method: string, path: string, body?: object): Promise<Response> {
		const {cert, key} = this.#admin;
		const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
		const headers = {'content-type': type, accept: 'application/json'};
		const options = {method, cert, key, ca: this.authority.identity.cert, headers, agent: this.#agent};
		const request = httpsRequest(`${server}${path}`, options);
		request.end(body === undefined ? undefined : JSON.stringify(body));
		const [response] = await once(request, 'response');
		return {status: response.statusCode, headers: response.headers, body: await text(response)};
	}

	/**
	 * Asks again while an address or a port of a Service that was just deleted is not free yet: a watch tells of the
	 * deletion first.
	 *
	 * @throws Error when the API server does not take it
	 */
	async create(path: string, object: object): Promise<void> {
		for (let attempt = 1; ; attempt++) {
			const {status, body} = await this.request('POST', path, object);
			if (status === 201) {
				return;
			}

			if (attempt === 50 || !/provided (?:port|IP) is already allocated/.test(body)) {
				throw new Error(`the API server took no ${path}: ${status} ${body}`);
			}

			await setTimeout(100);
		}
	}

	/** As `kubectl apply` and a controller that writes the status. @throws Error when the API server does not take it */
	async createWithStatus(manifest: KubeManifest): Promise<void> {
		const {resourceVersion: _, ...metadata} = manifest.metadata;
		const path = collectionOf(manifest);
		await this.create(path, {...manifest, metadata});
		if (manifest.status !== undefined) {
			const {body} = await this.request('GET', `${path}/${metadata.name}`);
			const written = {...JSON.parse(body), status: manifest.status};
			const {status, body: answer} = await this.request('PUT', `${path}/${metadata.name}/status`, written);
			if (status !== 200) {
				throw new Error(`the API server took no status of ${path}/${metadata.name}: ${status} ${answer}`);
			}
		}
	}

	/** The API server makes those of its own soon after it is up. */
	async untilNamespace(name: string): Promise<void> {
		await until(async () => (await this.request('GET', `/api/v1/namespaces/${name}`)).status === 200);
	}

	async delete(manifest: KubeManifest): Promise<void> {
		await this.request('DELETE', `${collectionOf(manifest)}/${manifest.metadata.name}`);
	}

	async startEtcd(): Promise<void> {
		this.#etcd = this.#spawn('etcd', [
			`--data-dir=${join(this.directory, 'etcd')}`,
			`--listen-client-urls=${etcdServer}`,
			`--advertise-client-urls=${etcdServer}`,
			'--listen-peer-urls=http://127.0.0.1:2380',
			'--unsafe-no-fsync',
			'--log-level=error',
		]);
		await this.#untilUp(this.#etcd, 'etcd', async () => {
			const request = httpRequest(`${etcdServer}/health`);
			request.end();
			const [response] = await once(request, 'response');
			return (await text(response)).includes('"true"');
		});
	}

	async startApiServer(...more: readonly string[]): Promise<void> {
		const file = (name: string) => join(this.directory, name);
		this.#apiServer = this.#spawn('kube-apiserver', [
			`--etcd-servers=${etcdServer}`,
			'--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112',
			'--bind-address=0.0.0.0',
			'--advertise-address=192.0.2.1',
			'--endpoint-reconciler-type=none',
			`--tls-cert-file=${file('server.crt')}`,
			`--tls-private-key-file=${file('server.key')}`,
			`--client-ca-file=${file('ca.crt')}`,
			'--service-account-issuer=https://kubernetes.default.svc',
			`--service-account-key-file=${file('accounts.pub')}`,
			`--service-account-signing-key-file=${file('accounts.key')}`,
			'--authorization-mode=RBAC',
			'--allow-privileged=true', // as kubeadm starts it
			...auditFlags(this.directory),
			...more,
		]);
		await this.#untilUp(this.#apiServer, 'kube-apiserver', async () => {
			const {status} = await this.request('GET', '/readyz');
			return status === 200;
		});
	}

	/** kill -9. */
	async killApiServer(): Promise<void> {
		await kill(this.#apiServer);
		this.#agent.destroy();
		this.#agent = new Agent({keepAlive: true, maxSockets: 16});
	}

	async killEtcd(): Promise<void> {
		await kill(this.#etcd);
	}

	/** Copies etcd's data while it stands still, and returns what puts the copy back in its place. */
	backup(): () => void {
		const [data, copy] = [join(this.directory, 'etcd'), join(this.directory, 'etcd-backup')];
		cpSync(data, copy, {recursive: true});
		return () => {
			rmSync(data, {recursive: true});
			cpSync(copy, data, {recursive: true});
		};
	}

	/** Makes etcd forget everything that happened before now. */
	async compact(): Promise<void> {
		const {header} = await this.#etcdCall('/v3/kv/range', {key: base64('\0')});
		await this.#etcdCall('/v3/kv/compaction', {revision: header.revision, physical: true});
	}

	async stop(): Promise<void> {
		await this.killApiServer();
		await this.killEtcd();
		rmSync(this.directory, {recursive: true, force: true});
	}

	async #etcdCall(path: string, body: object): Promise<{readonly header: {readonly revision: string}}> {
		const request = httpRequest(`${etcdServer}${path}`, {method: 'POST'});
		request.end(JSON.stringify(body));
		const [response] = await once(request, 'response');
		return JSON.parse(await text(response));
	}

	#writeFiles(): void {
		const accounts = generateKeyPairSync('rsa', {modulusLength: 2048});
		const {cert, key} = this.authority.issueServer('127.0.0.1', '127.0.0.2', apiServerAddress);
		const files = {
			...auditFiles,
			'ca.crt': this.authority.identity.cert,
			'server.crt': cert,
			'server.key': key,
			'accounts.key': accounts.privateKey.export({type: 'pkcs8', format: 'pem'}),
			'accounts.pub': accounts.publicKey.export({type: 'spki', format: 'pem'}),
		};
		for (const [name, content] of Object.entries(files)) {
			writeFileSync(join(this.directory, name), content);
		}
	}

	#spawn(program: string, options: readonly string[]): ChildProcess {
		const log = openSync(join(this.directory, `${program}.log`), 'w');
		const path = join(process.env['KUBEBUILDER_ASSETS'] ?? '', program);
		// It goes with the test's process, however that ends: the next file needs its port.
		return spawn('setpriv', ['--pdeathsig', 'SIGKILL', path, ...options], {stdio: ['ignore', log, log]});
	}

	/** @throws Error with the end of its log when it ends instead */
	async #untilUp(child: ChildProcess, program: string, isUp: () => Promise<boolean>): Promise<void> {
		while (!(await isUp().catch(() => false))) {
			if (child.exitCode !== null || child.signalCode !== null) {
				const log = readFileSync(join(this.directory, `${program}.log`), 'utf8');
				throw new Error(`${program} ended: ${log.slice(-2000)}`);
			}

			await setTimeout(pollMs);
		}
	}
}

/** Asks again and again; who gives up is the test's time limit. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
	while (!(await holds())) {
		await setTimeout(pollMs);
	}
}

function collectionOf({kind, metadata: {namespace}}: KubeManifest): string {
	const {prefix, plural} = resourceOf({kind});
	return namespace === undefined ? `${prefix}/${plural}` : `${prefix}/namespaces/${namespace}/${plural}`;
}

function base64(content: string): string {
	return Buffer.from(content).toString('base64');
}

async function kill(child: ChildProcess | undefined): Promise<void> {
	if (child !== undefined && child.exitCode === null && child.signalCode === null) {
		const gone = once(child, 'exit');
		child.kill('SIGKILL');
		await gone;
	}
}
