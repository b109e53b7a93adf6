import {existsSync, readFileSync} from 'node:fs';
import {dirname, resolve} from 'node:path';
import type {Cluster, KubeConfig, User} from '@kubernetes/client-node';
import {child, eachItem, readTextOrNone, rootField} from '../model/fields.ts';

/** Where a Pod finds the token of its service account. Source: client-go, rest.InClusterConfig. */
const accountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

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

/**
 * The library's configuration, with one cluster and one user. The library takes 0.4 s and 73 MB to import: it is
 * imported when this is first called.
 *
 * @throws what is wrong with the file, or Error when there is none to read
 */
export async function loadConfig({kubeconfig, server, root = ''}: ConfigOptions): Promise<KubeConfig> {
	const library = await import('@kubernetes/client-node');
	const config = new library.KubeConfig();
	if (kubeconfig !== undefined) {
		config.loadFromFile(kubeconfig);
	} else if (
		process.env['KUBERNETES_SERVICE_HOST'] !== undefined ||
		(server !== undefined && existsSync(`${root}${accountToken}`))
	) {
		config.loadFromCluster(root);
	} else if (server !== undefined) {
		config.loadFromClusterAndUser(withServer({name: 'master', server, skipTLSVerify: false}, server), {name: 'nobody'});
	} else {
		throw new Error('there is no kubeconfig, and this process runs in no Pod');
	}

	const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
	if (cluster === null || user === null) {
		throw new Error(`its current context, "${config.getCurrentContext()}", names no cluster and user`);
	}

	const tokenFile =
		kubeconfig === undefined ? '' : findTokenFile(library.loadYaml(readFileSync(kubeconfig, 'utf8')), user.name);
	config.loadFromClusterAndUser(
		server === undefined ? cluster : withServer(cluster, server),
		tokenFile === '' ? user : withTokenFile(user, resolve(dirname(kubeconfig ?? ''), tokenFile)),
	);
	return config;
}

function withServer(cluster: Cluster, server: string): Cluster {
	// the library takes plain HTTP only of those who skip the verification that it has none of
	const skipTLSVerify = cluster.skipTLSVerify || server.startsWith('http:');
	return {...cluster, skipTLSVerify, server: server.replace(/\/$/, '')};
}

/** `tokenFile` of a user, which is how kubeadm's kube-proxy names its token. The library (2.0.1) does not know the field. */
function findTokenFile(kubeconfig: unknown, userName: string): string {
	const users = eachItem(rootField(kubeconfig, 'kubeconfig'), 'users', (list, index) => child(list, index));
	const user = users.find((each) => readTextOrNone(each, 'name') === userName);
	return user === undefined ? '' : readTextOrNone(child(user, 'user'), 'tokenFile');
}

/** As the library says it for the service account of a Pod. */
function withTokenFile(user: User, tokenFile: string): User {
	return {...user, authProvider: {name: 'tokenFile', config: {tokenFile}}};
}
