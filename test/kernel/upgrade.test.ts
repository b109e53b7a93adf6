import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import anyTest, {type ExecutionContext} from 'ava';
import {sendAll} from '../../src/dataplane/nftables/door.ts';
import {KernelDoor} from '../../src/dataplane/nftables/kernel-door.ts';
import type {TableForm} from '../../src/dataplane/nftables/open.ts';
import {fullOps} from '../../src/dataplane/nftables/rules.ts';
import type {Op} from '../../src/dataplane/nftables/ruleset.ts';
import {Netns} from '../../src/kernel/netns.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import {type Family, families} from '../../src/net/address.ts';
import type {Host} from '../lab/host.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {buildNodePlan, buildPlan, podPrefixes} from '../support/frontends.ts';
import {layoutPlan, layoutServices, newerOps, olderOps, todaysOps} from '../support/layouts.ts';
import {Mending} from '../support/mending.ts';
import {tableText} from '../support/table-text.ts';

const test = anyTest.serial; // one node, one set of rules
const layouts = join(import.meta.dirname, '../golden/layouts');
const connections = 1000;
const newPerSecond = 400;
const targets = layoutServices.map(({address, port}) => ({protocol: 'TCP', address, port}) as const);

let lab: Lab;
test.before(async () => {
	lab = await buildLab();
});
test.after.always(async () => {
	await lab.end();
});

test.afterEach.always(cleanup);

const inNode = () => new Netns(lab.hosts.n1.netns);

async function nft(...args: readonly string[]): Promise<string> {
	return (await lab.hosts.n1.exec('nft', args)).stdout;
}

/** Puts a table of each family there and goes. */
async function leave(ops: (family: Family) => readonly Op[], form: TableForm): Promise<void> {
	using netns = inNode();
	using kernel = new Nftables({netns});
	for (const family of families) {
		const table: Op = {verb: 'add', kind: 'table', owned: form === 'owned'};
		const refused = await sendAll(new KernelDoor(kernel, family), [table, ...ops(family)]);
		if (refused.length > 0) {
			throw new Error('the kernel refused the table', {cause: refused[0]});
		}
	}
}

async function texts(): Promise<readonly string[]> {
	using netns = inNode();
	using kernel = new Nftables({netns});
	return [await tableText(kernel, 'IPv4'), await tableText(kernel, 'IPv6')];
}

