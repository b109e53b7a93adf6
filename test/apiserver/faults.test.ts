import test, {type ExecutionContext} from 'ava';
import {statusOf} from '../support/api-server/status.ts';
import {serviceJson, sliceJson} from '../support/manifests.ts';
import {startDouble, WatchedApi} from '../support/watched-api.ts';

/** A double with one Service and its slice, followed until all of it is known. */
async function follow(t: ExecutionContext) {
	const double = await startDouble(t);
	double.store.put(serviceJson(), sliceJson());
	const api = WatchedApi.of(t, double);
	await api.untilSynced();
	await double.untilWatched('services', 'endpointslices', 'nodes', 'servicecidrs');
	return {double, api};
}

/** Whether nothing was ever deleted: what the kernel serves is untouched. */
const deletions = ({told}: WatchedApi) => told.filter((word) => word.startsWith('delete'));

test('an API server that is killed and comes back: all stays in force, and what changed meanwhile is told', async (t) => {
	const {double, api} = await follow(t);
	await double.kill();
	await api.until(() => api.problems.size === 1);
	t.regex([...api.problems][0]?.message ?? '', /cannot reach the API server http:\/\/127.0.0.1:\d+: ECONNRE/);
	double.store.delete('Service', 'shop', 'web');
	double.store.put(serviceJson({}, {name: 'new'}));
	await double.start();
	await api.untilRetried(() => api.problems.size === 0);
	await api.untilInForce('Service shop/new');
	t.false(api.inForce.has('Service shop/web'));
	t.deepEqual(deletions(api), ['delete Service shop/web']);
	t.deepEqual(api.reports, ['+ API_UNREACHABLE', '- API_UNREACHABLE']);
});

test('a watch that is not even ended in its time is given up, an API server that does not answer after 65 s', async (t) => {
	const {double, api} = await follow(t);
	double.faults.isSilent = true;
	api.clock.elapse(309_999);
	t.deepEqual(api.reports, []);
	api.clock.elapse(1);
	await api.until(() => api.problems.size === 1);
	t.regex([...api.problems][0]?.message ?? '', /it said nothing for 310 s/);
	const taken = double.nextRequest('/services');
	await api.clock.expire(500);
	await taken;
	await api.clock.expire(65_000);
	await api.until(() => [...api.problems].some(({message}) => message.includes('it said nothing for 65 s')));
	double.faults.isSilent = false;
	double.store.put(serviceJson({}, {name: 'new'}));
	await api.untilRetried(() => api.inForce.has('Service shop/new') && api.problems.size === 0);
	t.deepEqual(deletions(api), []);
});

test('an API server that wrote a bookmark each minute is given up when it says nothing for 100 s', async (t) => {
	const {double, api} = await follow(t);
	await api.untilMinutesPassed(2, double);
	double.faults.isSilent = true;
	api.clock.elapse(99_999);
	t.deepEqual(api.reports, []);
	api.clock.elapse(1);
	await api.until(() => api.problems.size === 1);
	t.regex([...api.problems][0]?.message ?? '', /it said nothing for 100 s/);
});

test('bookmarks keep a quiet watch alive', async (t) => {
	const {double, api} = await follow(t);
	await api.untilMinutesPassed(4, double);
	t.deepEqual(api.reports, []);
	t.is(double.requests.length, 4);
});

test('an API server that asks to be left alone is left alone for as long, and longer by chance', async (t) => {
	const {double, api} = await follow(t);
	const status = statusOf(429, 'too many requests, please try again later');
	double.faults.refuse.push({match: '/services?', times: 1, status, retryAfter: '17'});
	double.watchOf('services').cut();
	await api.clock.expire(500);
	await api.until(() => [...api.problems].some(({message}) => message.includes('429 TooManyRequests')));
	double.store.put(serviceJson({}, {name: 'new'}));
	await api.clock.expire(17_000);
	await api.untilInForce('Service shop/new');
	t.is(api.problems.size, 0);
});

