import {execFileSync} from 'node:child_process';
import anyTest from 'ava';
import {sendAll} from '../../src/dataplane/nftables/door.ts';
import {KernelDoor} from '../../src/dataplane/nftables/kernel-door.ts';
import {fullOps} from '../../src/dataplane/nftables/rules.ts';
import {exec} from '../../src/kernel/exec.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import {buildFrontend, buildPlan} from '../support/frontends.ts';
import {Mending} from '../support/mending.ts';
import {editedPlan, edits} from '../support/table-edits.ts';
import {tableText} from '../support/table-text.ts';

const test = anyTest.serial; // one namespace, one set of rules
let mending: Mending;
let reader: Nftables;

test.beforeEach(() => {
	reader = new Nftables();
	mending = new Mending();
});

test.afterEach.always(async () => {
	await mending.close();
	reader.close();
	await exec('nft', ['flush', 'ruleset']);
});

async function nft(...commands: readonly string[]): Promise<void> {
	await exec('nft', ['-f', '-'], {input: commands.join('\n')});
}

async function texts(): Promise<readonly string[]> {
	return [await tableText(reader, 'IPv4'), await tableText(reader, 'IPv6')];
}

/** Edits after which nobody knows what a set holds. */
const unknown = new Set(['a set gone, with the rules that name it', 'a set made anew, empty']);

test('whatever another process does to a table is told with who did it, and undone without reading a set', async (t) => {
	await mending.sync(editedPlan);
	const right = await texts();
	for (const [what, commands] of Object.entries(edits)) {
		await nft(...commands);
		t.notDeepEqual(await texts(), right, what);
		const edit = await mending.edit();
		t.is(edit.by?.process, 'nft', what);
		t.regex(edit.what, /^ip fairlead: /, what);
		const {operations, refused, setsRead} = await mending.mend(editedPlan);
		t.deepEqual(refused, [], what);
		t.true(operations > 0, what);
		t.deepEqual(await texts(), right, what);
		t.is(setsRead > 0, unknown.has(what), `${what}: ${setsRead} sets read`);
	}

	t.is((await mending.sync(editedPlan)).operations, 0);
});

/** So many Services of two backends each. */
function many(count: number) {
	return buildPlan(
		Array.from({length: count}, (_, index) =>
			buildFrontend({
				address: `10.96.${1 + (index >> 8)}.${index & 255}`,
				name: `s${index}`,
				target: '10.128.1.1 10.128.1.2',
			}),
		),
	);
}

test('among 2,000 Services an element that was deleted is put back by one operation, and nothing is read', async (t) => {
	const plan = many(2000);
	await mending.sync(plan);
	const right = await texts();
	for (const [element, operations] of [
		['services { 10.96.3.4 . tcp . 80 }', 1],
		['endpoints { 10.96.3.4 . tcp . 80 . 0, 10.96.3.5 . tcp . 80 . 1 }', 2],
	] as const) {
		await nft(`delete element ip fairlead ${element}`);
		const {what} = await mending.edit();
		t.is(what, `ip fairlead: ${operations === 1 ? '1 element of services' : '2 elements of endpoints'} deleted`);
		const dumps = mending.kernel.dumps;
		t.is((await mending.mend(plan)).operations, operations);
		t.is(mending.kernel.dumps, dumps);
		t.deepEqual(await texts(), right);
	}
});

test('a table of 2,000 Services that was flushed is made again from the plan, and nothing is read', async (t) => {
	const plan = many(2000);
	await mending.sync(plan);
	const right = await texts();
	await exec('nft', ['flush', 'ruleset']);
	t.is((await mending.edit()).what, 'ip fairlead: the table deleted; ip6 fairlead: the table deleted');
	const dumps = mending.kernel.dumps;
	t.true((await mending.mend(plan)).operations > 6000);
	t.is(mending.kernel.dumps, dumps);
	t.deepEqual(await texts(), right);
	await nft('delete element ip fairlead services { 10.96.3.4 . tcp . 80 }');
	t.regex((await mending.edit()).what, /services deleted$/, 'it is watched again');
});

test('a table that comes back from a saved listing, or is loaded a second time over ours, is ours again', async (t) => {
	await mending.sync(editedPlan);
	const right = await texts();
	const {stdout} = await exec('nft', ['list', 'table', 'ip', 'fairlead']);
	await nft('flush ruleset', stdout);
	t.regex((await mending.edit()).what, /ip6 fairlead: the table deleted/);
	await mending.mend(editedPlan);
	t.deepEqual(await texts(), right);
	await loadAgain(); // nft 1.0.6 cannot: it stumbles over our maps
	t.regex(await tableText(reader, 'IPv4'), /chain incoming undefined 8 rules/);
	t.regex((await mending.edit()).what, /^ip fairlead: .* other kinds of change$/);
	await mending.mend(editedPlan);
	t.deepEqual(await texts(), right);
});

