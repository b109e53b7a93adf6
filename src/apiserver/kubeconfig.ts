import {existsSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {dirname, resolve} from 'node:path';
import {load} from 'js-yaml';
import {
	child,
	eachItem,
	type Field,
	isPresent,
	readFlag,
	readText,
	readTextOrNone,
	rootField,
} from '../model/fields.ts';
import {type Content, type Login, plainLogin} from './login.ts';

export type ConfigOptions = {
	/** Path of a kubeconfig file; without one, the service account of the Pod that this process runs in. */
	readonly kubeconfig?: string | undefined;
	/**
	 * URL of the API server, in place of the one that the configuration names. Without it a Pod goes to
	 * KUBERNETES_SERVICE_HOST, a service IP, which works only where something else serves that already. In no Pod, and
	 * without a kubeconfig, it is asked as nobody.
	 */
	readonly server?: string | undefined;
	/** What goes before the path of the service account. */
	readonly root?: string;
};

/** Where a Pod finds its service account. Source: client-go, rest.InClusterConfig. */
const account = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What takes more than texts and files: the library does it, and is loaded for nobody else. */
const beyondFiles = {cluster: ['proxy-url'], user: ['exec', 'auth-provider', 'as']} as const;

/**
 * The login that the options say.
 *
 * @throws what is wrong with the kubeconfig, or Error when there is none to read
 */
export async function openLogin({kubeconfig, server, root = ''}: ConfigOptions): Promise<Login> {
	if (kubeconfig !== undefined) {
		return await loginOfFile(kubeconfig, server);
	}

	const isPod = process.env['KUBERNETES_SERVICE_HOST'] !== undefined;
	if (server === undefined && !isPod) {
		throw new Error('there is no kubeconfig, and this process runs in no Pod');
	}

	const [authority, token] = ['ca.crt', 'token'].map((name) => ({file: `${root}${account}/${name}`}));
	const isSomebody = isPod || existsSync(token?.file ?? '');
	return plainLogin({server: server ?? serviceUrl(), ...(isSomebody && {authority, token})});
}

/** Source: client-go, rest.InClusterConfig. */
function serviceUrl(): string {
	const {KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443'} = process.env;
	return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Source: client-go, clientcmd/api/v1 types.go. */
async function loginOfFile(path: string, server: string | undefined): Promise<Login> {
	const root = rootField(load(await readFile(path, 'utf8')), 'kubeconfig');
	const name = readTextOrNone(root, 'current-context');
	const context = named(root, 'contexts', 'context', name);
	const cluster = context && named(root, 'clusters', 'cluster', readTextOrNone(context, 'cluster'));
	const user = context && named(root, 'users', 'user', readTextOrNone(context, 'user'));
	if (cluster === undefined || user === undefined) {
		throw new Error(`its current context, ${JSON.stringify(name)}, names no cluster and user`);
	}

	const folder = dirname(path);
	const isBeyond =
		beyondFiles.cluster.some((field) => isPresent(cluster, field)) ||
		beyondFiles.user.some((field) => isPresent(user, field));
	if (isBeyond) {
		const {libraryLogin} = await import('./library-login.ts');
		return await libraryLogin(path, server, contentOf(user, 'token', folder));
	}

	const [who, password] = [readTextOrNone(user, 'username'), readTextOrNone(user, 'password')];
	return plainLogin({
		server: server ?? readText(cluster, 'server'),
		authority: contentOf(cluster, 'certificate-authority', folder),
		serverName: readTextOrNone(cluster, 'tls-server-name') || undefined,
		isInsecure: readFlag(cluster, 'insecure-skip-tls-verify', false),
		certificate: contentOf(user, 'client-certificate', folder),
		key: contentOf(user, 'client-key', folder),
		token: contentOf(user, 'token', folder),
		basic: who === '' ? undefined : `${who}:${password}`,
	});
}

/** What the item called `name` of the list at `list` holds under `key`; undefined when there is no such item. */
function named(root: Field, list: string, key: string, name: string): Field | undefined {
	const items = eachItem(root, list, (all, index) => child(all, index));
	const item = items.find((each) => readTextOrNone(each, 'name') === name);
	return item && child(item, key);
}

/**
 * What a field says: by itself, in base64 under `-data`, or in the file that it names. Files are looked for beside the
 * kubeconfig. Of a token the file counts, of anything else the data.
 */
function contentOf(holder: Field, field: string, folder: string): Content | undefined {
	const isToken = field === 'token';
	const data = readTextOrNone(holder, isToken ? 'token' : `${field}-data`);
	const file = readTextOrNone(holder, isToken ? 'tokenFile' : field);
	if (file !== '' && (isToken || data === '')) {
		return {file: resolve(folder, file)};
	}

	return data === '' ? undefined : {text: isToken ? data : Buffer.from(data, 'base64').toString()};
}
