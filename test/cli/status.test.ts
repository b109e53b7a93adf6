import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import {load} from 'js-yaml';
import {printCheck} from '../../src/cli/check.ts';
import {printData} from '../../src/cli/output.ts';
import {printStatus} from '../../src/cli/status-table.ts';
import type {Handlers} from '../../src/control/protocol.ts';
import {serveControl} from '../../src/control/server.ts';
import {controlPath} from '../../src/control/socket-file.ts';
import type {Status} from '../../src/control/status.ts';
import {row} from '../../src/daemon/check-row.ts';
import {NetError} from '../../src/errors.ts';
import {silentLog} from '../../src/observe/log.ts';
import {golden} from '../lab/golden.ts';
import {controlFolder} from '../support/control-folder.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {runHere} from '../support/program.ts';
import {buildStatus} from '../support/status.ts';

const folder = fileURLToPath(new URL('../golden/cli/', import.meta.url));

const whole = buildStatus();
const failure = {code: 'NFT_REFUSED', message: 'cannot commit a batch: ENOSPC', hint: 'Look at dmesg.'};

/** A node where nearly everything is wrong. */
const broken = buildStatus({
	inForce: undefined,
	awaiting: ['source files', 'first sync'],
	pendingSeconds: 12.5,
	failure: {...failure, retryInSeconds: 3.2},
	lastCommit: undefined,
	sources: whole.sources.map((source) =>
		source.name === 'files'
			? {...source, complete: false, synced: undefined, problems: 1, failure: {...failure, retryInSeconds: 1}}
			: source,
	),
	notWhole: Array.from({length: 25}, (_, n) => ({
		service: `shop/s${String(n).padStart(2, '0')}:http`,
		what: `10.96.0.${n} TCP 80`,
		because: `Service shop/web, spec.clusterIPs: 10.96.0.${n} TCP 80 is that of shop/web:http: cluster IPs come before load-balancer, external IPs, node ports and host ports, then older Services, then names`,
	})),
	problems: [
		{source: 'files', code: 'FILE_INVALID', message: 'cannot parse "a.yaml" at line 3', hint: 'Mend the file.'},
	],
});

test('the table of a node where all is in force is as reviewed', (t) => {
	golden(t, `${folder}status-whole.txt`, printStatus(whole, 100));
});

test('the table of a node where nearly all is wrong is as reviewed', (t) => {
	golden(t, `${folder}status-broken.txt`, printStatus(broken, 100));
});

test('the table of a check is as reviewed: a remedy that several rows share stands once', (t) => {
	const rows = [
		row('Node.js', 'ok', '24.21.0', '24.12 or newer'),
		row('rights', 'fail', 'uid 1000, neither CAP_NET_ADMIN nor CAP_SYS_ADMIN', 'CAP_NET_ADMIN', 'Run as root.'),
		row('nf_tables', 'unknown', 'cannot commit a batch: EPERM', 'all 14 parts', 'Run as root, or with CAP_NET_ADMIN.'),
		row('other proxies', 'unknown', 'cannot read: EPERM', 'none', 'Run as root, or with CAP_NET_ADMIN.'),
		row('nft tool', 'warn', 'missing', 'any, for people', 'apt-get install nftables'),
	];
	golden(t, `${folder}check-rows.txt`, printCheck(rows, 100));
});

test('JSON and YAML say the same, all of it', async (t) => {
	const json: unknown = JSON.parse(await printData(broken, 'json'));
	t.deepEqual(load(await printData(broken, 'yaml')), json);
	t.deepEqual(json, JSON.parse(JSON.stringify(broken)));
});

/** Answers with one status after another, each when the test says so. */
async function serve(t: ExecutionContext, first: Status) {
	const folderOfSocket = controlFolder(t);
	let wake = Promise.withResolvers<Status>();
	const handlers: Handlers = {
		async *status({watch}, signal) {
			signal.addEventListener('abort', () => wake.resolve(first));
			for (let status = first; !signal.aborted; status = await wake.promise) {
				const {notWhole, problems, ...head} = status;
				yield {kind: 'notWhole', rows: notWhole};
				yield {kind: 'problems', rows: problems};
				yield {kind: 'head', head};
				if (!watch) {
					return null;
				}
			}

			return null;
		},
	};
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	const clock = new FakeClock();
	const start = async () =>
		await serveControl(
			{path: controlPath(folderOfSocket), handlers, log: silentLog, after: clock.after.bind(clock)},
			stop.signal,
		);
	await start();
	const say = (status: Status) => {
		wake.resolve(status);
		wake = Promise.withResolvers();
	};
	return {stateDir: folderOfSocket, say, stop};
}

