import {once} from 'node:events';
import test, {type ExecutionContext} from 'ava';
import {resolveConfig} from '../../src/config/config.ts';
import {serveAnswers} from '../../src/daemon/answers.ts';
import {Cluster} from '../../src/daemon/cluster.ts';
import {newCondition} from '../../src/daemon/health.ts';
import {Inbox} from '../../src/daemon/inbox.ts';
import {DaemonMetrics} from '../../src/daemon/metrics.ts';
import type {NetError} from '../../src/errors.ts';
import {Metrics} from '../../src/observe/metrics.ts';
import {buildOptions} from '../plan/planned.ts';
import {buildNode} from '../support/builders.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeDataplane} from '../support/fake-dataplane.ts';
import {freePort, holdPort} from '../support/free-port.ts';
import {memoryLog} from '../support/memory-log.ts';

type Flags = Readonly<Record<string, string>>;

/** The daemon's answers on two ports of loopback, unless `flags` say otherwise, until the test ends. */
async function start(t: ExecutionContext, flags: Flags = {}) {
	const [health, scrape] = [await freePort(), await freePort()];
	const binds = {'healthz-bind-address': `127.0.0.1:${health}`, 'metrics-bind-address': `127.0.0.1:${scrape}`};
	const named = new Map(Object.entries({objects: '/objects', ...binds, ...flags}));
	const config = resolveConfig({flags: named, environment: {}, hostname: 'here'});
	const [clock, dataplane, condition] = [new FakeClock(), new FakeDataplane(), newCondition()];
	const cluster = new Cluster(buildOptions());
	const families = ['IPv4'] as const;
	const parts = {...{condition, cluster, families, clock, dataplane}, inbox: new Inbox(clock), sources: []};
	const metrics = new DaemonMetrics(new Metrics(), {...parts, version: '1', mode: 'nftables'});
	const {log, lines} = memoryLog();
	const stop = new AbortController();
	t.teardown(() => stop.abort());
	const ends: [reason: string, exitCode: number][] = [];
	const unbound: string[] = [];
	const events = {unbound: (what: string, {code}: NetError) => void unbound.push(`${what} ${code}`)};
	serveAnswers(
		{...parts, live: {current: config}, metrics, events, log},
		{stop: stop.signal, end: (reason, exitCode) => ends.push([reason, exitCode])},
	);
	await clock.settle();
	const get = async (port: number, path: string) => {
		const response = await fetch(`http://127.0.0.1:${port}${path}`);
		return [response.status, await response.text()] as const;
	};
	return {
		...{cluster, condition, ends, lines, unbound},
		health: async (path: string) => (await get(health, path))[0],
		scrape: async (path: string) => await get(scrape, path),
		put: (node: ReturnType<typeof buildNode>) => cluster.take({verb: 'put', object: node}),
	};
}

test('a source that tells of no Node at all says nothing of this one: /healthz is 200', async (t) => {
	const {health, condition} = await start(t);
	condition.awaiting = [];
	t.is(await health('/healthz'), 200);
});

test('a node that is not among the Nodes is 503 once everything has been read, and not before', async (t) => {
	const {health, condition, put} = await start(t);
	put(buildNode({}, 'there'));
	t.is(await health('/healthz'), 200);
	condition.awaiting = [];
	t.is(await health('/healthz'), 503);
	t.is(await health('/livez'), 200);
	put(buildNode());
	t.is(await health('/healthz'), 200);
});

test('a node that was known and is gone is 503, even where no other is known', async (t) => {
	const {health, condition, cluster, put} = await start(t);
	condition.awaiting = [];
	put(buildNode());
	cluster.take({verb: 'delete', kind: 'Node', key: 'here'});
	t.is(await health('/healthz'), 503);
});

test('a node that is leaving is 503 from the moment that is read', async (t) => {
	const {health, put} = await start(t);
	put(buildNode({leaving: true}));
	t.is(await health('/healthz'), 503);
});

test('probes are counted by what they were answered', async (t) => {
	const {health, scrape, put} = await start(t);
	await health('/healthz');
	put(buildNode({leaving: true}));
	await health('/healthz');
	await health('/livez');
	await health('/readyz');
	const [, text] = await scrape('/metrics');
	t.deepEqual(
		text.split('\n').filter((line) => line.startsWith('kubeproxy_proxy_')),
		[
			'kubeproxy_proxy_healthz_total{code="200"} 1',
			'kubeproxy_proxy_healthz_total{code="503"} 1',
			'kubeproxy_proxy_livez_total{code="200"} 1',
		],
	);
});

test('the metrics port says "ok", the mode and the configuration as kube-proxy does', async (t) => {
	const {scrape} = await start(t);
	t.deepEqual(await scrape('/healthz'), [200, 'ok']);
	t.deepEqual(await scrape('/proxyMode'), [200, 'nftables']);
	t.is(JSON.parse((await scrape('/configz'))[1])['kubeproxy.config.k8s.io'].mode, 'nftables');
});

for (const [what, code] of [
	['healthz', 'HEALTH_BIND'],
	['metrics', 'METRICS_BIND'],
] as const) {
	test(`a --${what}-bind-address in use is told, and ends the daemon only with --bind-address-hard-fail`, async (t) => {
		const {port, server} = await holdPort();
		const flags = {[`${what}-bind-address`]: `127.0.0.1:${port}`};
		const soft = await start(t, flags);
		t.true(soft.lines.some((line) => line.includes(code)));
		t.deepEqual(soft.ends, []);
		t.deepEqual(soft.unbound, [`${what === 'healthz' ? 'health' : what} ${code}`]);
		const hard = await start(t, {...flags, 'bind-address-hard-fail': 'true'});
		t.deepEqual(
			hard.ends.map(([, exitCode]) => exitCode),
			[1],
		);
		server.close();
		await once(server, 'close');
	});
}

test('nothing is served where the addresses are empty', async (t) => {
	const {health, scrape} = await start(t, {'healthz-bind-address': '', 'metrics-bind-address': ''});
	await t.throwsAsync(health('/livez'));
	await t.throwsAsync(scrape('/metrics'));
});
