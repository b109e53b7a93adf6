import {NetError} from '../src/errors.ts';
import {beginLoad, endLoad, loadFor, putObjects, type Scene, startDaemon} from './demo-scene.ts';
import {count, printCounts} from './demo-traffic.ts';

export async function killUnderLoad(scene: Scene): Promise<void> {
	const {story, lab, folder} = scene;
	story.step('kill -9 under load');
	await beginLoad(scene);
	await loadFor(scene, 1000);
	await scene.daemon.kill('SIGKILL');
	story.say(`   the daemon (process ${scene.daemon.pid}) was killed; while it is gone, web-endpoints.yaml gets c back`);
	await putObjects(folder, 'added');
	await loadFor(scene, 2000);
	const began = performance.now();
	scene.daemon = startDaemon(lab, folder);
	await scene.daemon.ready();
	story.fact(`a new daemon took over in ${Math.round(performance.now() - began)} ms`, true);
	await loadFor(scene, 2000);
	await endLoad(scene);
	const counts = await count(lab, 'out', 'web load-balancer IP', 150);
	story.fact(`300 connections from outside: ${printCounts(counts)}`, [...counts.by.keys()].join(' ') === 'a b c');
}

/** What someone else on the node may try, as a person would type it. */
const attacks = [
	['nft', 'delete', 'table', 'ip', 'fairlead'],
	['nft', 'flush', 'ruleset'],
	['nft', 'delete', 'table', 'ip6', 'fairlead'],
] as const;

export async function deleteUnderLoad(scene: Scene): Promise<void> {
	const {story, lab} = scene;
	story.step('Someone else deletes our tables, under load');
	await beginLoad(scene);
	for (const [tool, ...args] of attacks) {
		await loadFor(scene, 500);
		story.say(`   # ${[tool, ...args].join(' ')}   ${await say(async () => await lab.hosts.n1.exec(tool, args))}`);
	}

	await loadFor(scene, 1000);
	await endLoad(scene);
	const {stdout} = await lab.hosts.n1.exec('nft', ['list', 'tables']);
	story.fact(
		'both tables are there',
		['ip', 'ip6'].every((family) => stdout.includes(`table ${family} fairlead\n`)),
		stdout,
	);
}

/** What a tool said to it: its first line, or that it was done. */
async function say(act: () => Promise<unknown>): Promise<string> {
	try {
		await act();
		return 'done';
	} catch (caught) {
		const {details} = caught instanceof NetError ? caught : {details: {stderr: String(caught)}};
		return String(details['stderr']).split('\n')[0] ?? '';
	}
}