test('the exit code is 0 where all is in force as written, 3 where something is missing, 1 without a daemon', async (t) => {
	const {stateDir} = await serve(t, whole);
	const table = await runHere(['status', '--state-dir', stateDir]);
	t.is(table.code, 0);
	t.is(table.stdout, printStatus(whole, 120));
	const other = await serve(t, broken);
	const json = await runHere(['status', '--state-dir', other.stateDir, '-o', 'json']);
	t.is(json.code, 3);
	t.deepEqual(JSON.parse(json.stdout), JSON.parse(JSON.stringify(broken)));
	const none = await runHere(['status', '--state-dir', controlFolder(t)]);
	t.is(none.code, 1);
	t.regex(
		none.stderr,
		/cannot ask the daemon at .*\n {2}because: .*ENOENT.*\n {2}hint: .*\n {2}code: CONTROL_NO_DAEMON\n/,
	);
});

test('a watch on a pipe tells each change as a line of JSON, a YAML document or a table', async (t) => {
	const changed = {...whole, services: 1205};
	for (const [form, wanted] of [
		['json', `${JSON.stringify(whole)}\n${JSON.stringify(changed)}\n`],
		['yaml', `---\n${await printData(whole, 'yaml')}---\n${await printData(changed, 'yaml')}`],
		['table', `${printStatus(whole, 120)}\n${printStatus(changed, 120)}`],
	] as const) {
		const {stateDir, say} = await serve(t, whole);
		const interrupt = new AbortController();
		let shown = '';
		const {code} = await runHere(['status', '--watch', '--state-dir', stateDir, '-o', form], {
			interrupt: interrupt.signal,
			onOut: (text) => {
				shown += text;
				if (shown.length >= wanted.length) {
					interrupt.abort();
				} else {
					say(changed);
				}
			},
		});
		t.is(shown, wanted);
		t.is(code, 0, 'an interrupt is how a watch ends');
	}
});

test('a watch on a screen draws over what it drew', async (t) => {
	const {stateDir} = await serve(t, whole);
	const interrupt = new AbortController();
	const {stdout} = await runHere(['status', '-w', '--state-dir', stateDir], {
		interrupt: interrupt.signal,
		screen: {columns: 80},
		onOut: () => interrupt.abort(),
	});
	t.is(stdout, `\u001b[H\u001b[2J${printStatus(whole, 80)}`);
});

test('a watch says that the daemon went away, once, and goes on when it is back', async (t) => {
	const first = await serve(t, whole);
	const interrupt = new AbortController();
	const {promise: back, resolve: cameBack} = Promise.withResolvers<void>();
	let shown = 0;
	const {code, stderr} = await runHere(['status', '-w', '-o', 'json', '--state-dir', first.stateDir], {
		interrupt: interrupt.signal,
		onOut: () => {
			shown++;
			if (shown === 1) {
				first.stop.abort();
			} else {
				interrupt.abort();
			}
		},
		onErr: () => {
			const stop = new AbortController();
			t.teardown(() => stop.abort());
			const clock = new FakeClock();
			let asked = 0;
			const handlers: Handlers = {
				async *status() {
					asked++;
					if (asked < 3) {
						throw new NetError('CONTROL_BUSY', 'answer yet');
					}

					const {notWhole: _, problems: __, ...head} = whole;
					yield {kind: 'head', head};
					return null;
				},
			};
			const path = controlPath(first.stateDir);
			void serveControl({path, handlers, log: silentLog, after: clock.after.bind(clock)}, stop.signal).then(cameBack);
		},
	});
	await back;
	t.is(shown, 2);
	t.is(code, 0);
	t.is(stderr, 'fairlead: the daemon went away; waiting for it to come back (CONTROL_CLOSED)\n');
});

test('a watch without a daemon fails at once', async (t) => {
	const {code, stderr} = await runHere(['status', '-w', '--state-dir', controlFolder(t)]);
	t.is(code, 1);
	t.regex(stderr, /CONTROL_NO_DAEMON/);
});
