import test, {type ExecutionContext} from 'ava';
import {Cluster} from '../../src/daemon/cluster.ts';
import {newCondition} from '../../src/daemon/health.ts';
import {Inbox, type Mail} from '../../src/daemon/inbox.ts';
import {DaemonMetrics} from '../../src/daemon/metrics.ts';
import {Reconciler} from '../../src/daemon/reconciler.ts';
import {NetError} from '../../src/errors.ts';
import type {Change} from '../../src/model/change.ts';
import type {KubeObject} from '../../src/model/objects.ts';
import {Metrics} from '../../src/observe/metrics.ts';
import {buildOptions} from '../plan/planned.ts';
import {buildEndpoint, buildService, buildSlice} from '../support/builders.ts';
import {FakeClock} from '../support/fake-clock.ts';
import {FakeDataplane} from '../support/fake-dataplane.ts';
import {memoryLog} from '../support/memory-log.ts';
import {readSamples} from '../support/scrape.ts';

const families = ['IPv4', 'IPv6'] as const;
const sources = ['files', 'nodeAddresses'] as const;

/** A reconciler at work that is measured, told of `early` before it is. */
function start(t: ExecutionContext, early: readonly Mail[] = []) {
	const [clock, dataplane, condition] = [new FakeClock(1), new FakeDataplane(), newCondition()];
	const inbox = new Inbox(clock);
	const cluster = new Cluster(buildOptions());
	for (const mail of early) {
		inbox.push(mail);
	}

	const parts = {...{version: '1.2.3', mode: 'nftables', sources, families}, ...{inbox, condition, cluster}};
	const metrics = new DaemonMetrics(new Metrics(), {...parts, dataplane, clock});
	const reconciler = new Reconciler({
		...{sources, inbox, cluster, dataplane, condition, clock, log: memoryLog().log},
		...{followers: metrics.followers, retryCeilingMs: () => 1000, minPeriodMs: () => 0},
	});
	const stop = new AbortController();
	void reconciler.run(stop.signal, stop.signal); // never rejects
	t.teardown(() => stop.abort());
	const push = async (source: Mail['source'], changes: Mail['changes']) => {
		inbox.push({source, changes});
		await clock.settle();
	};
	return {
		...{clock, dataplane, metrics, push},
		say: async (...changes: readonly Change[]) => await push('files', changes),
		synced: async () => {
			await push('nodeAddresses', [{verb: 'synced', source: 'nodeAddresses', complete: true}]);
			await push('files', [{verb: 'synced', source: 'files', complete: true}]);
		},
		scrape: async () => readSamples((await metrics.answer()).body),
	};
}

const put = (object: KubeObject): Change => ({verb: 'put', object});
const web = put(buildService('shop/web', {clusterIps: ['10.96.0.1']}));
const webSlice = put(buildSlice('shop/web', [buildEndpoint('10.129.0.1'), buildEndpoint('10.129.0.2')]));
const six = put(buildService('shop/six', {clusterIps: ['fd00::1']}));

const sync = 'kubeproxy_sync_proxy_rules';

test('what is in force is counted, and what runs is named', async (t) => {
	const {say, synced, scrape} = start(t);
	t.is((await scrape()).get('fairlead_ready'), 0);
	await say(web, webSlice, six);
	await synced();
	const samples = await scrape();
	const version = `fairlead_build_info{version="1.2.3",node_version="${process.versions.node}",mode="nftables"}`;
	t.is(samples.get(version), 1);
	t.is(samples.get('fairlead_ready'), 1);
	t.is(samples.get('fairlead_services'), 2);
	t.is(samples.get('fairlead_frontends'), 2);
	t.is(samples.get('fairlead_endpoints'), 2);
	t.is(samples.get('fairlead_operations_total'), 2);
});

test('a full sync counts for both families, an update for those that it touched', async (t) => {
	const {say, synced, scrape} = start(t);
	await synced();
	await say(web);
	const samples = await scrape();
	const count = (kind: string, family: string) =>
		samples.get(`kubeproxy_sync_${kind}proxy_rules_duration_seconds_count{ip_family="${family}"}`);
	t.deepEqual([count('full_', 'IPv4'), count('full_', 'IPv6')], [1, 1]);
	t.deepEqual([count('partial_', 'IPv4'), count('partial_', 'IPv6')], [1, undefined]);
	t.deepEqual([count('', 'IPv4'), count('', 'IPv6')], [2, 1]);
	await say(six);
	t.is((await scrape()).get(`${sync}_duration_seconds_count{ip_family="IPv6"}`), 2);
});

