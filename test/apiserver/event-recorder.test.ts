import test, {type ExecutionContext} from 'ava';
import type {Happening} from '../../src/apiserver/event.ts';
import {EventRecorder} from '../../src/apiserver/event-recorder.ts';
import type {ApiServerDouble} from '../support/api-server/double.ts';
import {resourceOf} from '../support/api-server/resources.ts';
import {statusOf} from '../support/api-server/status.ts';
import type {KubeJson} from '../support/api-server/store.ts';
import {serviceJson} from '../support/manifests.ts';
import {ManualClock} from '../support/manual-clock.ts';
import {startDouble, writeKubeconfig} from '../support/watched-api.ts';

const taken: Happening = {
	regarding: {kind: 'Service', namespace: 'shop', name: 'web'},
	...{type: 'Warning', reason: 'NotServed', action: 'Plan', note: 'its address is taken', scope: 'node'},
};
const shared = {...taken, scope: 'cluster'} as const;
const starting: Happening = {
	regarding: {kind: 'Node', namespace: '', name: 'n1'},
	...{type: 'Normal', reason: 'Starting', action: 'Start', note: 'Fairlead 1 starts', scope: 'node'},
};
const anEvent = resourceOf({kind: 'Event'});

/** The recorder of a node, with the API server's double that it sends to. */
function start(t: ExecutionContext, double: ApiServerDouble, nodeName = 'n1') {
	const clock = new ManualClock();
	const warnings: string[] = [];
	const kubeconfig = writeKubeconfig(t, {server: double.url}, {});
	const recorder = new EventRecorder({
		...{kubeconfig, nodeName, server: undefined},
		clock: {...clockParts(clock), wall: () => Date.UTC(2026, 10, 28) + clock.now()},
		warn: (warning) => warnings.push(warning),
	});
	const stop = new AbortController();
	const running = recorder.run(stop.signal);
	t.teardown(async () => {
		stop.abort();
		await running;
	});
	return {recorder, clock, warnings, stop, running};
}

/** What `...clock` would lose: its methods are of its class. */
function clockParts({now, after, turn, random}: ManualClock) {
	return {now, after, turn, random};
}

function eventsOf({store}: ApiServerDouble): readonly KubeJson[] {
	return store.list(anEvent);
}

/** Resolves when the double's events are as wanted. */
async function untilEvents(double: ApiServerDouble, isDone: (events: readonly KubeJson[]) => boolean): Promise<void> {
	while (!isDone(eventsOf(double))) {
		await new Promise<void>((resolve) => {
			const stop = double.store.listen(() => {
				stop();
				resolve();
			});
		});
	}
}

/** Resolves when the recorder has the answers to all that it was told of before. */
async function untilSettled(
	{recorder, clock}: {readonly recorder: EventRecorder; readonly clock: ManualClock},
	double: ApiServerDouble,
	sign: string,
): Promise<void> {
	recorder.record({...starting, reason: sign});
	await untilEvents(double, (events) => events.some(({reason}) => reason === sign));
	double.store.delete('Event', 'default', eventsOf(double).find(({reason}) => reason === sign)?.metadata.name ?? '');
	while (clock.delays.length > 0) {
		await clock.turn(); // the limit to the answer's silence
	}
}

async function startWithService(t: ExecutionContext): Promise<ApiServerDouble> {
	const double = await startDouble(t);
	double.store.put(serviceJson());
	return double;
}

test('what happened to a Service is an event with its uid, and stands in its namespace', async (t) => {
	const double = await startWithService(t);
	start(t, double).recorder.record(taken);
	await untilEvents(double, ({length}) => length === 1);
	const uid = double.store.get(resourceOf({kind: 'Service'}), 'shop', 'web')?.metadata['uid'];
	t.like(eventsOf(double)[0], {
		metadata: {namespace: 'shop'},
		reportingController: 'fairlead',
		reportingInstance: 'n1',
		regarding: {apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid},
	});
});

test('a Node is called by its name, as kubelet does, and told of in default', async (t) => {
	const double = await startDouble(t);
	start(t, double).recorder.record(starting);
	await untilEvents(double, ({length}) => length === 1);
	t.like(eventsOf(double)[0], {metadata: {namespace: 'default'}, regarding: {kind: 'Node', name: 'n1', uid: 'n1'}});
});

test('what happens again within six minutes is the same event that happened twice', async (t) => {
	const double = await startWithService(t);
	const {recorder, clock} = start(t, double);
	recorder.record(taken);
	await untilSettled({recorder, clock}, double, 'Once');
	clock.elapse(360_000);
	recorder.record(taken);
	await untilSettled({recorder, clock}, double, 'Twice');
	t.is(eventsOf(double).length, 1);
	t.like(eventsOf(double)[0], {series: {count: 2}});
	clock.elapse(360_001);
	recorder.record(taken);
	await untilEvents(double, ({length}) => length === 2);
	t.is(eventsOf(double).filter(({series}) => series === undefined).length, 1);
});

test('what is said for another reason is another event', async (t) => {
	const double = await startWithService(t);
	const {recorder} = start(t, double);
	recorder.record(taken);
	recorder.record({...taken, note: 'for another reason'});
	await untilEvents(double, ({length}) => length === 2);
	t.deepEqual(
		eventsOf(double).map(({series}) => series),
		[undefined, undefined],
	);
});