/** Adds all rules and elements of the table once more. */
async function loadAgain(): Promise<void> {
	const ops = fullOps(editedPlan.frontends.values(), editedPlan.node, 'IPv4').filter(({kind}) => kind !== 'set');
	const refused = await sendAll(new KernelDoor(reader, 'IPv4'), ops);
	if (refused.length > 0) {
		throw new Error('the kernel refused a second load', {cause: refused});
	}
}

test('what is done to other tables is nobody’s business', async (t) => {
	await mending.sync(editedPlan);
	t.true(await isHeard());
	await nft('add table ip other', 'add chain ip other c', 'add table inet fairlead');
	await nft('delete element ip fairlead services { 10.96.0.10 . tcp . 80 }');
	t.is((await mending.edit()).what, 'ip fairlead: 1 element of services deleted');
});

test('50,000 foreign elements in one transaction are told as more than could be followed, and all of them go', async (t) => {
	await mending.sync(editedPlan);
	const right = await texts();
	const elements = Array.from(
		{length: 50_000},
		(_, index) => `10.${100 + (index >> 15)}.${(index >> 7) & 255}.${index & 127} . tcp . 9 : 1:3`,
	);
	await nft(`add element ip fairlead services { ${elements.join(', ')} }`);
	t.deepEqual((await mending.edit()).what, 'more than could be followed, or heard');
	t.is((await mending.mend(editedPlan)).operations, 50_000);
	t.deepEqual(await texts(), right);
});

test('what was not heard because too much was said meanwhile is found', async (t) => {
	await mending.sync(editedPlan);
	const right = await texts();
	for (let round = 0; round < 4; round++) {
		const elements = Array.from({length: 100_000}, (_, index) => round * 100_000 + index);
		const input = `add table ip other\nadd set ip other s { type mark; }\nadd element ip other s { ${elements.join(', ')} }\n`;
		execFileSync('/usr/sbin/nft', ['-f', '-'], {input}); // and nobody listens
	}

	execFileSync('/usr/sbin/nft', ['delete element ip fairlead services { 10.96.0.10 . tcp . 80 }']);
	t.is((await mending.edit()).what, 'more than could be followed, or heard');
	t.is((await mending.mend(editedPlan)).operations, 1);
	t.deepEqual(await texts(), right);
});

for (const commands of [
	'flush ruleset',
	'delete element ip fairlead verdicts { 1:2 }; delete element ip fairlead policy-verdicts { 1:2 }',
	'add rule ip fairlead incoming drop',
]) {
	test(`in the middle of a cold start somebody comes with "${commands}", before any of its batches`, async (t) => {
		const plan = many(3000);
		await mending.sync(plan);
		const right = await texts();
		const isRight = async () => (await texts()).join() === right.join();
		let [batches, came] = [0, 0];
		mending.kernel.onCommit = (before) => {
			batches = before;
		};
		for (let when = 0; when <= batches; when++) {
			await mending.close();
			await exec('nft', ['flush', 'ruleset']);
			mending = new Mending();
			mending.kernel.onCommit = (before) => {
				batches = Math.max(batches, before);
				if (before === when) {
					came += tryNft(commands) ? 1 : 0;
				}
			};
			t.deepEqual((await mending.sync(plan)).refused, []);
			await mending.settle(plan, isRight);
		}

		t.log(`${came} times of ${batches + 1}`);
		t.true(came > 3);
	});
}

/** Whether nft could do it. */
function tryNft(commands: string): boolean {
	try {
		execFileSync('/usr/sbin/nft', [commands], {stdio: 'ignore'});
		return true;
	} catch {
		return false;
	}
}

test('nobody but us can change an owned table in any way, so that there is nothing to mend', async (t) => {
	await mending.close();
	mending = new Mending({form: 'owned'});
	await mending.sync(editedPlan);
	const right = await texts();
	for (const [what, commands] of Object.entries(edits)) {
		await t.throwsAsync(nft(...commands), {message: /not permitted/}, what);
		t.deepEqual(await texts(), right, what);
	}

	await exec('nft', ['flush', 'ruleset']);
	t.deepEqual(await texts(), right);
	t.false(await isHeard());
});

/** Whether this process has a socket in the group of nf_tables: of each its groups are shown, as a mask. */
async function isHeard(): Promise<boolean> {
	const {stdout} = await exec('cat', ['/proc/self/net/netlink']);
	return stdout.split('\n').some((line) => line.split(/\s+/)[1] === '12' && Number(`0x${line.split(/\s+/)[3]}`) !== 0);
}

test('a table that lost its owner is owned before it is read: what others do before that is seen', async (t) => {
	await mending.close();
	const first = new Mending({form: 'owned'});
	await first.sync(editedPlan);
	const right = await texts();
	await first.close();
	mending = new Mending({form: 'owned'});
	mending.kernel.onCommit = (before) => {
		t.is(tryNft('delete element ip fairlead services { 10.96.0.10 . tcp . 80 }'), before === 0);
	};
	t.is((await mending.sync(editedPlan)).operations, 1);
	t.deepEqual(await texts(), right);
});
