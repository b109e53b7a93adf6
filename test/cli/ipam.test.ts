import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import {load} from 'js-yaml';
import {printAddresses} from '../../src/cli/ipam.ts';
import type {AddressRow} from '../../src/control/cni.ts';
import {serveControl} from '../../src/control/server.ts';
import {controlPath} from '../../src/control/socket-file.ts';
import {NetError} from '../../src/errors.ts';
import {silentLog} from '../../src/observe/log.ts';
import {golden} from '../lab/golden.ts';
import {controlFolder} from '../support/control-folder.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {runHere} from '../support/program.ts';

const folder = fileURLToPath(new URL('../golden/cli/', import.meta.url));
const containerId = '3f8a1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8';

function row(address: string, more: Partial<AddressRow> = {}): AddressRow {
	const since = '2026-11-28T12:00:00.000Z';
	const [pod, link] = ['shop/web-1', 'fair3f8a1c2b4d5'];
	return {address, state: 'attached', network: 'pods', containerId, ifName: 'eth0', pod, link, since, ...more};
}

const nobody = {containerId: '', ifName: '', pod: '', link: ''};
const rows = [
	row('10.244.1.2'),
	row('10.244.1.3', {...nobody, state: 'resting', since: '2026-11-28T12:59:30.000Z'}),
	row('10.244.1.14', {pod: '', state: 'adding', since: '2026-11-28T12:59:59.900Z'}),
	row('fd00:10:244:1::2', {state: 'deleting', since: '2026-11-28T13:00:01.000Z'}),
];

/** A daemon that has these rows, in two pieces, and frees whatever is not attached. */
async function serve(t: ExecutionContext): Promise<string> {
	const stateDir = controlFolder(t);
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	const handlers = {
		async *addresses() {
			yield rows.slice(0, 1);
			yield rows.slice(1);
			return await Promise.resolve(null);
		},
		async *release({address, force}: {readonly address: string; readonly force: boolean}) {
			const found = rows.find((each) => each.address === address);
			if (found === undefined || (found.state === 'attached' && !force)) {
				throw new NetError('CNI_ADDRESS', `free ${address}: its pod is there`);
			}

			return await Promise.resolve(found);
		},
	};
	const clock = new FakeClock();
	await serveControl(
		{path: controlPath(stateDir), handlers, log: silentLog, after: clock.after.bind(clock)},
		stop.signal,
	);
	return stateDir;
}

test('the table of addresses is as reviewed', (t) => {
	golden(t, `${folder}ipam-rows.txt`, printAddresses(rows, Date.UTC(2026, 10, 28, 13), 200));
	t.is(printAddresses([], 0, 80), 'Every address is free.\n');
});

test('ipam list prints every piece of the daemon’s answer, in every form', async (t) => {
	const stateDir = await serve(t);
	const list = async (form: string) => await runHere(['ipam', 'list', '--state-dir', stateDir, '-o', form]);
	t.deepEqual(JSON.parse((await list('json')).stdout), rows);
	t.deepEqual(load((await list('yaml')).stdout), rows);
	const {code, stdout} = await list('table');
	t.is(code, 0);
	t.deepEqual(stdout.match(/^\S+/gm), ['ADDRESS', ...rows.map(({address}) => address)]);
});

test('ipam release frees an address and says whose it was; one in use only by force', async (t) => {
	const stateDir = await serve(t);
	const release = async (...args: readonly string[]) =>
		await runHere(['ipam', 'release', ...args, '--state-dir', stateDir]);
	t.deepEqual(await release('10.244.1.3'), {code: 0, stdout: '10.244.1.3 is released: it rested.\n', stderr: ''});
	t.is((await release('10.244.1.14')).stdout, "10.244.1.14 is released: it was container 3f8a1c2b4d5e6's, adding.\n");
	t.is(
		(await release('fd00:10:244:1:0:0:0:2')).stdout,
		"fd00:10:244:1::2 is released: it was pod shop/web-1's, deleting.\n",
	);
	const refused = await release('10.244.1.2');
	t.is(refused.code, 1);
	t.regex(refused.stderr, /cannot free 10\.244\.1\.2: its pod is there\n {2}hint: .*\n {2}code: CNI_ADDRESS/);
	t.deepEqual(JSON.parse((await release('10.244.1.2', '--force', '-o', 'json')).stdout), rows[0]);
});

test('ipam without a daemon, or with a wrong command line, says so by its exit code', async (t) => {
	const stateDir = controlFolder(t);
	const lost = await runHere(['ipam', 'list', '--state-dir', stateDir]);
	t.is(lost.code, 1);
	t.regex(lost.stderr, /CONTROL_NO_DAEMON/);
	t.is((await runHere(['ipam', 'release', '10.0.0.1', '--state-dir', stateDir])).code, 1);
	for (const args of [['release'], ['release', '10.0.0'], ['list', 'more'], ['lost']]) {
		const {code, stderr} = await runHere(['ipam', ...args]);
		t.is(code, 2, args.join(' '));
		t.regex(stderr, /^fairlead: cannot understand the command line: .*\n {2}hint: .*\n {2}code: CLI_USAGE\n$/);
	}

	const alone = await runHere(['ipam']);
	t.is(alone.code, 2);
	t.true(alone.stderr.startsWith('Usage: fairlead ipam'), alone.stderr);
});

for (const command of ['list', 'release']) {
	test(`help of ipam ${command} is as reviewed`, async (t) => {
		const {code, stdout} = await runHere(['ipam', command, '--help']);
		t.is(code, 0);
		golden(t, `${folder}ipam-${command}.txt`, stdout);
	});
}
