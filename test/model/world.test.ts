import {fc, testProp} from '@fast-check/ava';
import test from 'ava';
import type {Change} from '../../src/model/change.ts';
import type {WorldObject} from '../../src/model/objects.ts';
import {isSame} from '../../src/model/same.ts';
import {createWorld, nothingTouched, reduce, type Touched} from '../../src/model/world.ts';
import {
	buildAttachment,
	buildEndpoint,
	buildNode,
	buildService,
	buildServiceCidr,
	buildSlice,
} from '../support/builders.ts';

const put = (object: WorldObject): Change => ({verb: 'put', object});

/** A touched world as words: `shop/web`, `node here`, `service CIDRs`, … */
function words({services, nodes, pods, serviceCidrs, nodeAddresses, synced}: Touched): readonly string[] {
	const flags = [serviceCidrs && 'service CIDRs', nodeAddresses && 'node addresses', synced && 'synced'];
	return [
		...services,
		...pods,
		...[...nodes].map((name) => `node ${name}`),
		...flags.filter((flag) => flag !== false),
	].sort();
}

test('an object touches its Service, node or node-wide fact when it comes, changes and goes, not when it is put again', (t) => {
	const world = createWorld();
	const touch = (...changes: readonly Change[]) => words(reduce(world, changes));
	const address = {kind: 'NodeAddress', address: buildEndpoint('172.31.1.1').address, interface: 'eth0'} as const;
	const steps = [
		[put(buildService('shop/web')), put(buildService('shop/web', {clusterIps: ['10.96.0.11']})), 'shop/web'],
		[put(buildSlice('shop/api', [])), put(buildSlice('shop/api', [buildEndpoint('10.0.0.1')])), 'shop/api'],
		[put(buildNode()), put(buildNode({zone: 'a'})), 'node here'],
		[
			put(buildServiceCidr('kubernetes', '10.96.0.0/12')),
			put(buildServiceCidr('kubernetes', 'fd00::/108')),
			'service CIDRs',
		],
		[put(address), put({...address, interface: 'eth1'}), 'node addresses'],
		[put(buildAttachment('shop/db')), put(buildAttachment('shop/db', {link: 'fair2'})), 'shop/pod/db'],
	] as const;
	for (const [first, second, touched] of steps) {
		t.deepEqual(touch(first), [touched]);
		t.deepEqual(touch(structuredClone(first)), []);
		t.deepEqual(touch(second), [touched]);
	}

	const deletions: readonly Change[] = [
		{verb: 'delete', kind: 'Service', key: 'shop/web'},
		{verb: 'delete', kind: 'EndpointSlice', key: 'shop/api-abc'},
		{verb: 'delete', kind: 'Node', key: 'here'},
		{verb: 'delete', kind: 'ServiceCIDR', key: 'kubernetes'},
		{verb: 'delete', kind: 'NodeAddress', key: '172.31.1.1'},
		{verb: 'delete', kind: 'PodAttachment', key: 'db-container/eth0'},
	];
	t.deepEqual(touch(...deletions), [
		'node addresses',
		'node here',
		'service CIDRs',
		'shop/api',
		'shop/pod/db',
		'shop/web',
	]);
	t.deepEqual(touch(...deletions), [], 'what was never known, or is gone, can be deleted');
});

test('a Service of another proxy, a headless one and an ExternalName count as absent, and as deleted when they become so', (t) => {
	const world = createWorld();
	for (const absent of [{proxyName: 'other'}, {clusterIps: []}, {type: 'ExternalName'}] as const) {
		t.deepEqual(words(reduce(world, [put(buildService('shop/web', absent))])), []);
		t.deepEqual(words(reduce(world, [put(buildService('shop/web'))])), ['shop/web']);
		t.true(world.services.has('shop/web'));
		t.deepEqual(words(reduce(world, [put(buildService('shop/web', absent))])), ['shop/web']);
		t.false(world.services.has('shop/web'));
	}
});

test('a slice that names no Service counts as absent, and one that changes Services touches both', (t) => {
	const world = createWorld();
	const slice = buildSlice('shop/web', [buildEndpoint('10.0.0.1')]);
	reduce(world, [put(slice)]);
	t.deepEqual(words(reduce(world, [put({...slice, service: 'api'})])), ['shop/api', 'shop/web']);
	t.deepEqual([...world.slices.keys()], ['shop/api']);
	t.deepEqual(words(reduce(world, [put({...slice, service: ''})])), ['shop/api']);
	t.is(world.slices.size + world.sliceByName.size, 0);
});

test('an attachment that comes to be of another pod touches both, and those of one pod stand in the order of their keys', (t) => {
	const world = createWorld();
	const [first, second] = [buildAttachment('shop/web'), buildAttachment('shop/web', {ifName: 'net1'})];
	t.deepEqual(words(reduce(world, [put(second), put(first)])), ['shop/pod/web']);
	t.deepEqual(world.pods.get('shop/pod/web'), [first, second]);
	t.deepEqual(words(reduce(world, [put({...first, name: 'api'})])), ['shop/pod/api', 'shop/pod/web']);
	t.deepEqual(world.pods.get('shop/pod/web'), [second]);
});

test('slices of a Service stand in the order of their names, however they came', (t) => {
	const world = createWorld();
	const slices = ['c', 'a', 'b'].map((name) => buildSlice('shop/web', [], {name}));
	reduce(world, slices.map(put));
	t.deepEqual(
		world.slices.get('shop/web')?.map(({name}) => name),
		['a', 'b', 'c'],
	);
});

test('a source says synced once, again when it is complete, and touches only then', (t) => {
	const world = createWorld();
	const synced = (complete: boolean): Change => ({verb: 'synced', source: 'files', complete});
	t.deepEqual(words(reduce(world, [synced(false)])), ['synced']);
	t.deepEqual(words(reduce(world, [synced(false)])), []);
	t.deepEqual(words(reduce(world, [synced(true)])), ['synced']);
	t.deepEqual([...world.synced], [['files', true]]);
});

test('changes reduced one by one into one record touch what they touch together', (t) => {
	const [one, other] = [createWorld(), createWorld()];
	const changes = [put(buildService('shop/web')), put(buildSlice('shop/api', [])), put(buildNode())];
	const touched = nothingTouched();
	for (const change of changes) {
		reduce(one, [change], touched);
	}

	t.deepEqual(touched, reduce(other, changes));
	t.deepEqual(one, other);
});

testProp(
	'values are the same as their clones, and differ from any that JSON tells apart',
	[fc.jsonValue(), fc.jsonValue()],
	(t, a, b) => {
		t.true(isSame(a, structuredClone(a)));
		t.is(isSame(a, b), isSame(b, a));
		if (isSame(a, b)) {
			t.deepEqual(a, b);
		}
	},
);

test('an absent field is the same as an undefined one, and only as that', (t) => {
	t.true(isSame({a: 1}, {a: 1, b: undefined}));
	t.false(isSame({a: 1}, {a: 1, b: null}));
	t.false(isSame([], {}));
	t.false(isSame(null, {}));
});
