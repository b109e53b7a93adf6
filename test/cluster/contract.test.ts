import {once} from 'node:events';
import {request as httpRequest} from 'node:http';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {ApiServerDouble} from '../support/api-server/double.ts';
import {serviceJson} from '../support/manifests.ts';
import type {Cluster, Response} from './cluster.ts';
import {withCluster} from './with-cluster.ts';

/** One of the two that have to answer alike. */
type Peer = {
	readonly send: (method: string, path: string, body?: object) => Promise<Response>;
	/** Forgets what happened so far, as a compaction and a restart make an API server do. */
	readonly forget: () => Promise<void>;
};

const testCluster = withCluster(test);
const services = '/api/v1/namespaces/shop/services';
const proxyLabel = 'service.kubernetes.io/service-proxy-name';

const double = new ApiServerDouble();
test.before(async () => await double.start());
test.after.always(async () => await double.kill());

const doublePeer: Peer = {
	send: async (method, path, body) => {
		const request = httpRequest(`${double.url}${path}`, {method, agent: false});
		request.end(body === undefined ? undefined : JSON.stringify(body));
		const [response] = await once(request, 'response');
		return {status: response.statusCode, headers: response.headers, body: await text(response)};
	},
	forget: async () => double.store.compact(),
};

function realPeer(cluster: Cluster): Peer {
	return {
		send: async (...request) => await cluster.request(...request),
		forget: async () => {
			await cluster.compact();
			await cluster.killApiServer();
			await cluster.startApiServer();
		},
	};
}

/** Asks both the same, one after the other, and holds what `describe` makes of their answers to be one. */
function testAlike(title: string, ask: (peer: Peer) => Promise<unknown>): void {
	testCluster(title, async (t, cluster) => {
		t.deepEqual(await ask(doublePeer), await ask(realPeer(cluster)));
	});
}

type Json = Readonly<Record<string, unknown>>;
type Named = {readonly kind?: string; readonly metadata: {readonly name?: string; readonly resourceVersion: string}};

function versionOf({metadata}: Named): number {
	return Number(metadata.resourceVersion);
}

/** A list or a refusal, without what two API servers may differ in: versions, tokens, words. */
function describe({status, headers, body}: Response): Json {
	const json = JSON.parse(body);
	const type = headers['content-type'];
	if (json.kind === 'Status') {
		const causes =
			json.details?.causes?.map(({reason}: {reason: string}) => reason).includes('ResourceVersionTooLarge') ?? false;
		return {
			status,
			type,
			kind: json.kind,
			code: json.code,
			reason: json.reason,
			retryAfter: headers['retry-after'],
			causes,
		};
	}

	if (json.items === undefined) {
		return {status, type, kind: json.kind, apiVersion: json.apiVersion, name: json.metadata.name};
	}

	const items = json.items as readonly Named[];
	return {
		...{status, type, kind: json.kind, apiVersion: json.apiVersion},
		metadata: Object.keys(json.metadata).toSorted(),
		remaining: json.metadata.remainingItemCount,
		names: items.map(({metadata}) => metadata.name),
		itemNamesItsKind: items.some(({kind}) => kind !== undefined),
		isAsNewAsItsItems: items.every((item) => versionOf(item) <= versionOf(json)),
	};
}

/** The events of a watch that has ended, likewise; `isNewer`: than the event before. */
function describeEvents({status, headers, body}: Response): Json {
	const lines = body.split('\n').filter((line) => line !== '');
	const events = lines.map((line) => JSON.parse(line) as {readonly type: string; readonly object: Named & Json});
	return {
		...{status, type: headers['content-type'], endsWithALine: body === '' || body.endsWith('\n')},
		events: events.map(({type, object}, index) => {
			const before = events[index - 1]?.object;
			const {name, resourceVersion: _, annotations} = object.metadata as Json;
			const isNewer = before === undefined || versionOf(object) > versionOf(before);
			return type === 'ERROR'
				? {
						type,
						code: object['code'],
						reason: object['reason'],
						message: String(object['message']).replaceAll(/\d+/g, 'N'),
					}
				: {type, kind: object.kind, apiVersion: object['apiVersion'], name, annotations, isNewer};
		}),
	};
}

async function versionNow({send}: Peer): Promise<number> {
	const {body} = await send('GET', services);
	return versionOf(JSON.parse(body));
}

async function change({send}: Peer, name: string, labels: Json): Promise<void> {
	const {body} = await send('GET', `${services}/${name}`);
	const object = JSON.parse(body);
	await send('PUT', `${services}/${name}`, {...object, metadata: {...object.metadata, labels}});
}

const create = async ({send}: Peer, name: string, clusterIP: string): Promise<Response> =>
	await send('POST', services, serviceJson({clusterIP}, {name}));

testAlike('creating: 201 with the object, 409 for a name that is taken', async (peer) => {
	const answers = [await create(peer, 'b', '10.96.0.12'), await create(peer, 'a', '10.96.0.11')];
	answers.push(await create(peer, 'c', '10.96.0.13'), await create(peer, 'a', '10.96.0.14'));
	return answers.map(describe);
});

testAlike('a list is in the order of names, names no kind of its items, and has a version', async ({send}) =>
	describe(await send('GET', services)),
);

