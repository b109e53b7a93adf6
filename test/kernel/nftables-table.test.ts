import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import anyTest, {type TestFn} from 'ava';
import {NftablesDataplane, printPlan} from '../../src/dataplane/nftables/nftables.ts';
import type {TableForm} from '../../src/dataplane/nftables/open.ts';
import {exec} from '../../src/kernel/exec.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import {type Family, families, familyOf} from '../../src/net/address.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {Pipeline, readList} from '../lab/pipeline.ts';
import {readScenarios} from '../lab/scenario.ts';
import {buildFrontend, buildPlan} from '../support/frontends.ts';
import {increments} from '../support/increments.ts';
import {api, edits, editedPlan as plan, web} from '../support/table-edits.ts';
import {tableText} from '../support/table-text.ts';

type Context = {started: NftablesDataplane[]; kernel: Nftables};

const test = anyTest.serial as TestFn<Context>;
const {signal} = new AbortController();

test.beforeEach((t) => {
	t.context = {started: [], kernel: new Nftables()};
});

test.afterEach.always(async (t) => {
	for (const dataplane of t.context.started) {
		dataplane.close();
	}

	t.context.kernel.close();
	await exec('nft', ['flush', 'ruleset']); // what persists has no owner any more
});

function start(context: Context, form?: TableForm): NftablesDataplane {
	const dataplane = new NftablesDataplane({kernel: new Nftables(), ...(form !== undefined && {form})});
	context.started.push(dataplane);
	return dataplane;
}

/** The listing of all tables; the line that only an owned table has is left out, as nft 1.0.6 cannot read it. */
async function list(...options: readonly string[]): Promise<string> {
	const {stdout} = await exec('nft', [...options, 'list', 'ruleset']);
	return stdout.replaceAll(/^\s*flags owner.*\n/gm, '').replaceAll(/table ip6? fairlead-guard \{.*?\n\}\n/gs, '');
}

async function text(context: Context, family: Family = 'IPv4'): Promise<string> {
	return await tableText(context.kernel, family);
}

function planOf(scenario: ReturnType<typeof readScenarios>[number]): Plan {
	const pipeline = new Pipeline(scenario.flags);
	pipeline.put(readList(scenario.objectsPath));
	return pipeline.plan;
}

test('nft takes every golden file, and the kernel then has what we would have sent', async (t) => {
	for (const scenario of readScenarios()) {
		await exec('nft', ['--check', '-f', scenario.rulesetPath]);
		await exec('nft', ['-f', scenario.rulesetPath]);
		const byNft = await Promise.all(families.map(async (family) => await text(t.context, family)));
		await exec('nft', ['flush', 'ruleset']);
		const dataplane = start(t.context);
		t.deepEqual((await dataplane.sync(planOf(scenario), true, signal)).refused, [], scenario.name);
		for (const [index, family] of families.entries()) {
			t.is(await text(t.context, family), byNft[index] ?? '', scenario.name);
		}

		await dataplane.cleanup();
	}
});

for (const {name, before, after, others} of increments) {
	test(`${name}: nft takes the golden file behind the table that it is for, and gives the table that a sync gives`, async (t) => {
		const path = join(import.meta.dirname, `../golden/nftables/${name.replaceAll(' ', '-')}.nft`);
		const from = printPlan(buildPlan([...others, ...(before ? [before] : [])]));
		await exec('nft', ['-f', '-'], {input: `${from}\n${readFileSync(path, 'utf8')}`});
		const family = familyOf((after ?? before)?.address ?? web.address);
		const byNft = await elements(t.context, family);
		await start(t.context).sync(buildPlan([...others, ...(after ? [after] : [])]), true, signal);
		t.is(byNft, await elements(t.context, family));
	});
}

/** The table without the chains that a later transaction takes away. */
async function elements(context: Context, family: Family): Promise<string> {
	const lines = (await text(context, family)).split('\n');
	return lines.filter((line) => !/^(?:chain|verdicts|policy-verdicts) /.test(line)).join('\n');
}

test('nft lists the whole table, and loading the listing into an empty kernel gives the same listing', async (t) => {
	const scenarios = readScenarios().filter(({name}) =>
		/affinity|source-ranges|hairpin|sctp|interface-prefix/.test(name),
	);
	t.is(scenarios.length, 5);
	for (const scenario of scenarios) {
		const dataplane = start(t.context, 'guarded');
		await dataplane.sync(planOf(scenario), true, signal);
		const listing = await list();
		const json: unknown = JSON.parse(await list('--json'));
		t.like(json, {nftables: [{metainfo: {json_schema_version: 1}}]});
		await dataplane.cleanup();
		t.is(await list(), '');
		await exec('nft', ['-f', '-'], {input: listing});
		t.is(await list(), listing, scenario.name);
		await exec('nft', ['flush', 'ruleset']);
	}
});

