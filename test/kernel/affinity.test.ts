import anyTest, {type ExecutionContext} from 'ava';
import {NftablesDataplane, printPlan} from '../../src/dataplane/nftables/nftables.ts';
import {Netns} from '../../src/kernel/netns.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import type {Frontend} from '../../src/plan/frontend.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {addresses} from '../lab/addresses.ts';
import type {Probe} from '../lab/requests.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {buildFrontend, buildPlan} from '../support/frontends.ts';
import {touchedBetween} from '../support/sticky-plans.ts';

const test = anyTest.serial; // one node, one set of rules
const {signal} = new AbortController();
let lab: Lab;
let netns: Netns;

/** Addresses of the outside host that are clients of their own. */
const clients = Array.from({length: 30}, (_, index) => [`198.18.0.${index + 1}`, `2001:db8:18::${index + 1}`] as const);

test.before(async () => {
	lab = await buildLab();
	netns = new Netns(lab.hosts.n1.netns);
	const lines = clients.flatMap(([four, six]) => [
		`address add ${four}/32 dev eth0`,
		`address add ${six}/128 dev eth0 nodad`,
	]);
	await lab.hosts.out.ask('ip', lines);
});
test.after.always(async () => {
	netns.close();
	await lab.end();
});

/** The Service that all tests are about: a cluster IP and an external one, both families, TCP and UDP. */
const entrances = [
	['10.96.1.1', 'TCP'],
	['198.51.100.1', 'TCP'],
	['fd00:96::101', 'UDP'],
	['2001:db8:51::1', 'UDP'],
] as const;

type Pod = 'a' | 'b' | 'c';

function service(pods: readonly Pod[], affinityTimeoutSeconds: number | undefined): Frontend[] {
	return entrances.map(([address, protocol], index) => {
		const target = pods.map((pod) => `${addresses[pod][index < 2 ? 0 : 1]}${pod === 'c' ? '' : '!'}`).join(' ');
		const kind = index % 2 === 0 ? 'clusterIP' : 'externalIP';
		return buildFrontend({address, protocol, kind, masquerade: 'always', target, affinityTimeoutSeconds});
	});
}

/** A dataplane in n1 that has the plan in force; it goes with the test. */
async function serve(t: ExecutionContext, plan: Plan): Promise<NftablesDataplane> {
	const dataplane = new NftablesDataplane({kernel: new Nftables({netns})});
	t.teardown(async () => {
		await dataplane.cleanup();
		dataplane.close();
	});
	t.deepEqual((await dataplane.sync(plan, true, signal)).refused, []);
	return dataplane;
}

async function change(t: ExecutionContext, dataplane: NftablesDataplane, before: Plan, after: Plan): Promise<void> {
	const touched = touchedBetween(before, after);
	const rest = {node: false, healthChecks: false, unserved: new Set<string>(), staleFlows: []};
	t.deepEqual((await dataplane.update(after, {touched, ...rest}, signal)).refused, []);
}

/** Who answers each client, by client and entrance: `198.18.0.1 10.96.1.1` → `a`. */
async function ask(which: readonly (typeof entrances)[number][] = entrances): Promise<ReadonlyMap<string, string>> {
	const probes = clients.flatMap((pair) =>
		which.map(([address, protocol]): Probe => {
			return {protocol, address, port: 80, from: pair[address.includes(':') ? 1 : 0]};
		}),
	);
	const results = await lab.hosts.out.ask('probe', {probes, deadlineMs: 2500});
	return new Map(
		results.map((result, index) => {
			const {from, address} = probes[index] ?? {};
			return [`${from} ${address}`, result.kind === 'answered' ? result.by : result.kind];
		}),
	);
}

/** Who answers each client, by client alone; several where they differ from entrance to entrance. */
function byClient(answers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
	const groups = Map.groupBy([...answers].toSorted(), ([key]) => key.split(' ')[0]);
	return new Map([...groups].map(([from, group]) => [from ?? '', [...new Set(group.map(([, by]) => by))].join()]));
}

function distinct(values: Iterable<string>): string[] {
	return [...new Set(values)].toSorted();
}

async function nft(...args: readonly string[]): Promise<string> {
	return (await lab.hosts.n1.exec('nft', args)).stdout;
}

/** Milliseconds until the kernel forgets the client of this address. */
async function expiryMs(client: string): Promise<number | undefined> {
	const listing = await nft('list', 'map', 'ip', 'fairlead', 'affinity');
	const [, text] =
		new RegExp(String.raw`\. ${client.replaceAll('.', String.raw`\.`)} .*? expires (\w+)`).exec(listing) ?? [];
	const units: Readonly<Record<string, number>> = {m: 60_000, s: 1000, ms: 1};
	return text === undefined
		? undefined
		: [...text.matchAll(/(\d+)(ms|m|s)/g)].reduce(
				(sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0),
				0,
			);
}

