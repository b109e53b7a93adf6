import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {BusyNode} from '../lab/busy-node.ts';
import {runFairlead} from '../lab/daemon.ts';
import {MemoryLimit} from '../lab/memory-limit.ts';
import {printList} from '../lab/object-folder.ts';

/** So many rounds at most, and none begins after `budgetMs`; each of the three kinds comes first. */
const rounds = 8;
const budgetMs = 25_000;

let node: BusyNode;
test.before(async () => {
	node = await BusyNode.start();
});
test.after.always(async () => {
	await node.end();
});

test.serial(
	'killed at any moment of a sync under load, the daemon loses no connection and comes back right',
	async (t) => {
		t.timeout(120_000);
		await node.load();
		const began = performance.now();
		let round = 0;
		while (round < rounds && (round < 3 || performance.now() - began < budgetMs)) {
			round++;
			await node.rearrange();
			await node.pause(Math.random() * 150);
			await node.daemon.kill('SIGKILL');
			if (round % 2 === 0) {
				await node.rearrange(); // what happened while nobody looked
			}

			node.restart();
			await node.pause(Math.random() * 400);
			if (round % 3 === 0) {
				await node.daemon.kill('SIGKILL'); // in its first sync, or before
				node.restart();
			}

			await node.daemon.ready();
			t.deepEqual(await node.failures(), [], `round ${round}`);
			await node.pause(300);
			t.deepEqual(await node.wrongAnswers(), [], `round ${round}: answers since it is ready`);
		}

		t.log(`${round} rounds`);
		t.deepEqual(await node.unload(), []);
	},
);

test.serial(
	'ended by SIGTERM and started again under load, it finishes its commit, and no connection is lost',
	async (t) => {
		t.timeout(120_000);
		await node.load();
		for (let round = 1; round <= 4; round++) {
			await node.rearrange();
			await node.pause(Math.random() * 150);
			t.is(await node.daemon.kill('SIGTERM'), 0, node.daemon.log);
			await node.rearrange();
			node.restart();
			await node.daemon.ready();
			t.deepEqual(await node.failures(), [], `round ${round}`);
			await node.pause(300);
			t.deepEqual(await node.wrongAnswers(), [], `round ${round}: answers since it is ready`);
		}

		t.deepEqual(await node.unload(), []);
	},
);

test.serial(
	'while the folder of objects is gone all stays in force; back with changes, they are followed',
	async (t) => {
		t.timeout(60_000);
		await node.load();
		await node.folder.hide();
		await node.daemon.printed(() => node.daemon.log.includes('FILE_UNREADABLE'));
		await node.pause(500);
		t.deepEqual(await node.wrongAnswers(), [], 'while it is gone');
		await node.folder.show(async () => await node.rearrange());
		await node.daemon.printed(() => node.daemon.log.includes('a problem is mended'));
		await node.pause(1000);
		t.deepEqual(await node.failures(), [], 'when it came back');
		await node.pause(300);
		t.deepEqual(await node.wrongAnswers(), [], 'since it is back');
		t.deepEqual(await node.unload(), []);
	},
);

test.serial(
	'with a full disk under its state folder the daemon serves, says that nobody can ask it, and can be asked once there is room',
	async (t) => {
		t.timeout(60_000);
		const disk = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
		const mount = (...options: readonly string[]) => execFileSync('/usr/bin/mount', [...options, 'tmpfs', disk]);
		mount('-t', 'tmpfs', '-o', 'nr_inodes=1');
		t.teardown(async () => {
			await node.daemon.kill('SIGTERM');
			execFileSync('/usr/bin/umount', [disk]);
			rmdirSync(disk);
		});
		const state = join(disk, 'state');
		await node.daemon.kill('SIGTERM');
		node.restart([], ['--state-dir', state]);
		await node.daemon.ready();
		await node.load();
		await node.rearrange();
		await node.daemon.printed(() => /ENOSPC.*nobody can ask the daemon/.test(node.daemon.log));
		await node.pause(1000);
		t.deepEqual(await node.failures(), []);
		await node.pause(300);
		t.deepEqual(await node.wrongAnswers(), [], 'it follows its objects');
		mount('-o', 'remount,nr_inodes=100');
		const status = async () => await runFairlead(node.lab.hosts.n1, ['status', '--state-dir', state]);
		t.regex(await eventually(status), /n1/);
		t.deepEqual(await node.unload(), []);
	},
);

/** What `act` returns once it does not throw any more. */
async function eventually(act: () => Promise<string>): Promise<string> {
	for (;;) {
		try {
			return await act();
		} catch {
			await node.pause(200);
		}
	}
}

/** More than an idle daemon needs, less than one that reads 50 MB of objects. */
const limitBytes = 160 * 1024 * 1024;
const probe = MemoryLimit.create(limitBytes);
probe?.end();
const testLimit = probe === undefined ? test.serial.skip : test.serial;
testLimit(
	`a daemon that runs into its memory limit dies, no connection is lost, and the next one comes back right${probe ? '' : ' (left out: no memory control group can be made here)'}`,
	async (t) => {
		t.timeout(120_000);
		const limit = MemoryLimit.create(limitBytes);
		await node.daemon.kill('SIGTERM');
		node.restart(limit?.command);
		await node.daemon.ready();
		await node.load();
		await node.folder.write('large.json', printList(Array.from({length: 50_000}, (_, index) => largeObject(index))));
		await node.daemon.ended();
		limit?.end();
		await node.pause(500);
		await node.folder.remove('large.json');
		t.deepEqual(await node.wrongAnswers(), [], 'while nobody is there');
		await node.rearrange();
		node.restart();
		await node.daemon.ready();
		t.deepEqual(await node.failures(), []);
		await node.pause(300);
		t.deepEqual(await node.wrongAnswers(), [], 'since it is back');
		t.deepEqual(await node.unload(), []);
	},
);

function largeObject(index: number): unknown {
	const metadata = {name: `large-${index}`, namespace: 'shop', annotations: {note: 'x'.repeat(900)}};
	const spec = {clusterIP: `10.97.${index >> 8}.${index & 255}`, ports: [{port: 80}]};
	return {apiVersion: 'v1', kind: 'Service', metadata, spec};
}
