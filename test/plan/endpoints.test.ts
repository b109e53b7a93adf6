import test from 'ava';
import type {Endpoint} from '../../src/model/objects.ts';
import {chooseCluster, chooseLocal, mergeEndpoints, servingBackends} from '../../src/plan/endpoints.ts';
import {
	buildEndpoint,
	buildEndpointPort,
	buildLocalEndpoint,
	buildSlice,
	notReady,
	terminating,
	thisNode,
} from '../support/builders.ts';

const here = {name: thisNode, zone: 'a'};
const http = {name: 'http', protocol: 'TCP'} as const;

const merge = (...endpoints: readonly Endpoint[]) =>
	mergeEndpoints([buildSlice('shop/web', endpoints)], 'IPv4', http, thisNode);
const cluster = (...endpoints: readonly Endpoint[]) => chooseCluster(merge(...endpoints), here);
const local = (...endpoints: readonly Endpoint[]) => chooseLocal(merge(...endpoints), here);
const addresses = ({backends}: {readonly backends: readonly {readonly address: string}[]}) =>
	backends.map(({address}) => address);

const zones = (...hintZones: readonly string[]) => ({hintZones});
const nodes = (...hintNodes: readonly string[]) => ({hintNodes});

test('the port of an endpoint is that of its slice with the name and protocol of the service port', (t) => {
	const ports = [buildEndpointPort(8080), buildEndpointPort(9090, 'metrics'), buildEndpointPort(53, 'http', 'UDP')];
	const slices = [
		buildSlice('shop/web', [buildEndpoint('10.0.0.1')], {ports}),
		buildSlice('shop/web', [buildEndpoint('10.0.0.2')], {name: 'b', ports: [buildEndpointPort(8081)]}),
		buildSlice('shop/web', [buildEndpoint('fd00::1')], {name: 'c'}),
	];
	const found = mergeEndpoints(slices, 'IPv4', http, thisNode).backends.map(({address, port}) => `${address}:${port}`);
	t.deepEqual(found, ['10.0.0.1:8080', '10.0.0.2:8081']);
	t.deepEqual(mergeEndpoints(slices, 'IPv6', http, thisNode).backends.length, 1);
	t.deepEqual(mergeEndpoints(slices, 'IPv4', {name: '', protocol: 'TCP'}, thisNode).backends, []);
});

test('an endpoint is local when its node is this one, and not when it names none', (t) => {
	const locals = merge(
		buildLocalEndpoint('10.0.0.1'),
		buildEndpoint('10.0.0.2'),
		buildEndpoint('10.0.0.3', {nodeName: undefined}),
	);
	t.deepEqual(
		locals.backends.map(({local}) => local),
		[true, false, false],
	);
});

for (const many of [0, 20]) {
	test(`of one address and port in two slices the live one counts, then the ready, then the local (among ${many + 2})`, (t) => {
		const others = Array.from({length: many}, (_, index) => buildEndpoint(`10.1.0.${index}`));
		const pick = (...twins: readonly Endpoint[]) => {
			const slices = twins.map((twin, index) => buildSlice('shop/web', [twin, ...others], {name: String(index)}));
			const found = mergeEndpoints(slices, 'IPv4', http, thisNode).endpoints;
			t.is(found.length, many + 1);
			return twins.indexOf(found.find(({address}) => address === twins[0]?.address) ?? buildEndpoint('::1'));
		};
		const [live, ending] = [
			buildEndpoint('10.0.0.1', {ready: false, pod: 'new'}),
			buildEndpoint('10.0.0.1', terminating),
		];
		t.is(pick(ending, live), 1);
		t.is(pick(live, ending), 0);
		t.is(pick(live, buildEndpoint('10.0.0.1')), 1);
		t.is(pick(buildEndpoint('10.0.0.1'), buildLocalEndpoint('10.0.0.1')), 1);
		t.is(pick(buildEndpoint('10.0.0.1'), buildEndpoint('10.0.0.1', {pod: 'same'})), 0);
	});
}

test('one address with two ports is two endpoints', (t) => {
	const slices = [8080, 8081].map((port) =>
		buildSlice('shop/web', [buildEndpoint('10.0.0.1')], {name: `${port}`, ports: [buildEndpointPort(port)]}),
	);
	t.is(mergeEndpoints(slices, 'IPv4', http, thisNode).backends.length, 2);
});

test('policy Cluster takes the ready endpoints, wherever they are', (t) => {
	const choice = cluster(
		buildEndpoint('10.0.0.1'),
		buildLocalEndpoint('10.0.0.2'),
		buildEndpoint('10.0.0.3', notReady),
	);
	t.deepEqual(addresses(choice), ['10.0.0.1', '10.0.0.2']);
	t.is(choice.reason, '2 of 3 endpoints are ready');
});