for (const form of ['owned', 'guarded'] as const) {
	test(`a new process adopts the ${form} table and has nothing to send, nor the one that made it`, async (t) => {
		const first = start(t.context, form);
		t.deepEqual((await first.sync(plan, true, signal)).refused, []);
		t.is((await first.sync(plan, true, signal)).operations, 0);
		const listing = await list();
		first.close();
		const second = start(t.context);
		t.deepEqual(await second.sync(plan, true, signal), {operations: 0, refused: []});
		t.is(await list(), listing);
	});

	test(`cleanup of the ${form} table leaves nothing`, async (t) => {
		const dataplane = start(t.context, form);
		await dataplane.sync(plan, true, signal);
		await dataplane.cleanup();
		t.is((await exec('nft', ['list', 'ruleset'])).stdout, '');
		await dataplane.cleanup();
	});
}

test('an owned table passes a foreign flush by, and nobody else may delete it while we live', async (t) => {
	await start(t.context, 'owned').sync(plan, true, signal);
	const before = await list();
	await exec('nft', ['flush', 'ruleset']);
	t.is(await list(), before);
	await t.throwsAsync(exec('nft', ['delete', 'table', 'ip', 'fairlead']), {message: /not permitted/});
});

test('a foreign flush takes a guarded table but not the guard, and the next sync brings the table back', async (t) => {
	const dataplane = start(t.context, 'guarded');
	await dataplane.sync(plan, true, signal);
	const before = await text(t.context);
	await exec('nft', ['flush', 'ruleset']);
	t.regex((await exec('nft', ['list', 'ruleset'])).stdout, /table ip fairlead-guard/);
	t.is(await text(t.context), 'no table');
	await dataplane.sync(plan, true, signal);
	t.is(await text(t.context), before);
});

test('a guarded table is taken for what it is by a process that could own it, and made anew where that is asked for', async (t) => {
	await start(t.context, 'guarded').sync(plan, true, signal);
	t.is((await start(t.context).sync(plan, true, signal)).operations, 0);
	const outcome = await start(t.context, 'owned').sync(plan, true, signal);
	t.true(outcome.operations > 100);
	t.regex((await exec('nft', ['list', 'ruleset'])).stdout, /flags owner/);
});

test('whatever another process does to the table, the next sync makes it right again', async (t) => {
	const dataplane = start(t.context, 'guarded');
	await dataplane.sync(plan, true, signal);
	const right = await text(t.context);
	for (const [what, commands] of Object.entries(edits)) {
		await exec('nft', ['-f', '-'], {input: commands.join('\n')});
		t.not(await text(t.context), right, what);
		const {operations, refused} = await dataplane.sync(plan, true, signal);
		t.deepEqual(refused, [], what);
		t.true(operations > 0, what);
		t.is(await text(t.context), right, what);
		t.is((await dataplane.sync(plan, true, signal)).operations, 0, what);
	}
});

/** Tables of our name, and why each cannot be used as it is. */
const strangers: readonly (readonly [table: string, because: string | undefined])[] = [
	['chain x { type filter hook input priority 0; policy accept; }', undefined],
	['comment "fairlead layout 99"', undefined],
	['set services { type ipv4_addr; }', 'its set services is another'],
	['set hairpin { typeof ip saddr . ip daddr; size 2; }', 'its set hairpin is another'],
	['map verdicts { typeof meta priority : ip daddr; }', 'its set verdicts is another'],
	['chain incoming { type nat hook input priority 0; }', 'its chain incoming is of another kind'],
	['chain output { }', 'its chain output is of another kind'],
];

test('a table of our name that is not ours is made ours in place; where that cannot be, it is made anew, and that is told', async (t) => {
	for (const [stranger, because] of strangers) {
		await exec('nft', ['-f', '-'], {input: `table ip fairlead { ${stranger}; }`});
		const dataplane = start(t.context);
		const {refused, rebuilt} = await dataplane.sync(plan, true, signal);
		t.deepEqual(refused, []);
		t.deepEqual(rebuilt, because === undefined ? undefined : [`ip fairlead: ${because}`], stranger);
		t.regex(await list(), /map services/);
		t.is((await dataplane.sync(plan, true, signal)).operations, 0);
		await dataplane.cleanup();
	}
});

test('a Service that the kernel refuses is named with the operation and the kernel’s reason, and all others are in force', async (t) => {
	const dataplane = start(t.context);
	const clash = buildFrontend({...sourceRangesThatOverlap(), name: 'clash'});
	const {refused} = await dataplane.sync(buildPlan([web, clash, api]), true, signal);
	t.is(refused.length, 1);
	t.deepEqual(refused[0]?.service, clash.service);
	t.regex(
		refused[0]?.error.message ?? '',
		/^cannot add element ip fairlead source-ranges \{ 203\.0\.113\.9 .* \}: E\w+$/,
	);
	const all = await text(t.context);
	t.regex(all, /10\.96\.0\.10 TCP 80/);
	t.regex(all, /203\.0\.113\.7 TCP 80/);
	t.notRegex(all, /203\.0\.113\.9/);
});

/** A planner collapses ranges; one that did not would be refused by the kernel. */
function sourceRangesThatOverlap() {
	return {
		kind: 'loadBalancerIP',
		address: '203.0.113.9',
		sourceRanges: ['198.51.100.0/24', '198.51.100.0/25'],
	} as const;
}
