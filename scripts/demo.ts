/** The main job, shown: real objects, the real daemon, the real kernel, in namespaces of their own. See scripts/demo. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {addresses} from '../test/lab/addresses.ts';
import {runFairlead} from '../test/lab/daemon.ts';
import {buildLab, type Lab} from '../test/lab/topology.ts';
import {deleteUnderLoad, killUnderLoad} from './demo-faults.ts';
import {attachPods, detachPods} from './demo-pods.ts';
import {putObjects, type Scene, startDaemon, stateDir} from './demo-scene.ts';
import {addEndpoint, askAround, moveFlows, removeEndpoint, stayWithOne} from './demo-services.ts';
import {Story} from './demo-story.ts';
import {count, printCounts} from './demo-traffic.ts';

const story = new Story();

function printCluster(): void {
	const line = (name: keyof typeof addresses, what: string) => [name, ...addresses[name], what];
	story.table([
		['host', 'IPv4', 'IPv6', ''],
		line('n1', 'the node; fairlead runs here'),
		line('a', 'pod of n1, without a network yet'),
		line('b', 'pod of n1, likewise'),
		line('n2', 'another node'),
		line('c', 'pod of n2'),
		line('out', 'outside the cluster'),
	]);
}

async function start(lab: Lab, folder: string): Promise<Scene> {
	story.step('fairlead run --objects DIR');
	await putObjects(folder, 'start');
	const began = performance.now();
	const daemon = startDaemon(lab, folder);
	await daemon.ready();
	story.table([
		['in DIR', ''],
		['cluster.yaml', 'Nodes n1 and n2, a ServiceCIDR'],
		['services.yaml', 'in namespace shop: web (LoadBalancer), dns (NodePort, externalTrafficPolicy Local),'],
		['', 'cart (NodePort, sessionAffinity ClientIP), admin (LoadBalancer, loadBalancerSourceRanges), game (UDP)'],
		['*-endpoints.yaml', 'EndpointSlices of web, dns, cart and admin: a, c; of game: a'],
	]);
	story.fact(
		`everything is in the kernel ${Math.round(performance.now() - began)} ms after the process was started`,
		true,
	);
	return {story, lab, folder, daemon};
}

async function showStatus({lab, folder}: Scene): Promise<void> {
	story.step('fairlead status');
	const text = await runFairlead(lab.hosts.n1, ['status', '--state-dir', stateDir(folder)]);
	story.say(text.trimEnd().replaceAll(/^/gm, '   '));
}

async function cleanUp({lab, daemon}: Scene): Promise<void> {
	story.step('fairlead cleanup');
	await daemon.kill('SIGTERM');
	await runFairlead(lab.hosts.n1, ['cleanup']);
	const counts = await count(lab, 'out', 'web node port', 5);
	const {stdout} = await lab.hosts.n1.exec('nft', ['list', 'tables']);
	story.fact('its tables are gone from the kernel', stdout.trim() === '', stdout);
	story.fact('the node port is closed', [...counts.by.keys()].join() === 'refused', printCounts(counts));
}

async function tell(): Promise<void> {
	story.say('Fairlead: pods and Services on one node. Everything below happens in network namespaces of its own.');
	story.step('A small cluster');
	const lab = await buildLab('bare');
	const folder = await mkdtemp(join(tmpdir(), 'fairlead-demo-'));
	try {
		printCluster();
		const scene = await start(lab, folder);
		await attachPods(scene);
		await askAround(scene);
		await stayWithOne(scene);
		await addEndpoint(scene);
		await removeEndpoint(scene);
		await moveFlows(scene);
		await killUnderLoad(scene);
		await deleteUnderLoad(scene);
		await showStatus(scene);
		await detachPods(scene);
		await cleanUp(scene);
	} finally {
		await lab.end();
		await rm(folder, {recursive: true, force: true});
	}
}

await tell();
process.exitCode = story.end() ? 0 : 1;
