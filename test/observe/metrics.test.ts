import test from 'ava';
import {metricTable} from '../../src/observe/metric-table.ts';
import {Metrics} from '../../src/observe/metrics.ts';
import {readSamples} from '../support/scrape.ts';

test('a scrape names every metric of the table with its type and help, and those of the process and of Node', async (t) => {
	const metrics = new Metrics();
	const text = await metrics.print();
	for (const {name, type, help} of Object.values(metricTable)) {
		t.true(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
	}

	t.regex(text, /^process_resident_memory_bytes \d+$/m);
	t.regex(text, /^nodejs_heap_size_used_bytes \d+$/m);
	t.is(metrics.contentType, 'text/plain; version=0.0.4; charset=utf-8');
});

test('counters add up, gauges say what they were set to or what they are asked for, histograms fill buckets', async (t) => {
	const metrics = new Metrics();
	metrics.add('livez', {code: '200'});
	metrics.add('livez', {code: '200'}, 2);
	metrics.set('sourceSynced', {source: 'files'}, 1);
	let services = 0;
	metrics.collect('services', {}, () => services);
	services = 7;
	metrics.observe('syncDuration', {ip_family: 'IPv6'}, 0.003);
	const samples = readSamples(await metrics.print());
	t.is(samples.get('kubeproxy_proxy_livez_total{code="200"}'), 3);
	t.is(samples.get('fairlead_source_synced{source="files"}'), 1);
	t.is(samples.get('fairlead_services'), 7);
	const bucket = (le: string) =>
		samples.get(`kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="${le}",ip_family="IPv6"}`);
	t.deepEqual([bucket('0.002'), bucket('0.004'), bucket('16.384')], [0, 1, 1]);
});

test("histograms of kube-proxy's have its buckets: 1 ms to 16.384 s, each twice the one before", (t) => {
	const {buckets = []} = metricTable.syncDuration;
	t.is(buckets.length, 15);
	t.deepEqual([buckets[0], buckets.at(-1)], [0.001, 16.384]);
});

test('two sets of metrics in one process do not meet', async (t) => {
	const [one, other] = [new Metrics(), new Metrics()];
	one.add('operations', {}, 5);
	t.is(readSamples(await other.print()).get('fairlead_operations_total'), 0);
});