/** The tables by their handles: one that was made anew has another. */
async function handles(): Promise<readonly string[]> {
	const names = families.map((family) => (family === 'IPv4' ? 'ip' : 'ip6'));
	const listings = await Promise.all(names.map(async (name) => await nft('-a', 'list', 'table', name, 'fairlead')));
	return listings.map((listing) => listing.split('\n')[0]?.replace(/ # progname.*?(?= # handle|$)/, '') ?? '');
}

/** Takes the tables that are there over, while 1,000 connections echo and new ones come; checks that nobody noticed. */
async function takeOver(
	t: ExecutionContext,
	form: TableForm,
	plan = layoutPlan,
): Promise<{readonly rebuilt: readonly string[]}> {
	const {out, b} = lab.hosts;
	const clients = [out, b];
	for (const host of clients) {
		await host.ask('hold', {targets, count: connections / clients.length, periodMs: 100});
		await host.ask('rate', {targets, perSecond: newPerSecond / clients.length});
	}

	await pause(500);
	const before = await Promise.all(clients.map(unanswered));
	using netns = inNode();
	const mending = new Mending({form, netns});
	mending.kernel.onCommit = async () => await pause(60); // so that each step is met by new connections
	const {refused, rebuilt = []} = await mending.sync(plan);
	t.deepEqual(refused, []);
	await pause(1300); // a first packet without an answer is sent again after one second
	t.deepEqual(await Promise.all(clients.map(unanswered)), before, 'first packets that had to be sent again');
	for (const host of clients) {
		const {failures, begun} = await host.ask('stop', null);
		t.deepEqual(failures.slice(0, 5), []);
		t.true(begun > 100, `${begun} connections`);
		const {lost, open} = await host.ask('release', null);
		t.deepEqual(lost.slice(0, 5), []);
		t.is(open, connections / clients.length);
	}

	t.is((await mending.sync(plan)).operations, 0);
	await mending.close();
	return {rebuilt};
}

/** How many first packets of connections had to be sent again, for no answer came: a rule dropped them. */
async function unanswered(host: Host): Promise<number> {
	const {stdout} = await host.exec('cat', ['/proc/net/netstat']);
	const [names = [], values = []] = stdout.split('\n').map((line) => line.split(' '));
	return Number(values[names.indexOf('TCPSynRetrans')]);
}

/** A probe to where nobody is takes exactly this long. */
async function pause(deadlineMs: number): Promise<void> {
	await lab.hosts.a.ask('probe', {probes: [{protocol: 'UDP', address: '198.51.100.250', port: 1}], deadlineMs});
}

async function today(form: TableForm): Promise<readonly string[]> {
	await leave(todaysOps, form);
	const right = await texts();
	await cleanup();
	return right;
}

async function cleanup(): Promise<void> {
	using netns = inNode();
	const mending = new Mending({netns});
	await mending.dataplane.cleanup();
	await mending.close();
}

for (const form of ['owned', 'guarded'] as const) {
	for (const [which, ops] of [
		['an older', olderOps],
		['a newer', newerOps],
	] as const) {
		test(`the ${form} table of ${which} layout becomes today’s in place, and no connection notices, old or new`, async (t) => {
			const right = await today(form);
			await leave(ops, form);
			const [before, was] = [await texts(), await handles()];
			t.notDeepEqual(before, right);
			t.deepEqual(await takeOver(t, form), {rebuilt: []});
			t.deepEqual(await texts(), right);
			t.deepEqual(await handles(), was);
		});
	}

	test(`the ${form} table that cannot be repaired is replaced by one transaction, which no connection notices`, async (t) => {
		const right = await today(form);
		const another = (op: Op): Op =>
			op.kind === 'set' && op.verb === 'add' && op.spec.name === 'external'
				? {...op, spec: {...op.spec, interval: true}}
				: op;
		await leave((family) => todaysOps(family).map(another), form);
		const was = await handles();
		t.deepEqual(await takeOver(t, form), {
			rebuilt: ['ip fairlead: its set external is another', 'ip6 fairlead: its set external is another'],
		});
		t.notDeepEqual(await handles(), was);
		t.deepEqual(await texts(), right);
	});
}

for (const form of ['owned', 'guarded'] as const) {
	test(`the masquerade of pods comes into the ${form} table and leaves it in place, and no connection notices`, async (t) => {
		const plan = buildPlan(layoutServices, buildNodePlan({guardsLoopback: true, podMasquerade: {except: podPrefixes}}));
		const withOps = (family: Family) => fullOps(layoutServices, plan.node, family).slice(1);
		const without = await today(form);
		await leave(withOps, form);
		const [right, was] = [await texts(), await handles()];
		t.deepEqual(await takeOver(t, form), {rebuilt: []});
		t.deepEqual([await texts(), await handles()], [without, was]);
		t.deepEqual(await takeOver(t, form, plan), {rebuilt: []});
		t.deepEqual([await texts(), await handles()], [right, was]);
	});
}

test('the table of each published layout becomes today’s in place, and no connection notices, old or new', async (t) => {
	const right = await today('guarded');
	const files = readdirSync(layouts);
	t.deepEqual(files.toSorted(), ['1.nft', '2.nft']);
	for (const file of files) {
		await lab.hosts.n1.exec('nft', ['-f', '-'], readFileSync(join(layouts, file), 'utf8'));
		const was = await handles();
		t.deepEqual(await takeOver(t, 'guarded'), {rebuilt: []}, file);
		t.deepEqual(await texts(), right, file);
		t.deepEqual(await handles(), was, file);
		await cleanup();
	}
});