test('a commit takes as long as its oldest change waited, and the moments of queue and sync are on the wall clock', async (t) => {
	const {say, synced, clock, dataplane, scrape} = start(t);
	await synced();
	const release = dataplane.hold();
	const queued = clock.wall() / 1000;
	await say(web);
	await clock.advance(300);
	release();
	await clock.settle();
	const samples = await scrape();
	t.is(samples.get(`${sync}_last_queued_timestamp_seconds{ip_family="IPv4"}`), queued);
	t.is(samples.get(`${sync}_last_timestamp_seconds{ip_family="IPv4"}`), queued + 0.3);
	t.is(samples.get(`${sync}_last_timestamp_seconds{ip_family="IPv6"}`), queued, 'it was not touched');
	t.is(samples.get('fairlead_commit_latency_seconds_bucket{le="0.2048"}'), 1, 'the first sync');
	t.is(samples.get('fairlead_commit_latency_seconds_bucket{le="0.4096"}'), 2);
	t.is(samples.get(`${sync}_duration_seconds_sum{ip_family="IPv4"}`), 0.3);
});

test('how long a change of a Pod took to be in force is counted from the time in its slice, of what happened since the start', async (t) => {
	const {say, synced, clock, dataplane, scrape} = start(t);
	const programming = async (family: string) => {
		const samples = await scrape();
		const of = (kind: string) =>
			samples.get(`kubeproxy_network_programming_duration_seconds_${kind}{ip_family="${family}"}`);
		return [of('count'), of('sum')];
	};
	const slice = (triggeredAt: number, ...addresses: readonly string[]) => {
		const object = buildSlice(
			'shop/web',
			addresses.map((address) => buildEndpoint(address)),
		);
		return {verb: 'put', object, triggeredAt} as const;
	};
	await say(web, slice(clock.wall() - 1000, '10.129.0.1'));
	await synced();
	t.deepEqual(await programming('IPv4'), [undefined, undefined], 'before the start');

	const began = clock.wall();
	await clock.advance(400);
	dataplane.failures.push(new NetError('KERNEL_REFUSED', 'send a batch'));
	await say(slice(began + 100, '10.129.0.2'));
	t.deepEqual(await programming('IPv4'), [undefined, undefined], 'it is not in force yet');
	await clock.advance(100);
	t.deepEqual(await programming('IPv4'), [1, 0.4]);

	await say(slice(began + 450, '10.129.0.2'));
	t.deepEqual(await programming('IPv4'), [1, 0.4], 'the same endpoints, written anew');
	await say(slice(clock.wall() + 5000, '10.129.0.3'));
	t.deepEqual(await programming('IPv4'), [2, 0.4], 'a clock that is ahead');
	await say({verb: 'delete', kind: 'EndpointSlice', key: 'shop/web'});
	t.deepEqual(await programming('IPv4'), [2, 0.4]);
	t.deepEqual(await programming('IPv6'), [undefined, undefined]);
});

test('a change that changes nothing is no sync, and leaves nothing pending', async (t) => {
	const {say, synced, clock, scrape} = start(t);
	await say(web);
	await synced();
	await clock.advance(5000);
	await say(web);
	const samples = await scrape();
	const at = clock.wall() / 1000;
	t.is(samples.get(`${sync}_last_queued_timestamp_seconds{ip_family="IPv4"}`), at);
	t.is(samples.get(`${sync}_last_timestamp_seconds{ip_family="IPv4"}`), at, 'or it would look hung');
	t.is(samples.get(`${sync}_duration_seconds_count{ip_family="IPv4"}`), 1);
	t.is(samples.get(`${sync}_service_changes_pending`), 0);
});

test('changes are counted as they come, and pending until a commit carried them', async (t) => {
	const {say, synced, clock, dataplane, scrape} = start(t);
	const pending = async () => {
		const samples = await scrape();
		return ['service', 'endpoint'].map((kind) => samples.get(`${sync}_${kind}_changes_pending`));
	};
	await say(web, webSlice, six);
	t.deepEqual(await pending(), [2, 1]);
	await synced();
	t.deepEqual(await pending(), [0, 0]);
	const release = dataplane.hold();
	await say({verb: 'delete', kind: 'EndpointSlice', key: 'shop/web-abc'});
	await say({verb: 'delete', kind: 'Service', key: 'shop/six'});
	t.deepEqual(await pending(), [1, 1], 'one is being committed, one waits');
	release();
	const second = dataplane.hold();
	await clock.settle();
	t.deepEqual(await pending(), [1, 0], 'what waited is being committed');
	second();
	await clock.settle();
	t.deepEqual(await pending(), [0, 0]);
	const samples = await scrape();
	t.deepEqual([samples.get(`${sync}_service_changes_total`), samples.get(`${sync}_endpoint_changes_total`)], [3, 2]);
});

test('a commit that fails is a failure of both families, from zero on', async (t) => {
	const {say, synced, clock, dataplane, scrape} = start(t);
	await synced();
	const failures = async (kind: string) => {
		const samples = await scrape();
		return families.map((family) => samples.get(`${sync}_nftables_${kind}_failures_total{ip_family="${family}"}`));
	};
	t.deepEqual(await failures('sync'), [0, 0]);
	dataplane.failures.push(new NetError('KERNEL_DENIED', 'send a batch'));
	await say(web);
	t.deepEqual(await failures('sync'), [1, 1]);
	t.is((await scrape()).get(`${sync}_service_changes_pending`), 1);
	await clock.advance(100);
	t.deepEqual(await failures('sync'), [1, 1]);
	t.deepEqual(await failures('cleanup'), [0, 0]);
	t.is((await scrape()).get(`${sync}_service_changes_pending`), 0);
});

