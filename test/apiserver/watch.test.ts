import test from 'ava';
import {thisNode} from '../support/builders.ts';
import {nodeJson, serviceJson, sliceJson} from '../support/manifests.ts';
import {startDouble, WatchedApi} from '../support/watched-api.ts';

const web = serviceJson();
const slice = sliceJson();

test('everything there is comes first, then the word that it is complete, then what changes', async (t) => {
	const double = await startDouble(t);
	double.store.put(web, slice, nodeJson());
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	const [synced, ...objects] = api.told.toReversed();
	t.is(synced, 'synced true');
	t.deepEqual(objects.toSorted(), ['put EndpointSlice shop/web-abc', 'put Node here', 'put Service shop/web']);
	double.store.put(serviceJson({}, {name: 'new'}));
	await api.untilInForce('Service shop/new');
	double.store.delete('Service', 'shop', 'web');
	await api.untilInForce('Service shop/web', false);
	t.deepEqual(api.reports, []);
});

test('the moment that a slice was written for goes with it', async (t) => {
	const double = await startDouble(t);
	const annotations = {'endpoints.kubernetes.io/last-change-trigger-time': '2026-11-28T08:38:06Z'};
	const slice = sliceJson();
	double.store.put({...slice, metadata: {...(slice['metadata'] as object), annotations}});
	double.store.put(serviceJson());
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	t.deepEqual(api.triggers, [Date.UTC(2026, 10, 28, 8, 38, 6)]);
});

test('an empty cluster is complete too', async (t) => {
	const double = await startDouble(t);
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	t.deepEqual(api.told, ['synced true']);
});

test('headless Services, those of other proxies, headless slices and other Nodes are not asked for', async (t) => {
	const double = await startDouble(t);
	double.store.put(
		web,
		serviceJson({clusterIP: 'None'}, {name: 'headless'}),
		serviceJson({}, {name: 'foreign', labels: {'service.kubernetes.io/service-proxy-name': ''}}),
		slice,
		{...sliceJson(), metadata: {name: 'h', namespace: 'shop', labels: {'service.kubernetes.io/headless': ''}}},
		nodeJson(),
		{...nodeJson(), metadata: {name: 'there'}},
		{kind: 'ServiceCIDR', metadata: {name: 'kubernetes'}, spec: {cidrs: ['10.96.0.0/12']}},
	);
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	t.deepEqual([...api.inForce.keys()].toSorted(), [
		'EndpointSlice shop/web-abc',
		'Node here',
		'Service shop/web',
		'ServiceCIDR kubernetes',
	]);
});

test('a Service that gets the label of another proxy goes, and comes back with the label gone', async (t) => {
	const double = await startDouble(t);
	double.store.put(web);
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	double.store.put(serviceJson({}, {labels: {'service.kubernetes.io/service-proxy-name': 'other'}}));
	await api.untilInForce('Service shop/web', false);
	double.store.put(web);
	await api.untilInForce('Service shop/web');
	t.deepEqual(api.told.slice(-2), ['delete Service shop/web', 'put Service shop/web']);
});

test('where lists do not come as a stream they come in pages, and nothing is missed in between', async (t) => {
	const double = await startDouble(t);
	double.faults.streamsNoLists = true;
	const names = Array.from({length: 1201}, (_, index) => `s${index}`);
	double.store.put(...names.map((name) => serviceJson({}, {name})));
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	t.is(api.inForce.size, 1201);
	const pages = double.requests.filter((request) => request.includes('/services') && request.includes('limit=500'));
	t.is(pages.length, 3);
	await double.untilWatched('services');
	double.store.delete('Service', 'shop', 's7');
	await api.untilInForce('Service shop/s7', false);
	t.deepEqual(api.reports, []);
});

test('an API server without ServiceCIDRs is one without: said once, and asked again when a watch would end', async (t) => {
	const double = await startDouble(t);
	double.faults.absent = new Set(['servicecidrs']);
	double.store.put(web);
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	t.deepEqual(api.warnings, [
		'the API server has no ServiceCIDRs (/apis/networking.k8s.io/v1/servicecidrs): none are known',
	]);
	double.faults.absent = new Set();
	double.store.put({kind: 'ServiceCIDR', metadata: {name: 'kubernetes'}, spec: {cidrs: ['10.96.0.0/12']}});
	await api.clock.expire(300_000);
	await api.untilInForce('ServiceCIDR kubernetes');
	t.is(api.warnings.length, 1);
});

