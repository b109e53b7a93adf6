import {execFileSync, spawn} from 'node:child_process';
import {readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';
import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import type {Attachment} from '../../src/cni/attachment.ts';
import {type Journal, openJournal} from '../../src/cni/journal.ts';
import {parseAddress} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import {buildAttachment} from '../support/attachments.ts';
import {directoryOf} from '../support/directory.ts';

const stamp = '2026-11-28T12:00:00Z';

/** The journal at `path`, closed with the test. */
async function open(t: ExecutionContext, path: string): Promise<Journal> {
	const {journal, lost} = await openJournal(path, stamp);
	t.is(lost, undefined);
	t.teardown(() => journal.close());
	return journal;
}

function numbered(number: number): Attachment {
	const pod = {namespace: 'shop', name: `web-${number}`, uid: `u${number}`};
	return buildAttachment({containerId: `c${number}`, pod}, `10.0.0.${number}`, `fd00::${number}`);
}

const full = buildAttachment(
	{
		mode: 'bridge',
		bridge: 'fairbr0',
		hostPorts: [{protocol: 'UDP', hostPort: 53, containerPort: 5353, hostIp: parseAddress('192.0.2.1')}],
		bandwidth: {ingressRate: 1000, egressBurst: 7},
		state: 'deleting',
	},
	'10.0.0.2',
	'fd00::2',
);

test('a journal holds what was written by the process before, field by field', async (t) => {
	const path = join(directoryOf(t), 'cni.db');
	const first = await open(t, path);
	t.deepEqual(first.content, {attachments: [], resting: [], podCidrs: undefined, last: []});
	const prefixes = ['10.0.0.0/24', 'fd00::/64'].map(parsePrefix);
	first.setPodCidrs(prefixes);
	first.begin(full);
	first.begin(numbered(3));
	first.update({...numbered(3), state: 'adding'});
	first.begin({...numbered(4), pod: undefined});
	first.end(numbered(4), 2000, 0);
	const {content} = await open(t, path);
	t.deepEqual(content.attachments, [full, {...numbered(3), state: 'adding'}]);
	t.deepEqual(content.podCidrs, prefixes);
	t.deepEqual<unknown, unknown>(content.resting, [
		{address: '10.0.0.4', network: 'pods', freedAt: 2000},
		{address: 'fd00::4', network: 'pods', freedAt: 2000},
	]);
	t.deepEqual<unknown, unknown>(content.last, [
		{network: 'pods', address: '10.0.0.4'},
		{network: 'pods', address: 'fd00::4'},
	]);
});

test('addresses that rested long enough, were woken or given out again are no longer in it', async (t) => {
	const path = join(directoryOf(t), 'cni.db');
	const journal = await open(t, path);
	const resting = async () => (await open(t, path)).content.resting.map(({address}) => String(address));
	journal.end(numbered(2), 100.5, 0);
	journal.end(numbered(3), 200, 0);
	journal.end(numbered(4), 300, 100.5);
	t.deepEqual(await resting(), ['10.0.0.3', 'fd00::3', '10.0.0.4', 'fd00::4']);
	journal.begin(numbered(3));
	journal.wake(parseAddress('10.0.0.4'));
	t.deepEqual(await resting(), ['fd00::4']);
});

test('one that is corrupt is moved aside by name, and a new one begun', async (t) => {
	const folder = directoryOf(t);
	const path = join(folder, 'cni.db');
	writeFileSync(path, 'no database, but long enough to be taken for one'.repeat(100));
	const {journal, lost} = await openJournal(path, stamp);
	t.like(lost, {code: 'CNI_JOURNAL'});
	t.regex(lost?.message ?? '', /cannot use ".*cni\.db", now ".*cni\.db\.corrupt\.2026-11-28T12:00:00Z"/);
	journal.begin(full);
	journal.close();
	t.deepEqual(readdirSync(folder).toSorted(), ['cni.db', `cni.db.corrupt.${stamp}`]);
	t.deepEqual((await open(t, path)).content.attachments, [full]);
});

test('one with a row that this version cannot have written is corrupt', async (t) => {
	const rows = ['not json', '{}', JSON.stringify({...full, state: 'new'}), JSON.stringify({...full, addresses: ['x']})];
	for (const record of rows) {
		const path = join(directoryOf(t), 'cni.db');
		(await open(t, path)).close();
		const database = new DatabaseSync(path);
		database.prepare("INSERT INTO attachments VALUES ('c', 'e', 'n', 's', ?)").run(record);
		database.close();
		const {journal, lost} = await openJournal(path, stamp);
		journal.close();
		t.regex(lost?.message ?? '', /\.corrupt\./, record);
	}
});

test('one of a newer version is moved aside by that name, and as it was', async (t) => {
	const path = join(directoryOf(t), 'cni.db');
	const database = new DatabaseSync(path);
	database.exec('CREATE TABLE pods (name TEXT); PRAGMA user_version = 9');
	database.close();
	const {journal, lost} = await openJournal(path, stamp);
	t.deepEqual(journal.content.attachments, []);
	journal.close();
	t.regex(lost?.message ?? '', /cni\.db\.newer\./);
	const aside = new DatabaseSync(`${path}.newer.${stamp}`, {readOnly: true});
	t.deepEqual({...aside.prepare('PRAGMA user_version').get()}, {user_version: 9});
	aside.close();
});

test('where there can be no journal, that is told, and nothing is moved', async (t) => {
	const folder = directoryOf(t);
	await t.throwsAsync(openJournal(join(folder, 'none/cni.db'), stamp), {code: 'CNI_JOURNAL'});
	await t.throwsAsync(openJournal(folder, stamp), {code: 'CNI_JOURNAL'});
	t.deepEqual(readdirSync(folder), []);
});

test('a full disk refuses the write, and the next one that has room succeeds', async (t) => {
	const path = join(directoryOf(t), 'cni.db');
	const {journal} = await openJournal(path, stamp, {pagesMax: 12});
	t.teardown(() => journal.close());
	journal.begin(numbered(2));
	const huge = {...numbered(3), netns: 'x'.repeat(100_000)};
	t.throws(() => journal.begin(huge), {
		code: 'CNI_JOURNAL',
		message: 'cannot write an attachment in the journal of attachments',
	});
	t.throws(
		() => journal.end({...numbered(2), network: huge.netns}, 0, 0),
		{code: 'CNI_JOURNAL'},
		'no half of it either',
	);
	journal.begin(numbered(4));
	t.deepEqual((await open(t, path)).content.attachments, [numbered(2), numbered(4)]);
});

test('a journal that somebody else writes meanwhile is waited for no longer than a second', async (t) => {
	const path = join(directoryOf(t), 'cni.db');
	const journal = await open(t, path);
	const other = new DatabaseSync(path);
	other.exec('BEGIN IMMEDIATE');
	t.throws(() => journal.begin(full), {code: 'CNI_JOURNAL'});
	other.exec('ROLLBACK');
	other.close();
	t.notThrows(() => journal.begin(full));
});

test('opening one says nothing on the standard error', (t) => {
	const path = join(directoryOf(t), 'cni.db');
	const script = `import {openJournal} from ${JSON.stringify(journalModule)}; (await openJournal(${JSON.stringify(path)}, 's')).journal.close()`;
	t.is(
		execFileSync(process.execPath, ['--input-type=module', '-e', `${script}`], {encoding: 'utf8', stdio: 'pipe'}),
		'',
	);
});

const journalModule = new URL('../../src/cni/journal.ts', import.meta.url).href;
const ipamModule = new URL('../../src/cni/ipam.ts', import.meta.url).href;

/** Attaches and detaches pods without end, and says so; what it is given is the journal's path and a first number. */
const loop = `
	import {openJournal} from ${JSON.stringify(journalModule)};
	import {Ipam} from ${JSON.stringify(ipamModule)};
	import {buildDraft} from ${JSON.stringify(new URL('../support/attachments.ts', import.meta.url).href)};
	import {parsePrefix} from ${JSON.stringify(new URL('../../src/net/prefix.ts', import.meta.url).href)};
	const [path, first] = process.argv.slice(1);
	const {journal} = await openJournal(path, 'stamp');
	const ipam = new Ipam({journal, now: () => Number(process.hrtime.bigint()) / 1e6, wall: Date.now, restMs: 5});
	ipam.setPodCidrs(['10.0.0.0/25', 'fd00::/120'].map(parsePrefix));
	for (let number = Number(first); ; number++) {
		const {containerId, ifName} = ipam.reserve(buildDraft({containerId: 'c' + number}), {asked: [], families: ['IPv4', 'IPv6'], ranges: undefined});
		ipam.settle(containerId + '/' + ifName);
		for (const {containerId} of ipam.attachments.length > 60 ? ipam.attachments.slice(0, 2) : []) {
			ipam.beginDelete(containerId + '/eth0');
			ipam.release(containerId + '/eth0');
		}
		if (number % 100 === 0) process.stdout.write('.');
	}`;

test('a process that is killed in the midst of its work leaves whole rows, and no address twice', async (t) => {
	const path = join(directoryOf(t), 'cni.db');
	for (let round = 1; round <= 5; round++) {
		const child = spawn(process.execPath, ['--input-type=module', '-e', loop, path, String(round * 1_000_000)], {
			stdio: ['ignore', 'pipe', 'inherit'],
		});
		await new Promise<void>((resolve, reject) => {
			let heard = 0;
			child.stdout.on('data', (text: Buffer) => {
				heard += text.length;
				if (heard >= round * 2) {
					child.kill('SIGKILL');
				}
			});
			child.on('close', (_, signal) =>
				signal === 'SIGKILL' ? resolve() : reject(new Error('the child ended by itself')),
			);
		});
		const {content} = await open(t, path);
		t.true(content.attachments.length > 0, fileURLToPath(ipamModule));
		const addresses = content.attachments.flatMap((attachment) => attachment.addresses);
		t.is(new Set(addresses).size, addresses.length, 'an address is held twice');
		t.true(content.attachments.every((attachment) => attachment.addresses.length === 2));
		t.true(
			content.resting.every(({address}) => !addresses.includes(address)),
			'an address rests and is held',
		);
	}
});
