import {setImmediate} from 'node:timers/promises';
import {fc, testProp} from '@fast-check/ava';
import test, {type ExecutionContext} from 'ava';
import type {ForeignEdit} from '../../src/dataplane/dataplane.ts';
import {Encoder} from '../../src/dataplane/nftables/encode.ts';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {fullOps} from '../../src/dataplane/nftables/rules.ts';
import type {Op} from '../../src/dataplane/nftables/ruleset.ts';
import {type Family, families} from '../../src/net/address.ts';
import type {Plan} from '../../src/plan/plan.ts';
import {FakeNftables} from '../support/fake-nftables.ts';
import {buildFrontend, buildPlan} from '../support/frontends.ts';
import {api, editedPlan, web} from '../support/table-edits.ts';
import {tableText} from '../support/table-text.ts';

const {signal} = new AbortController();

/** A dataplane of guarded tables that is told what others do. */
async function start(plan: Plan) {
	const kernel = new FakeNftables({persist: false});
	const dataplane = new NftablesDataplane({kernel});
	const told: ForeignEdit[] = [];
	const stop = new AbortController();
	const following = follow(dataplane, told, stop.signal);
	await dataplane.sync(plan, true, signal);
	const texts = async () => await Promise.all(families.map(async (family) => await tableText(kernel, family)));
	const other = async (ops: readonly Op[], family: Family = 'IPv4') => {
		const taken = kernel.commitAsAnother(encode(ops, family));
		await setImmediate();
		return taken;
	};
	const mend = async () => {
		const outcome = await dataplane.mend(plan, signal);
		await setImmediate();
		return outcome;
	};
	const end = async () => {
		stop.abort();
		await following;
	};
	return {kernel, dataplane, told, texts, other, mend, end, right: await texts()};
}

async function follow(dataplane: NftablesDataplane, told: ForeignEdit[], stop: AbortSignal): Promise<void> {
	for await (const edit of dataplane.watch(stop)) {
		told.push(edit);
	}
}

function encode(ops: readonly Op[], family: Family): Uint8Array {
	const encoder = new Encoder(family);
	encoder.begin();
	encoder.add(ops);
	return encoder.finish().slice();
}

/** All that is in the table of a plan, as what would add it. */
const opsOf = (plan: Plan, family: Family) => fullOps(plan.frontends.values(), plan.node, family);

/** What takes away what `op` adds, as far as one operation can. */
function reverse(op: Op): Op | undefined {
	switch (op.kind) {
		case 'element':
			return {...op, verb: 'delete'};
		case 'chain':
			return {verb: 'flush', kind: 'chain', name: op.name};
		case 'rule':
			return op; // once more
		case 'table':
			return {verb: 'delete', kind: 'table'};
		case 'set':
			return op.verb === 'add' ? {verb: 'flush', kind: 'set', name: op.spec.name} : undefined;
		case 'foreignSet':
		case 'foreignElement':
			return undefined;
	}
}

const another = buildPlan([
	{...web, target: buildFrontend({target: '10.128.1.1 10.128.1.7 10.128.1.8 10.128.1.9'}).target},
	buildFrontend({address: '10.96.0.77', target: '10.128.0.3!'}),
	buildFrontend({address: 'fd00:96::77', target: 'fd00:128::3!'}),
]);

testProp(
	'whatever others take away, add or add twice, in either family and between our own commits, mending makes it right',
	[
		fc.array(fc.record({six: fc.boolean(), whose: fc.boolean(), which: fc.nat(), undo: fc.boolean()}), {
			minLength: 1,
			maxLength: 12,
		}),
		fc.nat({max: 3}),
	],
	async (t, edits, every) => {
		const {other, mend, texts, right, dataplane, told, end} = await start(editedPlan);
		for (const [index, {six, whose, which, undo}] of edits.entries()) {
			const family = six ? 'IPv6' : 'IPv4';
			const ops = opsOf(whose ? editedPlan : another, family);
			const op = ops[which % ops.length];
			const edit = op && (undo ? reverse(op) : op);
			await other(edit === undefined ? [] : [edit], family);
			if (every > 0 && index % every === 0) {
				await mend();
			}
		}

		await mend();
		t.deepEqual(await texts(), right);
		t.is((await dataplane.sync(editedPlan, true, signal)).operations, 0);
		t.true(told.every(({by}) => by === undefined || by.process === 'nft'));
		await end();
	},
	{numRuns: 60},
);

