import {addresses} from '../test/lab/addresses.ts';
import {type Called, callPlugin} from '../test/lab/cni-plugin.ts';
import {type Scene, stateDir} from './demo-scene.ts';

const pods = ['a', 'b'] as const;
type Pod = (typeof pods)[number];

/** Gives a and b their network as a container runtime does: by calling the CNI plugin. */
export async function attachPods(scene: Scene): Promise<void> {
	const {story} = scene;
	story.step('fairlead-cni, called by the runtime with ADD');
	const began = performance.now();
	const added = await Promise.all(pods.map(async (pod) => await call(scene, pod, 'ADD')));
	const ms = Math.round(performance.now() - began);
	story.table(pods.map((pod, index) => [pod, ...ipsOf(added[index]), linkOf(added[index])]));
	const wanted = pods.flatMap((pod) => addresses[pod]).join();
	const given = added.flatMap((each) => ipsOf(each)).join();
	story.fact(`a and b have their addresses, ${ms} ms after both calls began`, given === wanted, given);
	const results = await scene.lab.hosts.a.ask('probe', {
		probes: addresses.b.map((address) => ({protocol: 'UDP', address, port: 8080}) as const),
		deadlineMs: 2500,
	});
	const [first, second] = results;
	const isHeard = first?.kind === 'answered' && second?.kind === 'answered' && first.seen === addresses.a[0];
	story.fact('b answers a, and sees its own address', isHeard, JSON.stringify(results));
}

/** Takes their network away again. */
export async function detachPods(scene: Scene): Promise<void> {
	const {story, lab} = scene;
	story.step('fairlead-cni, called with DEL');
	const deleted = await Promise.all(pods.map(async (pod) => await call(scene, pod, 'DEL')));
	const {stdout} = await lab.hosts.n1.exec('ip', ['-o', 'route']);
	const left = stdout.split('\n').filter((line) => line.includes(' fair'));
	const isDone = deleted.every(({exitCode}) => exitCode === 0);
	story.fact('nothing leads to the pods any more', isDone && left.length === 0, left.join('; '));
}

async function call({lab, folder}: Scene, pod: Pod, verb: string): Promise<Called> {
	return await callPlugin({
		verb,
		config: {
			...{cniVersion: '1.1.0', name: 'demo', type: 'fairlead-cni', stateDir: stateDir(folder)},
			runtimeConfig: {ips: addresses[pod]},
		},
		env: {
			CNI_CONTAINERID: `demo-${pod}`,
			CNI_NETNS: lab.hosts[pod].netns,
			CNI_IFNAME: 'eth0',
			CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod};K8S_POD_UID=${pod}`,
		},
	});
}

function ipsOf(called: Called | undefined): readonly string[] {
	const ips: readonly {readonly address: string}[] = called?.output?.ips ?? [];
	return ips.map(({address}) => address.replace(/\/.*/, ''));
}

function linkOf(called: Called | undefined): string {
	return called?.output?.interfaces?.[0]?.name ?? JSON.stringify(called?.output);
}