test('without the right to read ServiceCIDRs Services are served, and what is there from before is not removed', async (t) => {
	const double = await startDouble(t);
	double.faults.forbidden = new Set(['servicecidrs']);
	double.store.put(web);
	const api = WatchedApi.of(t, double);
	await api.untilInForce('Service shop/web');
	t.is(api.complete, undefined);
	await api.untilRetried(() => api.complete === false);
	t.regex([...api.problems][0]?.message ?? '', /ServiceCIDRs: 403 Forbidden \(servicecidrs is forbidden/);
	double.faults.forbidden = new Set();
	await api.untilRetried(() => api.complete === true);
	t.is(api.problems.size, 0);
});

test('an API server that forbids everything until it has read the roles is waited for: nothing is known without the Node', async (t) => {
	const double = await startDouble(t);
	double.faults.forbidden = new Set(['services', 'endpointslices', 'nodes', 'servicecidrs']);
	double.store.put(web);
	double.store.put(nodeJson());
	const api = WatchedApi.of(t, double);
	await api.clock.untilSet(4);
	double.faults.forbidden = new Set(['nodes', 'servicecidrs']); // it forbade these before it had read the roles
	await api.clock.expire(500);
	await api.untilInForce('Service shop/web');
	t.is(api.complete, undefined);
	double.faults.forbidden = new Set();
	await api.untilRetried(() => api.complete === true);
	t.is(api.told.filter((word) => word.startsWith('synced')).length, 1);
	t.true(api.inForce.has(`Node ${thisNode}`));
});

test('a Node that is forbidden once it was known stays known', async (t) => {
	const double = await startDouble(t);
	double.store.put(nodeJson());
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	await double.untilWatched('nodes');
	double.faults.forbidden = new Set(['nodes']);
	double.watchOf('nodes').end();
	await api.untilRetried(() => api.problems.size === 1);
	t.true(api.inForce.has(`Node ${thisNode}`));
});

test('without the right to read Services nothing is said to be known', async (t) => {
	const double = await startDouble(t);
	double.faults.forbidden = new Set(['services']);
	double.store.put(web);
	const api = WatchedApi.of(t, double);
	await api.until(() => api.problems.size > 0);
	t.is(api.complete, undefined);
	double.faults.forbidden = new Set();
	await api.clock.expire(500);
	await api.untilSynced();
	t.true(api.inForce.has('Service shop/web'));
});

test('watches that live longer than the wait for them are waited for no longer each time; those that end at once are', async (t) => {
	const double = await startDouble(t);
	double.store.put(nodeJson());
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	for (let round = 0; round < 3; round++) {
		await double.untilWatched('nodes');
		double.store.put(nodeJson({}, {}, {round: String(round)}));
		await api.untilInForce(`Node ${thisNode}`);
		api.clock.elapse(5000);
		double.watchOf('nodes').end();
		await api.clock.expire(500);
	}

	for (const delayMs of [1000, 2000]) {
		await double.untilWatched('nodes');
		double.watchOf('nodes').end();
		await api.clock.expire(delayMs);
	}

	t.deepEqual(api.reports, []);
});

test('a watch that ends in its time goes on at once from where it was, and nothing is told twice', async (t) => {
	const double = await startDouble(t);
	double.store.put(web);
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	await double.untilWatched('services', 'endpointslices', 'nodes', 'servicecidrs');
	await api.untilMinutesPassed(5, double);
	const next = double.nextRequest('/services?');
	double.watchOf('services').end();
	t.regex(await next, new RegExp(`resourceVersion=${double.store.version}`));
	double.store.put(serviceJson({}, {name: 'new'}));
	await api.untilInForce('Service shop/new');
	t.deepEqual(
		api.told.filter((word) => word === 'put Service shop/web'),
		['put Service shop/web'],
	);
	t.deepEqual(api.reports, []);
});

test('the stream ends with its signal, whatever it waits for, and leaves no timer and no connection', async (t) => {
	const double = await startDouble(t);
	double.store.put(web);
	const watching = WatchedApi.of(t, double);
	await watching.untilSynced();
	watching.stop();
	await watching.over;
	t.deepEqual(watching.clock.delays, []);
	await double.untilClosed();

	double.faults.isSilent = true;
	const waiting = WatchedApi.of(t, double);
	await double.nextRequest('/services');
	waiting.stop();
	await waiting.over;
	t.deepEqual(waiting.clock.delays, []);

	await double.kill();
	const failing = WatchedApi.of(t, double);
	await failing.until(() => failing.problems.size > 0);
	failing.stop();
	await failing.over;
	t.deepEqual(failing.clock.delays, []);
});