test('a ready endpoint counts even while it terminates, as publishNotReadyAddresses asks', (t) => {
	t.deepEqual(addresses(cluster(buildEndpoint('10.0.0.1', {terminating: true}))), ['10.0.0.1']);
});

test('without a ready endpoint the serving terminating ones stand in, their hints ignored', (t) => {
	const endings = [
		buildEndpoint('10.0.0.1', {...terminating, ...zones('b')}),
		buildEndpoint('10.0.0.2', {...terminating, serving: false}),
	];
	const choice = cluster(...endings, buildEndpoint('10.0.0.3', {ready: false}));
	t.deepEqual(addresses(choice), ['10.0.0.1']);
	t.is(choice.reason, 'no ready endpoint: 1 serving terminating ones stand in');
});

test('nobody answers when no endpoint is ready, or serving while it terminates', (t) => {
	t.is(cluster().reason, 'there are no endpoints');
	const choice = cluster(
		buildEndpoint('10.0.0.1', {ready: false}),
		buildEndpoint('10.0.0.2', {...notReady, terminating: true}),
	);
	t.deepEqual(addresses(choice), []);
	t.is(choice.reason, 'none of 2 endpoints is ready, or serving while it terminates');
});

test('policy Local takes the ready endpoints of this node, else its serving terminating ones, else nobody', (t) => {
	const elsewhere = buildEndpoint('10.0.0.9');
	t.deepEqual(
		addresses(local(buildLocalEndpoint('10.0.0.1'), buildLocalEndpoint('10.0.0.2', terminating), elsewhere)),
		['10.0.0.1'],
	);
	t.deepEqual(addresses(local(buildLocalEndpoint('10.0.0.2', terminating), elsewhere)), ['10.0.0.2']);
	t.deepEqual(addresses(local(buildLocalEndpoint('10.0.0.3', notReady), elsewhere)), []);
	t.is(local(elsewhere).reason, 'none of 0 endpoints on this node can answer, 1 are elsewhere');
});

test('policy Local does not look at hints', (t) => {
	t.deepEqual(addresses(local(buildLocalEndpoint('10.0.0.1', zones('b')))), ['10.0.0.1']);
});

test('with a zone hint on every ready endpoint, and one for the zone of this node, only those answer', (t) => {
	const choice = cluster(
		buildEndpoint('10.0.0.1', zones('a')),
		buildEndpoint('10.0.0.2', zones('b')),
		buildEndpoint('10.0.0.3', zones('b', 'a')),
		buildEndpoint('10.0.0.4', {...notReady, ...zones()}),
	);
	t.deepEqual(addresses(choice), ['10.0.0.1', '10.0.0.3']);
	t.is(choice.reason, '3 of 4 endpoints are ready, 2 of them hinted for zone a');
});

test('zone hints are ignored when a ready endpoint has none, when none is for the zone, or when the zone is unknown', (t) => {
	const [mine, other] = [buildEndpoint('10.0.0.1', zones('a')), buildEndpoint('10.0.0.2', zones('b'))];
	t.is(cluster(mine, other, buildEndpoint('10.0.0.3')).backends.length, 3);
	t.is(cluster(other).backends.length, 1);
	t.is(chooseCluster(merge(mine, other), {name: thisNode, zone: undefined}).backends.length, 2);
});

test('with a node hint on every ready endpoint, and one for this node, only those answer, whatever their zones', (t) => {
	const [mine, other] = [nodes(thisNode), nodes('there')];
	const choice = cluster(
		buildEndpoint('10.0.0.1', {...mine, ...zones('b')}),
		buildEndpoint('10.0.0.2', {...other, ...zones('a')}),
	);
	t.deepEqual(addresses(choice), ['10.0.0.1']);
	t.is(choice.reason, '2 of 2 endpoints are ready, 1 of them hinted for this node');
});

test('without a node hint for this node, zone hints decide', (t) => {
	const [first, second] = [
		buildEndpoint('10.0.0.1', {...nodes('there'), ...zones('b')}),
		buildEndpoint('10.0.0.2', {...nodes('there'), ...zones('a')}),
	];
	t.deepEqual(addresses(cluster(first, second)), ['10.0.0.2']);
	t.deepEqual(addresses(cluster(first, buildEndpoint('10.0.0.2', zones('a')))), ['10.0.0.2']);
});

test('what serves includes endpoints that are not ready or terminate, and none that does not serve', (t) => {
	const found = merge(
		buildEndpoint('10.0.0.1'),
		buildEndpoint('10.0.0.2', terminating),
		buildEndpoint('10.0.0.3', {ready: false}),
		buildEndpoint('10.0.0.4', notReady),
	);
	t.deepEqual(addresses({backends: servingBackends(found)}), ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
});