test('what is not served as written is counted by who does not: the plan, the dataplane, the kernel, a port', async (t) => {
	const {say, synced, dataplane, metrics, scrape} = start(t);
	dataplane.refusing.add('shop/web:http');
	const rivals = ['shop/a', 'shop/b'] as const;
	await say(web, ...rivals.map((name) => put(buildService(name, {clusterIps: ['10.96.0.9']}))));
	await say(put(buildService('shop/sticky', {clusterIps: ['10.96.0.8'], affinityTimeoutSeconds: 60})));
	await synced();
	const error = new NetError('HEALTH_CHECK_BIND', 'answer');
	const problem = {service: 'shop/web', port: 32_000, error};
	metrics.follow({count: 3, problems: [problem, problem]});
	metrics.healthCheckBindFailed();
	const samples = await scrape();
	const reasons = ['plan', 'dataplane', 'health-check'];
	t.deepEqual(
		reasons.map((reason) => samples.get(`fairlead_services_not_whole{reason="${reason}"}`)),
		[1, 1, 1],
	);
	t.is(samples.get('fairlead_services_refused'), 1);
	t.is(samples.get('fairlead_health_check_ports'), 3);
	t.is(samples.get('fairlead_health_check_bind_failures_total'), 1);
});

test('a service port without an endpoint here is counted by the policy that leaves it so', async (t) => {
	const {say, synced, scrape} = start(t);
	const parts = {clusterIps: ['10.96.0.1'], internalTrafficPolicy: 'Local'} as const;
	await say(put(buildService('shop/web', parts)), webSlice);
	await synced();
	const samples = await scrape();
	const name = `${sync}_no_local_endpoints_total`;
	t.is(samples.get(`${name}{ip_family="IPv4",traffic_policy="internal"}`), 1);
	t.is(samples.get(`${name}{ip_family="IPv4",traffic_policy="external"}`), 0);
});

test('a source says when it has told all, whether it could read all, when it last spoke, and how often it failed', async (t) => {
	const {push, say, synced, clock, scrape} = start(t);
	const facts = async () => {
		const samples = await scrape();
		return ['synced', 'complete', 'restarts_total', 'last_change_timestamp_seconds'].map((name) =>
			samples.get(`fairlead_source_${name}{source="files"}`),
		);
	};
	t.deepEqual(await facts(), [0, 0, 0, undefined]);
	await synced();
	t.deepEqual(await facts(), [1, 1, 0, clock.wall() / 1000]);
	await push('files', 'restarted');
	t.deepEqual((await facts()).slice(0, 3), [1, 0, 1]);
	await clock.advance(2000);
	await say({verb: 'synced', source: 'files', complete: false});
	t.deepEqual(await facts(), [1, 0, 1, clock.wall() / 1000]);
});

test('what sources said before they were measured counts too', async (t) => {
	const {scrape} = start(t, [
		{source: 'files', changes: [web, {verb: 'synced', source: 'files', complete: true}]},
		{source: 'files', changes: 'restarted'},
	]);
	const samples = await scrape();
	t.is(samples.get('fairlead_source_synced{source="files"}'), 1);
	t.is(samples.get('fairlead_source_restarts_total{source="files"}'), 1);
	t.is(samples.get(`${sync}_service_changes_total`), 1);
});

test('probes, deleted flows and foreign edits are counted where they are said', async (t) => {
	const {metrics, dataplane, clock, synced, scrape} = start(t);
	await synced();
	dataplane.edit('10.96.0.1 TCP 80');
	dataplane.edit('10.96.0.2 TCP 80');
	await clock.settle();
	metrics.probed('healthz', {status: 503, contentType: '', body: ''});
	metrics.probed('livez', {status: 200, contentType: '', body: ''});
	metrics.flowsDeleted({family: 'IPv6', deleted: 4, walked: 9, durationMs: 12});
	const samples = await scrape();
	t.is(samples.get('kubeproxy_proxy_healthz_total{code="503"}'), 1);
	t.is(samples.get('kubeproxy_proxy_livez_total{code="200"}'), 1);
	const flows = 'kubeproxy_conntrack_reconciler';
	t.is(samples.get(`${flows}_deleted_entries_total{ip_family="IPv6"}`), 4);
	t.is(samples.get(`${flows}_deleted_entries_total{ip_family="IPv4"}`), 0);
	t.is(samples.get(`${flows}_sync_duration_seconds_bucket{le="0.016",ip_family="IPv6"}`), 1);
	t.is(samples.get('fairlead_foreign_edits_mended_total'), 2);
});

test('the event loop is measured once a second until the signal', async (t) => {
	const {metrics, clock, scrape} = start(t);
	const stop = new AbortController();
	metrics.watchEventLoop(clock, stop.signal);
	await clock.advance(2500);
	t.is((await scrape()).get('fairlead_event_loop_lag_seconds_count'), 2);
	stop.abort();
	t.is(clock.timers, 0);
});
