import test from 'ava';
import {guardAdded, guardRemoved} from '../../src/dataplane/nftables/guard.ts';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import type {TableForm} from '../../src/dataplane/nftables/open.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import type {Frontend} from '../../src/plan/frontend.ts';
import type {NodePlan, PlanChange} from '../../src/plan/plan.ts';
import {encodeMessage} from '../../src/wire/body.ts';
import {messageFlags} from '../../src/wire/message.ts';
import {nftables} from '../../src/wire/nftables.ts';
import {Writer} from '../../src/wire/writer.ts';
import {FakeNftables} from '../support/fake-nftables.ts';
import {buildFrontend, buildNodePlan, buildPlan} from '../support/frontends.ts';
import {tableText} from '../support/table-text.ts';

const {signal} = new AbortController();

function start(kernel = new FakeNftables(), form?: TableForm): NftablesDataplane {
	return new NftablesDataplane({kernel, ...(form !== undefined && {form})});
}

async function fresh(frontends: readonly Frontend[], node?: NodePlan): Promise<string> {
	const kernel = new FakeNftables();
	await start(kernel).sync(buildPlan(frontends, node), true, signal);
	return await tableText(kernel, 'IPv4');
}

function touched(frontends: readonly Frontend[], node = false): PlanChange {
	const keys = new Set(frontends.map(({key}) => key));
	return {touched: keys, node, healthChecks: false, unserved: new Set(), staleFlows: []};
}

const web = buildFrontend({target: '10.128.0.1! 10.128.1.1 10.128.1.2'});
const external = buildFrontend({
	kind: 'loadBalancerIP',
	address: '203.0.113.7',
	name: 'api',
	masquerade: 'node',
	target: '10.128.0.1! 10.128.1.1',
	local: '10.128.0.1!',
	sourceRanges: ['198.51.100.0/24', '10.128.0.0/9'],
});

test('a second sync sends nothing, of the same process and of a new one', async (t) => {
	const kernel = new FakeNftables();
	const plan = buildPlan([web, external, buildFrontend({address: 'fd00:96::a', target: 'fd00:128::1! fd00:128::2'})]);
	const first = start(kernel);
	const {operations, refused} = await first.sync(plan, true, signal);
	t.true(operations > 100);
	t.deepEqual(refused, []);
	t.is((await first.sync(plan, true, signal)).operations, 0);
	first.close();
	const text = await tableText(kernel, 'IPv4');
	t.is((await start(kernel).sync(plan, true, signal)).operations, 0);
	t.is(await tableText(kernel, 'IPv4'), text);
});

test('a backend less is five element operations, and a chain that nobody uses any more goes', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	const other = buildFrontend({address: '10.96.0.11', name: 'other', target: '10.128.1.8 10.128.1.9'});
	await dataplane.sync(buildPlan([web, other]), true, signal);
	const less = buildFrontend({target: '10.128.1.1 10.128.1.2'});
	const outcome = await dataplane.update(buildPlan([less, other]), touched([less]), signal);
	t.is(outcome.operations, 5 + 1 + 4, 'and a pair in hairpin, and two elements, the rules and the chain of lb-3');
	t.is(await tableText(kernel, 'IPv4'), await fresh([less, other]));
});

test('what is added, changed and removed ends as if it were synced from nothing', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	await dataplane.sync(buildPlan([web]), true, signal);
	await dataplane.update(buildPlan([web, external]), touched([external]), signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([web, external]));
	const filtered = {...external, sourceRanges: [parsePrefix('198.51.100.9/32'), parsePrefix('10.128.0.0/16')]};
	await dataplane.update(buildPlan([filtered]), touched([web, filtered]), signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([filtered]));
	await dataplane.update(buildPlan([]), touched([filtered]), signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([]));
});

test('two pods of this node behind many services are one pair each, until the last service goes', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	const frontends = ['10.96.0.1', '10.96.0.2'].map((address) =>
		buildFrontend({address, target: '10.128.0.1! 10.128.0.2!'}),
	);
	await dataplane.sync(buildPlan(frontends), true, signal);
	const [first, second] = frontends;
	t.true(first && second && (await tableText(kernel, 'IPv4')).includes('hairpin 10.128.0.1 10.128.0.2'));
	await dataplane.update(buildPlan(frontends.slice(1)), touched(frontends.slice(0, 1)), signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh(frontends.slice(1)));
	await dataplane.update(buildPlan([]), touched(frontends.slice(1)), signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([]));
});

test('a change of the node changes prefixes and rules, and no frontend', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	await dataplane.sync(buildPlan([web]), true, signal);
	const node = buildNodePlan({
		serviceCidrs: [parsePrefix('10.96.0.0/16')],
		detector: {kind: 'interface', name: 'cni0'},
	});
	await dataplane.update(buildPlan([web], node), touched([], true), signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([web], node));
});