testAlike('pages are of one version, and the last one has no token', async (peer) => {
	const first = await peer.send('GET', `${services}?limit=2`);
	const {metadata} = JSON.parse(first.body);
	await create(peer, 'late', '10.96.0.15');
	const last = await peer.send('GET', `${services}?limit=2&continue=${metadata.continue}`);
	await peer.send('DELETE', `${services}/late`);
	const isOneVersion = versionOf(JSON.parse(first.body)) === versionOf(JSON.parse(last.body));
	return [describe(first), describe(last), isOneVersion];
});

testAlike('a label and a field selector leave out what they leave out', async ({send}) =>
	describe(
		await send(
			'GET',
			`${services}?labelSelector=${encodeURIComponent(`!${proxyLabel}`)}&fieldSelector=metadata.name!=b`,
		),
	),
);

testAlike('a list that streams: each object, then a bookmark that ends it', async ({send}) =>
	describeEvents(
		await send(
			'GET',
			`${services}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`,
		),
	),
);

testAlike('a list that streams without its match is refused', async ({send}) =>
	describe(
		await send('GET', `${services}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&timeoutSeconds=1`),
	),
);

testAlike('a watch tells what came after its version, in order, a deletion with a version of its own', async (peer) => {
	const version = await versionNow(peer);
	await create(peer, 'd', '10.96.0.16');
	await change(peer, 'd', {tier: 'front'});
	await peer.send('DELETE', `${services}/d`);
	return describeEvents(await peer.send('GET', `${services}?watch=true&resourceVersion=${version}&timeoutSeconds=1`));
});

testAlike('an object that drops out of the selector is deleted, one that drops in is added', async (peer) => {
	const version = await versionNow(peer);
	await change(peer, 'a', {[proxyLabel]: 'other'});
	await change(peer, 'a', {});
	const selector = encodeURIComponent(`!${proxyLabel}`);
	const path = `${services}?watch=true&labelSelector=${selector}&resourceVersion=${version}&timeoutSeconds=1`;
	return describeEvents(await peer.send('GET', path));
});

testAlike('a watch from a version that is yet to come is taken, and silent; a list of it is refused', async (peer) => {
	const version = (await versionNow(peer)) + 100_000;
	const watch = `${services}?watch=true&allowWatchBookmarks=true&resourceVersion=${version}&timeoutSeconds=1`;
	return [
		describeEvents(await peer.send('GET', watch)),
		describe(await peer.send('GET', `${services}?resourceVersion=${version}`)),
	];
});

const events = '/apis/events.k8s.io/v1/namespaces/shop/events';

function eventJson(name: string, fields: Json = {}): Json {
	return {
		...{kind: 'Event', apiVersion: 'events.k8s.io/v1', metadata: {name, namespace: 'shop'}},
		...{eventTime: '2026-11-28T09:30:00.025000Z', reportingController: 'fairlead', reportingInstance: 'n1'},
		...{type: 'Warning', reason: 'NotServed', action: 'Serve', note: 'taken'},
		regarding: {apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'a', uid: 'u1'},
		...fields,
	};
}

testAlike(
	'an event is taken once a name, and refused when it is long, not whole or of another namespace',
	async ({send}) =>
		[
			await send('POST', events, eventJson('a.1')),
			await send('POST', events, eventJson('a.1')),
			await send('POST', events, eventJson('a.2', {note: 'x'.repeat(1024)})),
			await send('POST', events, eventJson('a.3', {note: 'x'.repeat(1025)})),
			await send('POST', events, eventJson('a.4', {reportingInstance: 'n'.repeat(129)})),
			await send('POST', events, eventJson('a.5', {action: undefined})),
			await send('POST', events, eventJson('a.6', {type: 'Error'})),
			await send('POST', events, eventJson('a.7', {regarding: {kind: 'Node', name: 'n1'}})),
		].map(describe),
);

testAlike('how often it happened is patched into an event; one that is gone is 404', async ({send}) => {
	const patch = {series: {count: 3, lastObservedTime: '2026-11-28T09:35:00.000000Z'}};
	const patched = await send('PATCH', `${events}/a.1`, patch);
	const {series, note, eventTime} = JSON.parse(patched.body);
	return [describe(patched), series, note, eventTime, describe(await send('PATCH', `${events}/nothing`, patch))];
});

testAlike('what is no version, no token, no resource and no object is refused', async ({send}) =>
	[
		await send('GET', `${services}?watch=true&resourceVersion=abc&timeoutSeconds=1`),
		await send('GET', `${services}?continue=garbage`),
		await send('GET', '/apis/networking.k8s.io/v1/nothing'),
		await send('GET', `${services}/nothing`),
		await send('DELETE', `${services}/nothing`),
	].map(describe),
);

testAlike('a version that is no longer kept: an event that says so for a watch, a refusal for a page', async (peer) => {
	const version = await versionNow(peer);
	const {body} = await peer.send('GET', `${services}?limit=1`);
	await peer.send('DELETE', `${services}/c`);
	await peer.forget();
	return [
		describeEvents(await peer.send('GET', `${services}?watch=true&resourceVersion=${version}&timeoutSeconds=1`)),
		describe(await peer.send('GET', `${services}?limit=1&continue=${JSON.parse(body).metadata.continue}`)),
	];
});