test('an API server that answers with errors is asked less and less often, and nothing is removed', async (t) => {
	const {double, api} = await follow(t);
	double.faults.refuse.push({match: '/services?', times: 7, status: statusOf(500, 'etcdserver: request timed out')});
	double.watchOf('services').cut();
	for (const delay of [500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
		await api.clock.expire(delay);
	}

	double.store.put(serviceJson({}, {name: 'new'}));
	await api.clock.expire(15_000);
	await api.untilInForce('Service shop/new');
	t.deepEqual(deletions(api), []);
});

test('after a watch that lived for half a minute the next failure waits the shortest time again', async (t) => {
	const {double, api} = await follow(t);
	double.faults.refuse.push({match: '/services?', times: 2, status: statusOf(500, 'etcdserver: request timed out')});
	double.watchOf('services').cut();
	for (const delay of [500, 1000, 2000]) {
		await api.clock.expire(delay);
	}

	await double.untilWatched('services');
	api.clock.elapse(30_000);
	double.watchOf('services').cut();
	await api.clock.expire(500);
	double.store.put(serviceJson({}, {name: 'new'}));
	await api.untilInForce('Service shop/new');
	t.is(api.problems.size, 0);
});

test('a version that is no longer kept: everything is listed anew, and only what is gone is deleted, at its end', async (t) => {
	const {double, api} = await follow(t);
	double.store.put(serviceJson({}, {name: 'other'}));
	await api.untilInForce('Service shop/other');
	double.watchOf('services').cut();
	double.store.put(serviceJson({}, {name: 'new'}));
	double.store.delete('Service', 'shop', 'web');
	double.store.compact();
	await api.clock.expire(500);
	await api.clock.expire(1000);
	await api.untilInForce('Service shop/web', false);
	t.deepEqual(api.told.slice(-3), ['put Service shop/new', 'put Service shop/other', 'delete Service shop/web']);
	t.regex(api.warnings.join('\n'), /Services are listed anew: 410 Expired \(too old resource version/);
});

test('an API server that keeps no version at all is asked less and less often, and the list is in force', async (t) => {
	const {double, api} = await follow(t);
	double.faults.expiresAll = true;
	double.watchOf('services').cut();
	await api.clock.expire(500); // the version is gone
	await api.clock.expire(1000); // a list that streams, and goes on as a watch
	for (const [again, list] of [
		[2000, 4000],
		[8000, 15_000],
		[15_000, 15_000],
	] as const) {
		await double.untilWatched('services');
		double.watchOf('services').cut();
		await api.clock.expire(again);
		await api.clock.expire(list);
	}

	double.store.put(serviceJson({}, {name: 'new'}));
	await api.untilInForce('Service shop/new');
	t.deepEqual(deletions(api), []);
});

test('pages that expire before all were read: the list is asked for in one piece', async (t) => {
	const double = await startDouble(t);
	double.faults.streamsNoLists = true;
	double.store.put(...Array.from({length: 501}, (_, index) => serviceJson({}, {name: `s${index}`})));
	double.faults.refuse.push({
		match: 'continue=',
		times: 1,
		status: statusOf(410, 'The provided continue parameter is too old'),
	});
	const api = WatchedApi.of(t, double);
	await api.clock.expire(500);
	await api.untilSynced();
	t.is(api.inForce.size, 501);
	t.deepEqual(
		double.requests
			.filter((request) => /services\?(?!.*watch)/.test(request))
			.map((request) => /limit=\d+/.exec(request)?.[0]),
		['limit=500', 'limit=500', undefined],
	);
});

test('a watch that is closed inside a line: the part is dropped, and the event comes again whole', async (t) => {
	const {double, api} = await follow(t);
	const version = double.store.version;
	double.watchOf('services').writeRaw('{"type":"ADDED","object":{"kind":"Service","metadata":{"name":"half"');
	double.watchOf('services').end();
	await api.until(() => api.problems.size === 1);
	t.regex([...api.problems][0]?.message ?? '', /cut off inside a line/);
	double.store.put(serviceJson({}, {name: 'whole'}));
	const next = double.nextRequest('resourceVersion=');
	await api.clock.expire(500);
	t.regex(await next, new RegExp(`resourceVersion=${version}$`));
	await api.untilInForce('Service shop/whole');
	t.deepEqual([...api.inForce.keys()].toSorted(), [
		'EndpointSlice shop/web-abc',
		'Service shop/web',
		'Service shop/whole',
	]);
	t.is(api.problems.size, 0);
});

test('an event that cannot be decoded is named and skipped, the rest goes on, and the next list mends it', async (t) => {
	const {double, api} = await follow(t);
	double.watchOf('services').write('{"type":"MODIFIED","object":{"metadata":');
	await api.until(() => api.problems.size === 1);
	const [problem] = api.problems;
	t.is(problem?.code, 'API_INVALID');
	t.is(problem?.details['kind'], 'Service');
	double.store.put(serviceJson({}, {name: 'new'}));
	await api.untilInForce('Service shop/new');
	t.deepEqual(deletions(api), []);
	double.store.delete('Service', 'shop', 'web');
	await api.untilInForce('Service shop/web', false);
	await api.untilMinutesPassed(5, double);
	double.watchOf('services').end();
	await api.until(() => api.problems.size === 0);
});

test('an object that cannot be served is named and keeps its last good version; others go on', async (t) => {
	const {double, api} = await follow(t);
	double.store.put(serviceJson({ports: [{port: 70_000}]}));
	await api.until(() => api.problems.size === 1);
	t.regex([...api.problems][0]?.message ?? '', /Service shop\/web: spec.ports\[0\].port is 70000/);
	t.like(api.inForce.get('Service shop/web'), {ports: [{port: 80}]});
	double.store.put(serviceJson({}, {name: 'new'}));
	await api.untilInForce('Service shop/new');
	double.store.put(serviceJson({ports: [{port: 81}]}));
	await api.until(() => JSON.stringify(api.inForce.get('Service shop/web')).includes('"port":81'));
	t.is(api.problems.size, 0);
	t.deepEqual(deletions(api), []);
});

test('an object that could never be served makes what is known incomplete, until it is mended or gone', async (t) => {
	const double = await startDouble(t);
	double.store.put(serviceJson(), serviceJson({ports: [{port: 70_000}]}, {name: 'bad'}));
	const api = WatchedApi.of(t, double);
	await api.until(() => api.complete === false);
	t.true(api.inForce.has('Service shop/web'));
	await double.untilWatched('services');
	double.store.delete('Service', 'shop', 'bad');
	await api.untilSynced();
	t.deepEqual(api.reports, ['+ OBJECT_INVALID', '- OBJECT_INVALID']);
});

test('a list that breaks off in the middle deletes nothing; the next complete one does', async (t) => {
	const {double, api} = await follow(t);
	double.store.delete('Service', 'shop', 'web');
	await api.untilInForce('Service shop/web', false);
	double.store.put(serviceJson({}, {name: 'a'}), serviceJson({}, {name: 'b'}));
	await api.untilInForce('Service shop/b');
	double.watchOf('services').cut();
	double.store.delete('Service', 'shop', 'b');
	double.store.compact();
	await api.clock.expire(500);
	double.faults.listsNoEnd = true;
	await api.clock.expire(1000);
	await double.untilWatched('services');
	double.watchOf('services').cut();
	await api.until(() => api.problems.size === 1);
	t.true(api.inForce.has('Service shop/b'));
	double.faults.listsNoEnd = false;
	await api.clock.expire(2000);
	await api.untilInForce('Service shop/b', false);
});

test('etcd restored to an older state: what is in force becomes what it holds now', async (t) => {
	const {double, api} = await follow(t);
	const restore = double.store.backup();
	double.store.put(serviceJson({}, {name: 'later'}));
	double.store.put(serviceJson({clusterIP: '10.96.0.99'}));
	await api.until(() => JSON.stringify(api.inForce.get('Service shop/web')).includes('10.96.0.99'));
	await double.kill();
	await api.until(() => api.problems.size === 1);
	restore();
	await double.start();
	await api.untilRetried(() => !api.inForce.has('Service shop/later'));
	t.false(JSON.stringify(api.inForce.get('Service shop/web')).includes('10.96.0.99'));
	t.regex(
		api.warnings.join('\n'),
		/Services are listed anew: etcd was restored to an older state, it is at version 102 now/,
	);
});

test('etcd restored to an older state that has gone on since: the newest object that is known tells', async (t) => {
	for (const isDeletion of [false, true]) {
		const {double, api} = await follow(t);
		const restore = double.store.backup();
		if (isDeletion) {
			double.store.delete('Service', 'shop', 'web');
			await api.untilInForce('Service shop/web', false);
		} else {
			double.store.put(serviceJson({}, {name: 'later'}));
			await api.untilInForce('Service shop/later');
		}

		await double.kill();
		await api.until(() => api.problems.size === 1);
		restore();
		double.store.put(sliceJson(), sliceJson(), sliceJson(), sliceJson());
		await double.start();
		await api.untilRetried(() => api.inForce.has('Service shop/web') && !api.inForce.has('Service shop/later'));
		t.regex(api.warnings.join('\n'), /Services are listed anew: etcd was restored/);
	}
});

test('an API server that comes back with its state and more is not listed anew', async (t) => {
	const {double, api} = await follow(t);
	double.store.put(serviceJson({}, {name: 'b'}));
	await api.untilInForce('Service shop/b');
	await double.kill();
	await api.until(() => api.problems.size === 1);
	double.store.put(serviceJson({}, {name: 'b', labels: {tier: 'front'}}), serviceJson({}, {name: 'c'}));
	await double.start();
	await api.untilRetried(() => api.inForce.has('Service shop/c') && api.problems.size === 0);
	t.deepEqual(api.warnings, []);
	t.is(double.requests.filter((request) => request.includes('sendInitialEvents')).length, 4);
});

test('a watch that brought nothing in all its time may be of a version that is yet to come: that is looked at', async (t) => {
	const {double, api} = await follow(t);
	const restore = double.store.backup();
	double.store.put(serviceJson({}, {name: 'later'}));
	await api.untilInForce('Service shop/later');
	double.watchOf('services').end();
	await api.clock.expire(500);
	await double.untilWatched('services');
	restore(); // and the API server goes on as if nothing had happened
	api.clock.elapse(300_000);
	double.watchOf('services').end();
	await api.untilRetried(() => !api.inForce.has('Service shop/later'));
	t.deepEqual(deletions(api), ['delete Service shop/later']);
});

test('an event of an older version than the last one: everything is listed anew', async (t) => {
	const {double, api} = await follow(t);
	double.store.delete('EndpointSlice', 'shop', 'web-abc');
	await api.untilInForce('EndpointSlice shop/web-abc', false);
	double.store.put(serviceJson({}, {name: 'new'}));
	await api.untilInForce('Service shop/new');
	double.watchOf('services').bookmark(101);
	await api.clock.expire(500);
	await api.until(() => api.told.filter((word) => word === 'put Service shop/web').length === 2);
	t.regex(api.warnings[0] ?? '', /went back to version 101/);
});