test('a Service that the kernel refuses is named with the reason, stays as it was, and all others go on', async (t) => {
	for (const offsets of [true, false]) {
		const bad = '0a60000b0600000000500000'; // 10.96.0.11 . tcp . 80
		const kernel = new FakeNftables({refusedKeys: new Set([bad]), offsets});
		const dataplane = start(kernel);
		const good = [10, 12, 13, 14].map((last) => buildFrontend({address: `10.96.0.${last}`, name: `s${last}`}));
		const refused = buildFrontend({address: '10.96.0.11', name: 'refused'});
		const outcome = await dataplane.sync(buildPlan([...good.slice(0, 2), refused, ...good.slice(2)]), true, signal);
		t.is(outcome.refused.length, 1);
		t.deepEqual(outcome.refused[0]?.service, refused.service);
		t.is(outcome.refused[0]?.error.code, 'NFT_REFUSED');
		t.regex(
			outcome.refused[0]?.error.message ?? '',
			offsets ? /services \{ 10\.96\.0\.11 \. tcp \. 80 .*ENOSPC/ : /ENOSPC/,
		);
		t.is(await tableText(kernel, 'IPv4'), await fresh(good), `offsets ${offsets}`);
	}
});

test('when the kernel refuses most of what it is sent, each Service is named once and the others are in force', async (t) => {
	for (const offsets of [true, false]) {
		const keys = Array.from(
			{length: 200},
			(_, index) => `0a6001${index.toString(16).padStart(2, '0')}0600000000500000`,
		);
		const kernel = new FakeNftables({refusedKeys: new Set(keys), offsets});
		const bad = keys.map((_, index) => buildFrontend({address: `10.96.1.${index}`, name: `bad-${index}`}));
		const {refused} = await start(kernel).sync(buildPlan([web, ...bad, external]), true, signal);
		t.deepEqual(
			refused.map(({service}) => service?.name ?? '').toSorted(),
			bad.map(({service}) => service.name).toSorted(),
		);
		t.is(await tableText(kernel, 'IPv4'), await fresh([web, external]));
	}
});

test('a table that another process changed is read and made right by the next update', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	await dataplane.sync(buildPlan([web]), true, signal);
	const stranger = start(kernel);
	await stranger.sync(buildPlan([]), true, signal); // removes web behind our back
	const less = buildFrontend({target: '10.128.1.1'});
	const outcome = await dataplane.update(buildPlan([less, external]), touched([less]), signal);
	t.true(outcome.operations > 0);
	t.is(await tableText(kernel, 'IPv4'), await fresh([less, external]));
});

test('nothing is pruned until all that is known was told, and what was kept keeps its chains', async (t) => {
	const kernel = new FakeNftables();
	await start(kernel).sync(buildPlan([web, external]), true, signal);
	const full = await tableText(kernel, 'IPv4');
	const dataplane = start(kernel);
	t.is((await dataplane.sync(buildPlan([external]), false, signal)).operations, 0);
	t.is(await tableText(kernel, 'IPv4'), full);
	const more = {...external, local: {kind: 'drop'}} as const;
	await dataplane.update(buildPlan([more]), touched([more]), signal);
	t.regex(await tableText(kernel, 'IPv4'), /10\.96\.0\.10 TCP 80/);
	await dataplane.update(buildPlan([more, web]), touched([web]), signal);
	await dataplane.sync(buildPlan([more]), true, signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([more]));
});

test('a guard that the kernel refused is made by the next sync', async (t) => {
	const kernel = new FakeNftables({persist: false});
	const [guard, plain] = [guardAdded('IPv4'), guardRemoved('IPv4')];
	const writer = new Writer(64);
	const header = {type: nftables.table.new, flags: messageFlags.request | messageFlags.create, sequence: 0};
	encodeMessage(writer, header, nftables.table.layout, {family: 2, name: 'fairlead-guard'});
	t.true(kernel.commitAsAnother(writer.written()), 'a table of its name, which nobody owns');
	const dataplane = start(kernel);
	await dataplane.sync(buildPlan([web]), true, signal);
	t.true(kernel.commitAsAnother(plain));
	await dataplane.sync(buildPlan([web]), true, signal);
	t.true(kernel.tables.includes('2 fairlead-guard'));
	t.true(kernel.commitAsAnother(guard), 'it has the flags of an owner');
});

test('where a table cannot persist without its owner, a guard keeps conntrack on while we live', async (t) => {
	const kernel = new FakeNftables({persist: false});
	const dataplane = start(kernel);
	await dataplane.sync(buildPlan([web]), true, signal);
	t.deepEqual(kernel.tables, ['2 fairlead', '2 fairlead-guard', '10 fairlead', '10 fairlead-guard']);
	dataplane.close();
	t.deepEqual(kernel.tables, ['2 fairlead', '10 fairlead']);
	const next = start(kernel);
	t.is((await next.sync(buildPlan([web]), true, signal)).operations, 0);
	t.deepEqual(kernel.tables, ['2 fairlead', '10 fairlead', '2 fairlead-guard', '10 fairlead-guard']);
	await next.cleanup();
	t.deepEqual(kernel.tables, []);
	await t.throwsAsync(start(kernel, 'owned').sync(buildPlan([web]), true, signal), {message: /EOPNOTSUPP/});
});