test('an event that the API server does not keep any more is made anew', async (t) => {
	const double = await startWithService(t);
	const {recorder, clock} = start(t, double);
	recorder.record(taken);
	await untilSettled({recorder, clock}, double, 'Settled');
	double.store.delete('Event', 'shop', eventsOf(double)[0]?.metadata.name ?? '');
	recorder.record(taken);
	await untilEvents(double, ({length}) => length === 1);
	t.like(eventsOf(double)[0], {series: {count: 2}});
});

test('what every node finds is one event, of the node that was first', async (t) => {
	const double = await startWithService(t);
	for (const node of ['n1', 'n2', 'n3']) {
		const api = start(t, double, node);
		api.recorder.record(shared);
		await untilSettled(api, double, node);
		t.deepEqual(api.warnings, [], 'that it is there already is nothing to warn of');
	}

	const instances = eventsOf(double).map(({reportingInstance}) => reportingInstance);
	t.deepEqual(instances, ['n1']);
});

test('what every node finds is not sent again by a node that said so just now', async (t) => {
	const double = await startWithService(t);
	const {recorder, clock} = start(t, double);
	recorder.record(shared);
	await untilSettled({recorder, clock}, double, 'Settled');
	const {length} = double.requests;
	recorder.record(shared);
	recorder.record(starting);
	await untilEvents(double, (events) => events.some(({reason}) => reason === 'Starting'));
	t.is(double.requests.length, length + 1);
});

test('nobody is told of an object that is gone', async (t) => {
	const double = await startDouble(t);
	const {recorder, warnings} = start(t, double);
	recorder.record(taken);
	recorder.record(starting);
	await untilEvents(double, ({length}) => length > 0);
	t.is(eventsOf(double)[0]?.['reason'], 'Starting');
	t.deepEqual(warnings, []);
});

test('25 events go at once, each further one after 10 s; what happens again meanwhile is counted', async (t) => {
	const double = await startWithService(t);
	const {recorder, clock} = start(t, double);
	for (let index = 0; index < 26; index++) {
		recorder.record({...taken, note: `reason ${index}`});
		recorder.record({...taken, note: `reason ${index}`});
	}

	await untilEvents(double, ({length}) => length === 25);
	await clock.expire(10_000);
	await untilEvents(double, ({length}) => length === 26);
	t.true(eventsOf(double).every(({series}) => (series as {readonly count: number}).count === 2));
});

test('an event is sent again after 500, after 429 as late as it asks, and after the API server was away', async (t) => {
	const double = await startWithService(t);
	const {recorder, clock} = start(t, double);
	const match = '/events';
	double.faults.refuse.push({match, times: 1, status: statusOf(500, 'etcd is away')});
	double.faults.refuse.push({match, times: 1, status: statusOf(429, 'too many'), retryAfter: '7'});
	recorder.record(taken);
	await clock.expire(500);
	await clock.expire(7000);
	await untilSettled({recorder, clock}, double, 'Settled');
	await double.kill();
	recorder.record(starting);
	await clock.expire(500);
	await clock.expire(1000);
	await double.start();
	const found = new AbortController();
	const retried = clock.run(30_000, found.signal);
	await untilEvents(double, ({length}) => length === 2);
	found.abort();
	await retried;
	t.deepEqual(
		eventsOf(double).map(({series}) => series),
		[undefined, undefined],
	);
});

test('events that nobody may send are lost with one line, until one is taken again', async (t) => {
	const double = await startWithService(t);
	const {recorder, warnings} = start(t, double);
	const forbid = (times: number) =>
		double.faults.refuse.push({match: '/events', times, status: statusOf(403, 'events is forbidden')});
	forbid(3);
	for (const note of ['a', 'b', 'c', 'd']) {
		recorder.record({...taken, note});
	}

	await untilEvents(double, ({length}) => length === 1);
	t.is(eventsOf(double)[0]?.['note'], 'd');
	t.deepEqual(warnings, ['the API server takes no event: 403 Forbidden events is forbidden']);
	forbid(1);
	recorder.record({...taken, note: 'e'});
	recorder.record({...taken, note: 'f'});
	await untilEvents(double, ({length}) => length === 2);
	t.is(warnings.length, 2);
});

test('more than 500 waiting events: the newest are lost, with one line', async (t) => {
	const double = await startWithService(t);
	const {recorder, warnings} = start(t, double);
	for (let index = 0; index < 600; index++) {
		recorder.record({...taken, note: `reason ${index}`});
	}

	t.deepEqual(warnings, ['more than 500 events wait to be sent; newer ones are lost']);
	await untilEvents(double, ({length}) => length === 25);
});

test('a recorder ends at the signal, also while an API server says nothing', async (t) => {
	const double = await startWithService(t);
	double.faults.isSilent = true;
	const {recorder, stop, running} = start(t, double);
	const asked = double.nextRequest('metadata.name=web');
	recorder.record(taken);
	await asked;
	stop.abort();
	await running;
	await double.untilClosed();
	t.deepEqual(eventsOf(double), []);
});