/** Polls the kernel's own clock: the loop ends with the condition. */
async function until(condition: () => Promise<boolean>): Promise<void> {
	while (!(await condition())); // nothing between: each look is a process of its own
}

test('a client keeps its pod, by whichever address it comes, and clients are spread over all pods', async (t) => {
	await serve(t, buildPlan(service(['a', 'b', 'c'], 600)));
	const first = byClient(await ask());
	t.deepEqual(distinct(first.values()), ['a', 'b', 'c']);
	t.deepEqual(byClient(await ask()), first);
	t.deepEqual(byClient(await ask(entrances.toReversed())), first);
});

/** The external address has the pods of this node for those outside, the cluster IP all. */
function servicePerPolicy(): Plan {
	const near = service(['a', 'b'], 600);
	const frontends = service(['a', 'b', 'c'], 600).map((front, index) => {
		const isExternal = front.kind === 'externalIP';
		return isExternal ? ({...front, masquerade: 'node', local: near[index]?.target} as const) : front;
	});
	return buildPlan(frontends);
}

const clusterIps = entrances.filter((_, index) => index % 2 === 0);
const externalIps = entrances.filter((_, index) => index % 2 === 1);

test('a client that came by the list of this node keeps its pod by the list of all', async (t) => {
	await serve(t, servicePerPolicy());
	const first = byClient(await ask(externalIps));
	t.deepEqual(distinct(first.values()), ['a', 'b']);
	t.deepEqual(byClient(await ask(clusterIps)), first);
});

test('a client that came by the list of all keeps its pod by that of this node, unless that has it not', async (t) => {
	await serve(t, servicePerPolicy());
	const anywhere = byClient(await ask(clusterIps));
	t.deepEqual(distinct(anywhere.values()), ['a', 'b', 'c']);
	const near = byClient(await ask(externalIps));
	t.deepEqual(
		[...near].filter(([from, by]) => anywhere.get(from) !== 'c' && anywhere.get(from) !== by),
		[],
	);
	t.deepEqual(distinct(near.values()), ['a', 'b']);
	t.deepEqual(byClient(await ask(clusterIps)), near, 'who was moved is so for all addresses');
});

test('when a pod goes its clients have another one from their next connection on, and no other client moves', async (t) => {
	const [all, less] = [buildPlan(service(['a', 'b', 'c'], 600)), buildPlan(service(['a', 'c'], 600))];
	const dataplane = await serve(t, all);
	const first = byClient(await ask());
	await change(t, dataplane, all, less);
	const second = byClient(await ask());
	t.deepEqual(distinct(second.values()), ['a', 'c']);
	t.deepEqual(
		[...second].filter(([from, by]) => first.get(from) !== 'b' && first.get(from) !== by),
		[],
	);
	await change(t, dataplane, less, all);
	t.deepEqual(byClient(await ask()), second, 'one that comes back is given none of them');
});

test('a daemon that starts again sends nothing, and clients keep their pods', async (t) => {
	const plan = buildPlan(service(['a', 'b', 'c'], 600));
	const first = await serve(t, plan);
	const before = byClient(await ask());
	first.close();
	const second = await serve(t, plan);
	t.deepEqual(await second.sync(plan, true, signal), {operations: 0, refused: []});
	t.deepEqual(byClient(await ask()), before);
	await change(t, second, plan, buildPlan(service(['a', 'c'], 600)));
	const after = byClient(await ask());
	t.deepEqual(
		[...after].filter(([from, by]) => before.get(from) !== 'b' && before.get(from) !== by),
		[],
	);
});

const [clusterIp] = entrances;
const [client] = clients;
const probe: Probe = {protocol: 'TCP', address: clusterIp[0], port: 80, from: client?.[0] ?? ''};

async function connect(): Promise<string> {
	const [result] = await lab.hosts.out.ask('probe', {probes: [probe], deadlineMs: 2500});
	return result?.kind === 'answered' ? result.by : String(result?.kind);
}

test('each new connection begins the timeout anew', async (t) => {
	await serve(t, buildPlan(service(['a', 'b', 'c'], 4)));
	const by = await connect();
	const begun = performance.now();
	for (let round = 0; round < 3; round++) {
		await until(async () => ((await expiryMs(probe.from ?? '')) ?? 0) < 2500);
		t.is(await connect(), by);
		t.true(((await expiryMs(probe.from ?? '')) ?? 0) > 2500);
	}

	t.true(performance.now() - begun > 4000, 'longer than one timeout in all');
});

