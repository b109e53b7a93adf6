import type {HostName} from '../test/lab/addresses.ts';
import type {Probe} from '../test/lab/requests.ts';
import {putObjects, type Scene} from './demo-scene.ts';
import {type Counts, count, type EntranceName, printCounts, probesOf} from './demo-traffic.ts';

/** Who is asked, who answers, and as whom the servers see the client. */
const rounds: readonly (readonly [from: HostName, to: EntranceName, by: string, seen: string])[] = [
	['b', 'web cluster IP', 'a c', 'b'],
	['b', 'dns cluster IP', 'a c', 'b'],
	['b', 'web external IP', 'a c', 'n1'],
	['b', 'web cluster IP, unused port', 'refused', ''],
	['n1', 'web cluster IP', 'a c', 'n1'],
	['n1', 'dns node port', 'a c', 'n1'],
	['n2', 'web node port', 'a c', 'n1'],
	['out', 'web node port', 'a c', 'n1'],
	['out', 'web external IP', 'a c', 'n1'],
	['out', 'web load-balancer IP', 'a c', 'n1'],
	['out', 'dns node port', 'a', 'out'],
	['n2', 'admin load-balancer IP', 'a c', 'n1'],
	['out', 'admin load-balancer IP', 'dropped', ''],
];

export async function askAround({story, lab}: Scene): Promise<void> {
	story.step('Who answers: 100 connections each, half of them IPv6');
	const counted = await Promise.all(
		rounds.map(async ([from, to, by, seen]) => ({from, to, by, seen, counts: await count(lab, from, to, 50)})),
	);
	const line = ({from, to, counts}: (typeof counted)[number]) => {
		const {protocol, port} = {...probesOf(to)[0]};
		return [from, to, `${port}/${protocol}`, printCounts(counts), [...counts.seen].join(', ')];
	};
	story.table([['from', 'to', 'port', 'answered by', 'which see'], ...counted.map(line)]);
	const wrong = counted.filter(
		({by, seen, counts}) => [...counts.by.keys()].join(' ') !== by || [...counts.seen].join(' ') !== seen,
	);
	story.fact(
		'each was answered by the endpoints it should reach, under the source address it should have',
		wrong.length === 0,
		wrong.map(({from, to}) => `${from} to ${to}`).join(', '),
	);
	story.say('     (dns keeps the true source outside: policy Local sends it to the pod on this node only;');
	story.say('      admin lets in the sources 172.31.1.0/24 and fd00:31::/64 alone)');
}

/** One client of a Service with session affinity meets one pod, wherever it enters. */
export async function stayWithOne({story, lab}: Scene): Promise<void> {
	story.step('Session affinity: Service cart, sessionAffinity ClientIP');
	const first = await Promise.all(probesOf('cart cluster IP').map(async (target) => await answererOf(target)));
	const entrances = ['cart cluster IP', 'cart node port'] as const;
	const all = await Promise.all(entrances.map(async (to) => await count(lab, 'out', to, 50)));
	story.table([
		['from', 'to', 'answered by'],
		...entrances.map((to, index) => ['out', to, printCounts(all[index] ?? nobody)]),
	]);
	const expected = [...new Set(first)].toSorted().join(' ');
	const same = all.every(({by}) => [...by.keys()].join(' ') === expected);
	story.fact(
		`200 connections of one client went to the pod that it met first (IPv4 ${first[0]}, IPv6 ${first[1]})`,
		same,
	);

	async function answererOf(target: Probe): Promise<string> {
		const [result] = await lab.hosts.out.ask('probe', {probes: [target], deadlineMs: 3000});
		return result?.kind === 'answered' ? result.by : 'nobody';
	}
}

const nobody: Counts = {by: new Map(), seen: new Set(), total: 0};

/** Replaces the file of web's endpoints, and waits until connections show it. */
async function change(
	{lab, folder}: Scene,
	version: 'added' | 'removed',
	shows: (names: Set<string>) => boolean,
): Promise<number> {
	await putObjects(folder, version);
	const began = performance.now();
	while (performance.now() - began < 5000) {
		const {by} = await count(lab, 'out', 'web cluster IP', 40); // one of three is not among 80 by chance once in 10^14
		if (shows(new Set(by.keys()))) {
			return Math.round(performance.now() - began);
		}
	}

	return Number.NaN;
}

export async function addEndpoint(scene: Scene): Promise<void> {
	const {story, lab} = scene;
	story.step('An endpoint is added: web-endpoints.yaml now lists a, b, c');
	const ms = await change(scene, 'added', (names) => names.has('b'));
	story.fact(`b answers within ${ms} ms of the file's change`, Number.isFinite(ms));
	const counts = await count(lab, 'out', 'web load-balancer IP', 150);
	story.fact(`300 connections from outside: ${printCounts(counts)}`, [...counts.by.keys()].join(' ') === 'a b c');
}

export async function removeEndpoint(scene: Scene): Promise<void> {
	const {story, lab} = scene;
	story.step('An endpoint is removed: web-endpoints.yaml now lists a, b');
	const ms = await change(scene, 'removed', (names) => !names.has('c'));
	story.fact(`c gets no new connection any more within ${ms} ms of the file's change`, Number.isFinite(ms));
	const counts = await count(lab, 'out', 'web load-balancer IP', 150);
	story.fact(`300 connections from outside: ${printCounts(counts)}`, [...counts.by.keys()].join(' ') === 'a b');
}

/** UDP clients that go on sending on one socket, a datagram every 10 ms, while their only backend is replaced. */
export async function moveFlows({story, lab, folder}: Scene): Promise<void> {
	story.step('UDP flows move: game-endpoints.yaml names c in the place of a, while clients go on sending');
	const flows = [
		...probesOf('game cluster IP').map((target) => ({host: lab.hosts.b, target})),
		...probesOf('game node port').map((target) => ({host: lab.hosts.out, target})),
	];
	await Promise.all(flows.map(async ({host, target}) => await host.ask('stream', {target, periodMs: 10})));
	await Promise.all(flows.map(async ({host, target}) => await host.ask('streamed', {target, by: 'a'})));
	await putObjects(folder, 'moved');
	const began = performance.now();
	await Promise.all(flows.map(async ({host, target}) => await host.ask('streamed', {target, by: 'c'})));
	const ms = Math.round(performance.now() - began);
	const ended = await Promise.all(flows.map(async ({host, target}) => await host.ask('unstream', target)));
	const answerers = new Set(ended.map(({runs}) => runs.map(({by}) => by).join(' then ')));
	story.fact(
		`4 sockets, from a pod and from outside, both families: answered by a, and within ${ms} ms of the change by c`,
		[...answerers].join() === 'a then c',
		[...answerers].join(', '),
	);
}
