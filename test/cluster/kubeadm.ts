import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {load} from 'js-yaml';
import {apiServerAddress} from '../lab/served-node.ts';
import type {Cluster} from './cluster.ts';

const namespace = '/api/v1/namespaces/kube-system/configmaps';
const account = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What `kubeadm init` writes for kube-proxy. Source: kubeadm 1.36, cmd/kubeadm/app/phases/addons/proxy/manifests.go */
const kubeconfig = `apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority: ${account}/ca.crt
    server: https://${apiServerAddress}:6443
  name: default
contexts:
- context:
    cluster: default
    namespace: default
    user: default
  name: default
current-context: default
users:
- name: default
  user:
    tokenFile: ${account}/token
`;

/** How a flag is spelled in KubeProxyConfiguration. */
const fields: Readonly<Record<string, (text: string) => object>> = {
	'cluster-cidr': (clusterCIDR) => ({clusterCIDR}),
	'detect-local-mode': (detectLocalMode) => ({detectLocalMode}),
	'pod-bridge-interface': (bridgeInterface) => ({detectLocal: {bridgeInterface}}),
	'pod-interface-name-prefix': (interfaceNamePrefix) => ({detectLocal: {interfaceNamePrefix}}),
	'nodeport-addresses': (text) => ({nodePortAddresses: text.split(',')}),
	'masquerade-all': (text) => ({nftables: {masqueradeAll: text === 'true'}}),
	'hostname-override': () => ({}), // the node's name comes with the Pod
};

/**
 * The ConfigMap `kube-proxy` as kubeadm makes it, with the settings that these flags stand for.
 *
 * @throws Error when a flag has no field here
 */
function kubeProxyConfigMap(flags: ReadonlyMap<string, string>): object {
	const file = join(import.meta.dirname, '../config/files/kubeadm.yaml');
	const settings = [...flags].map(([flag, text]) => {
		const spell = fields[flag];
		if (spell === undefined) {
			throw new Error(`no field of KubeProxyConfiguration is known for --${flag}`);
		}

		return spell(text);
	});
	// nobody may make room for connections in a namespace that is not the host's: what there is has to do
	const own = {clusterCIDR: '', conntrack: {maxPerCore: 0}};
	const config = Object.assign({}, load(readFileSync(file, 'utf8')), own, ...settings);
	return {
		metadata: {name: 'kube-proxy', namespace: 'kube-system'},
		data: {'config.conf': JSON.stringify(config), 'kubeconfig.conf': kubeconfig},
	};
}

/** Makes the ConfigMap, or writes it anew, as an operator edits it. */
export async function configureKubeProxy(cluster: Cluster, flags: ReadonlyMap<string, string>): Promise<void> {
	await cluster.request('DELETE', `${namespace}/kube-proxy`);
	await cluster.create(namespace, kubeProxyConfigMap(flags));
}

/** The ConfigMap by which each Pod knows the API server's CA: the work of a controller that does not run here. */
export async function publishAuthority(cluster: Cluster): Promise<void> {
	const data = {'ca.crt': cluster.authority.identity.cert};
	await cluster.create(namespace, {metadata: {name: 'kube-root-ca.crt'}, data});
}