test('a client that opened no connection for the timeout is given any pod', async (t) => {
	await serve(t, buildPlan(service(['a', 'b', 'c'], 1)));
	const seen = new Set<string>();
	for (let round = 0; round < 30 && seen.size < 2; round++) {
		seen.add(await connect());
		await until(async () => (await expiryMs(probe.from ?? '')) === undefined);
	}

	t.is(seen.size, 2);
});

test('when affinity comes, goes or changes its timeout, open connections go on and the next ones follow', async (t) => {
	const plans = [undefined, 600, 90, undefined].map((timeout) => buildPlan(service(['a', 'b', 'c'], timeout)));
	const [plain, sticky, shorter, again] = plans;
	if (!(plain && sticky && shorter && again)) {
		throw new Error('four plans were made');
	}

	const dataplane = await serve(t, plain);
	const targets = entrances.slice(0, 2).map(([address]) => ({protocol: 'TCP', address, port: 80}) as const);
	t.is((await lab.hosts.out.ask('hold', {targets, count: 40, periodMs: 20})).open, 40);
	await change(t, dataplane, plain, sticky);
	const kept = byClient(await ask());
	t.deepEqual(byClient(await ask()), kept);
	t.true(((await expiryMs(probe.from ?? '')) ?? 0) > 590_000);
	await change(t, dataplane, sticky, shorter);
	t.deepEqual(byClient(await ask()), kept, 'a timeout is no reason to move');
	t.true(((await expiryMs(probe.from ?? '')) ?? Number.POSITIVE_INFINITY) <= 90_000);
	await change(t, dataplane, shorter, again);
	t.true(
		[...byClient(await ask()).values()].some((by) => by.includes(',')),
		'spread again',
	);
	const held = await lab.hosts.out.ask('release', null);
	t.deepEqual(held.lost, []);
	t.true(held.echoes > 40);
});

test('while affinity comes and goes, and pods do, no connection fails', async (t) => {
	const states = [undefined, 600, 90].flatMap((timeout) =>
		[['a', 'b', 'c'], ['c', 'a'], ['b'], ['b', 'c']].map((pods) => buildPlan(service(pods as Pod[], timeout))),
	);
	let before = states[0] ?? buildPlan([]);
	const dataplane = await serve(t, before);
	const targets = entrances.map(([address, protocol]): Probe => ({address, protocol, port: 80}));
	await lab.hosts.out.ask('rate', {targets, perSecond: 400});
	for (let step = 1; step <= 3 * states.length; step++) {
		const after = states[(step * 5) % states.length] ?? before; // every state, each behind one of another kind
		await change(t, dataplane, before, after);
		for (let begun = 0; begun < 8; ) {
			const window = await lab.hosts.out.ask('window', null);
			t.deepEqual(window.failures, [], `step ${step}`);
			begun += window.begun;
		}

		before = after;
	}

	t.deepEqual((await lab.hosts.out.ask('stop', null)).failures, []);
});

test('when the map of clients is full, those beyond are served by any pod', async (t) => {
	const plan = buildPlan(service(['a', 'b', 'c'], 600));
	await lab.hosts.n1.exec('nft', ['-f', '-'], printPlan(plan).replaceAll('size 1048576', 'size 5'));
	const dataplane = await serve(t, plan);
	t.regex(await nft('list', 'map', 'ip', 'fairlead', 'affinity'), /size 5$/m);
	const rounds = [await ask(), await ask(), await ask(), await ask()].map(byClient);
	const servers = clients.flat().map((from) => new Set(rounds.flatMap((round) => round.get(from)?.split(',') ?? [])));
	t.deepEqual(distinct(servers.flatMap((set) => [...set])), ['a', 'b', 'c'], 'and none is dropped or refused');
	t.is(servers.filter(({size}) => size === 1).length, 2 * 5, 'five of each family are remembered');
	t.is((await dataplane.sync(plan, true, signal)).operations, 0);
});

test('a first packet goes on without the backend’s id in its priority', async (t) => {
	await serve(t, buildPlan(service(['a', 'c'], 600)));
	const watch = (family: string) =>
		`add table ${family} watch; add chain ${family} watch last { type filter hook postrouting priority 300; };` +
		` add rule ${family} watch last meta priority and 0x80000000 != 0 counter;`;
	await lab.hosts.n1.exec('nft', [watch('ip') + watch('ip6')]);
	t.teardown(async () => await nft('delete table ip watch; delete table ip6 watch'));
	await ask();
	await lab.hosts.n1.ask('probe', {
		probes: entrances.map(([address, protocol]) => ({address, protocol, port: 80})),
		deadlineMs: 2500,
	});
	t.is((await nft('list', 'ruleset')).match(/counter packets 0 bytes 0/g)?.length, 2);
});
