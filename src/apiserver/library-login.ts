import type {RequestOptions} from 'node:https';
import {type Cluster, KubeConfig, type User} from '@kubernetes/client-node';
import type {Content, Login} from './login.ts';

/**
 * A login that runs a plugin, asks an identity provider, goes through a proxy or stands in for somebody else.
 *
 * @param server URL in place of the kubeconfig's own
 * @param token what the kubeconfig says of a token: the library (2.0.1) does not know the field `tokenFile`
 * @throws what is wrong with the file
 */
export async function libraryLogin(
	kubeconfig: string,
	server: string | undefined,
	token: Content | undefined,
): Promise<Login> {
	const config = new KubeConfig();
	config.loadFromFile(kubeconfig);
	const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
	if (cluster === null || user === null) {
		throw new Error('its current context names no cluster and user');
	}

	const to = withServer(cluster, server ?? cluster.server);
	config.loadFromClusterAndUser(to, token !== undefined && 'file' in token ? withTokenFile(user, token.file) : user);
	return {
		server: to.server,
		isProxied: cluster.proxyUrl !== undefined,
		options: async () => {
			const options: RequestOptions = {};
			await config.applyToHTTPSOptions(options);
			return options;
		},
	};
}

function withServer(cluster: Cluster, server: string): Cluster {
	// the library takes plain HTTP only of those who skip the verification that it has none of
	const skipTLSVerify = cluster.skipTLSVerify || server.startsWith('http:');
	return {...cluster, skipTLSVerify, server: server.replace(/\/$/, '')};
}

/** As the library says it for the service account of a Pod. */
function withTokenFile(user: User, tokenFile: string): User {
	return {...user, authProvider: {name: 'tokenFile', config: {tokenFile}}};
}
