import {Cluster} from '../../src/daemon/cluster.ts';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {Netns} from '../../src/kernel/netns.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import type {Change} from '../../src/model/change.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import type {Host} from '../../test/lab/host.ts';
import {clusterCidr, endpoint, nodeName, nodeObjects, type Pair, pairsOf, service, slice} from './cluster.ts';
import {podAddresses} from './connect-lab.ts';
import {kubeProxyRuleset} from './peer.ts';

/** The Service that connections go to: three endpoints, TCP and UDP; all others have one endpoint, TCP. */
function* pairsOfSize(services: number): Generator<Pair> {
	const [first, ...others] = pairsOf(services, 1);
	if (first === undefined) {
		throw new RangeError('a cluster of no Services has nothing to connect to');
	}

	yield {
		service: {
			...service(0),
			ports: [
				{name: 'http', protocol: 'TCP', port: 80, nodePort: 0},
				{name: 'quic', protocol: 'UDP', port: 80, nodePort: 0},
			],
		},
		slice: {
			...slice(0, podAddresses.map(endpoint)),
			ports: [
				{name: 'http', protocol: 'TCP', port: 8080},
				{name: 'quic', protocol: 'UDP', port: 8080},
			],
		},
	};
	yield* others;
}

/** Loads a cluster as the daemon does: its planner, its dataplane, over netlink. What was loaded stays. */
export async function loadOurs(node: Host, services: number): Promise<void> {
	const cluster = new Cluster({
		nodeName,
		families: ['IPv4', 'IPv6'],
		detector: {kind: 'clusterCidr', cidrs: [parsePrefix(clusterCidr)]},
		masqueradeAll: false,
		nodePortAddresses: ['primary'],
		nodeIps: [],
	});
	const changes = [...nodeObjects(), ...[...pairsOfSize(services)].flatMap(changesOf)];
	for (const change of changes) {
		cluster.take(change);
	}

	while (cluster.advance());
	using netns = new Netns(node.netns);
	const dataplane = new NftablesDataplane({kernel: new Nftables({netns})});
	const {refused} = await dataplane.sync(cluster.plan, true, new AbortController().signal);
	dataplane.close();
	if (refused[0] !== undefined) {
		throw refused[0].error;
	}
}

function changesOf(pair: Pair): Change[] {
	return [
		{verb: 'put', object: pair.service},
		{verb: 'put', object: pair.slice},
	];
}

/** Loads the same cluster in kube-proxy's shape. */
export async function loadKubeProxy(node: Host, services: number): Promise<void> {
	await node.exec('nft', ['-f', '-'], [...kubeProxyRuleset(pairsOfSize(services))].join(''));
}