test('a table of the other form is made anew when a form is asked for, and kept when none is', async (t) => {
	for (const [was, asked] of [
		['owned', 'guarded'],
		['guarded', 'owned'],
	] as const) {
		const kernel = new FakeNftables();
		await start(kernel, was).sync(buildPlan([web]), true, signal);
		t.is((await start(kernel).sync(buildPlan([web]), true, signal)).operations, 0);
		t.true((await start(kernel, asked).sync(buildPlan([web]), true, signal)).operations > 0);
		t.is(await tableText(kernel, 'IPv4'), await fresh([web]));
	}
});

test('cleanup leaves nothing, and has nothing to do twice', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	await dataplane.sync(buildPlan([web]), true, signal);
	await dataplane.cleanup();
	t.deepEqual(kernel.tables, []);
	await dataplane.cleanup();
	t.deepEqual(kernel.tables, []);
});

test('a cold start of many frontends is several transactions, the base chains in the last one', async (t) => {
	const kernel = new FakeNftables();
	const many = Array.from({length: 3000}, (_, index) =>
		buildFrontend({address: `10.96.${1 + (index >> 8)}.${index & 255}`, target: '10.128.1.1 10.128.1.2'}),
	);
	await start(kernel).sync(buildPlan(many), true, signal);
	t.true(kernel.commits >= 6, `${kernel.commits} transactions`);
	t.is((await start(kernel).sync(buildPlan(many), true, signal)).operations, 0);
});

test('an aborted sync says so, and the next call makes the table right', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	const stop = new AbortController();
	const many = Array.from({length: 5000}, (_, index) =>
		buildFrontend({address: `10.96.${1 + (index >> 8)}.${index & 255}`}),
	);
	const syncing = dataplane.sync(buildPlan(many), true, stop.signal);
	stop.abort();
	await t.throwsAsync(syncing, {name: 'AbortError'});
	await dataplane.update(buildPlan([web]), touched([web]), signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([web]));
});

const kept = buildFrontend({
	address: '10.96.0.12',
	name: 'kept',
	target: '10.128.0.1! 10.128.1.1 10.128.1.2',
	affinityTimeoutSeconds: 600,
});

test('where clients keep their backend, one backend less is six element operations and a chain', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	await dataplane.sync(buildPlan([kept]), true, signal);
	const less = {...kept, target: buildFrontend({target: '10.128.1.1 10.128.1.2'}).target};
	const {operations} = await dataplane.update(buildPlan([less]), touched([less]), signal);
	t.is(operations, 6 + 1 + (1 + 6 + 2) + 4, 'and a pair in hairpin; a chain with its rules and elements, and one less');
	t.is(await tableText(kernel, 'IPv4'), await fresh([less]));
});

test('a Service whose objects come after the first sync finds its backends called as they were', async (t) => {
	const kernel = new FakeNftables();
	await start(kernel).sync(buildPlan([web, kept]), true, signal);
	const dataplane = start(kernel);
	t.is((await dataplane.sync(buildPlan([web]), false, signal)).operations, 0);
	t.is((await dataplane.update(buildPlan([web, kept]), touched([kept]), signal)).operations, 0);
	t.is((await dataplane.sync(buildPlan([web, kept]), true, signal)).operations, 0);
});

test('a Service that takes the address of another one does not take its clients', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = start(kernel);
	await dataplane.sync(buildPlan([kept]), true, signal);
	const heir = {...kept, service: {...kept.service, name: 'heir'}};
	await dataplane.update(buildPlan([heir]), touched([heir]), signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([heir]));
	await start(kernel).sync(buildPlan([kept]), true, signal);
	t.is(await tableText(kernel, 'IPv4'), await fresh([kept]));
});

test('every frontend is served whole', (t) => {
	for (const frontend of [web, external, kept]) {
		t.deepEqual(start().takes(frontend), {kind: 'whole'});
	}
});

test('a frontend has at most 32,768 backends, with session affinity 8,192, and says that more are left out', (t) => {
	const huge = (count: number, affinityTimeoutSeconds?: number): Frontend => {
		const backends = Array.from({length: count}, (_, index) => ({address: web.address, port: index + 1, local: false}));
		return {...web, target: {kind: 'backends', backends}, affinityTimeoutSeconds};
	};
	t.deepEqual(start().takes(huge(32_768)), {kind: 'whole'});
	t.deepEqual(start().takes(huge(32_769)), {kind: 'partly', missing: ['backends beyond the first 32768']});
	t.deepEqual(start().takes(huge(8192, 600)), {kind: 'whole'});
	t.deepEqual(start().takes(huge(8193, 600)), {kind: 'partly', missing: ['backends beyond the first 8192']});
});

test('of more backends than are served the first are, where clients keep theirs too', async (t) => {
	const kernel = new FakeNftables();
	const backends = Array.from({length: 8193}, (_, index) => ({address: web.address, port: index + 1, local: false}));
	const plan = buildPlan([{...kept, target: {kind: 'backends', backends}}]);
	t.deepEqual((await start(kernel).sync(plan, true, signal)).refused, []);
	t.is((await tableText(kernel, 'IPv4')).match(/10\.96\.0\.10 \d+"/g)?.length, 8192);
});