async function mended(t: ExecutionContext, ops: readonly Op[]): Promise<{readonly operations: number; what: string}> {
	const {other, mend, texts, right, told, end} = await start(editedPlan);
	t.true(await other(ops));
	const {operations} = await mend();
	t.deepEqual(await texts(), right);
	t.is(told.length, 1);
	await end();
	return {operations, what: told[0]?.what ?? ''};
}

const at = web;

test('an element that was deleted is added, one that was added deleted, one that was changed both', async (t) => {
	const action = {
		verb: 'add',
		kind: 'element',
		set: 'services',
		at,
		action: 0x1_0003,
		comment: 'shop/web:http',
	} as const;
	const deleted = {...action, verb: 'delete'} as const;
	t.deepEqual(await mended(t, [deleted]), {operations: 1, what: 'ip fairlead: 1 element of services deleted'});
	const changed = await mended(t, [deleted, {...action, action: 0x1_0002}]);
	t.deepEqual(changed, {
		operations: 2,
		what: 'ip fairlead: 1 element of services deleted, 1 element of services added',
	});
	const stranger = {...action, at: {...at, port: 81}};
	t.deepEqual(await mended(t, [stranger]), {operations: 1, what: 'ip fairlead: 1 element of services added'});
	const restored = await mended(t, [deleted, action]);
	t.is(restored.operations, 0, 'what is as it was is left alone');
});

test('an edit that names hundreds of elements is told in a few words', async (t) => {
	const ops = opsOf(editedPlan, 'IPv4').filter(({kind}) => kind === 'element');
	const {what, operations} = await mended(
		t,
		ops.map((op) => ({...op, verb: 'delete'}) as Op),
	);
	t.regex(what, /^ip fairlead: \d+ elements of verdicts deleted, .* other kinds of change$/);
	t.is(operations, ops.length + 2, 'prefix sets are replaced as a whole');
});

test('a table that is not known yet, or never was, is synced', async (t) => {
	const kernel = new FakeNftables({persist: false});
	const dataplane = new NftablesDataplane({kernel});
	t.is((await dataplane.mend(editedPlan, signal)).operations, 0);
	await dataplane.sync(editedPlan, true, signal);
	const told: ForeignEdit[] = [];
	const stop = new AbortController();
	const following = follow(dataplane, told, stop.signal); // only now: nobody knows what was before
	await setImmediate();
	kernel.commitAsAnother(encode([{verb: 'flush', kind: 'chain', name: 'incoming'}], 'IPv4'));
	t.is(told.length, 1);
	t.deepEqual(told[0], {what: 'more than could be followed, or heard'});
	t.is((await dataplane.mend(editedPlan, signal)).operations, 5);
	stop.abort();
	await following;
});

test('a table that is gone before anybody hears of it is made by the next change, which says that it compared all', async (t) => {
	const {kernel, dataplane, mend, texts, right, end} = await start(editedPlan);
	const change = {touched: new Set([web.key]), node: false, healthChecks: false, unserved: new Set<string>()};
	kernel.commitAsAnother(encode([{verb: 'delete', kind: 'table'}], 'IPv4'));
	const more = buildFrontend({target: '10.128.0.1! 10.128.1.1'});
	const others = [...editedPlan.frontends.values()].filter(({key}) => key !== web.key);
	const outcome = await dataplane.update(buildPlan([more, ...others]), {...change, staleFlows: []}, signal);
	t.true(outcome.compared);
	t.true(outcome.operations > 50, `${outcome.operations} operations: all of it`);
	t.is((await mend()).operations, 0, 'nothing is left to mend');
	const back = await dataplane.update(editedPlan, {...change, staleFlows: []}, signal);
	t.is(back.compared, undefined);
	t.deepEqual(await texts(), right);
	await end();
});

test('where all tables are owned nobody is listened to', async (t) => {
	const kernel = new FakeNftables();
	const dataplane = new NftablesDataplane({kernel});
	let watched = 0;
	const watch = kernel.watch.bind(kernel);
	kernel.watch = (stop) => {
		watched++;
		return watch(stop);
	};
	const stop = new AbortController();
	const following = follow(dataplane, [], stop.signal);
	await dataplane.sync(buildPlan([web, api]), true, signal);
	await setImmediate();
	t.is(watched, 0);
	stop.abort();
	await following;
});
