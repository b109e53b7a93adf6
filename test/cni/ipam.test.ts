import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';
import {fc, testProp} from '@fast-check/ava';
import test, {type ExecutionContext} from 'ava';
import {attachmentKey} from '../../src/cni/attachment.ts';
import {type Draft, Ipam, type Wanted} from '../../src/cni/ipam.ts';
import {openJournal} from '../../src/cni/journal.ts';
import {parseRanges} from '../../src/cni/ranges.ts';
import {parseAddress} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';
import {buildDraft} from '../support/attachments.ts';
import {directoryOf} from '../support/directory.ts';

const restMs = 60_000;

/** A node, whose daemon may be killed and started again. */
type TestNode = {
	readonly path: string;
	/** Milliseconds since the machine started. */
	now: number;
	ipam: Ipam;
	readonly restart: () => Promise<void>;
};

async function startNode(t: ExecutionContext, ...podCidrs: readonly string[]): Promise<TestNode> {
	const path = join(directoryOf(t), 'cni.db');
	const clock = {now: 1000};
	const start = async () => {
		const {journal} = await openJournal(path, 'stamp', {pagesMax: 64});
		t.teardown(() => journal.close());
		const wall = () => Date.UTC(2026, 10, 28) + clock.now;
		return new Ipam({journal, now: () => clock.now, wall, restMs});
	};
	const node = Object.assign(clock, {
		path,
		ipam: await start(),
		restart: async () => {
			node.ipam = await start();
		},
	});
	if (podCidrs.length > 0) {
		node.ipam.setPodCidrs(podCidrs.map(parsePrefix));
	}

	return node;
}

/** The addresses that container `containerId` gets. */
function add(ipam: Ipam, containerId: string, more: Partial<Draft> = {}, wanted: Partial<Wanted> = {}): string {
	const draft = buildDraft({...more, containerId});
	return ipam.reserve(draft, {asked: [], families: ['IPv4', 'IPv6'], ranges: undefined, ...wanted}).addresses.join(' ');
}

test('a pod gets one address of each family that the Node has podCIDRs of', async (t) => {
	const {ipam} = await startNode(t, 'fd00::/64', '10.0.0.0/24', '10.9.0.0/24');
	t.is(add(ipam, 'a'), '10.0.0.2 fd00::2');
	t.is(add(ipam, 'b', {}, {families: ['IPv6']}), 'fd00::3');
	t.like(ipam.find('a/eth0'), {state: 'adding', containerId: 'a'});
	t.like(ipam.settle('a/eth0'), {state: 'attached'});
	t.is(String(ipam.holderOf(parseAddress('fd00::3'))?.containerId), 'b');
	t.deepEqual(ipam.count('IPv4'), {size: 506, free: 505});
});

test('without podCIDRs no pod gets an address, and says so', async (t) => {
	const {ipam} = await startNode(t);
	t.throws(() => add(ipam, 'a'), {
		code: 'CNI_NOT_READY',
		message: 'cannot give a pod an address: there are no IPv4 and IPv6 ranges',
	});
	ipam.setPodCidrs([parsePrefix('10.0.0.0/24')]);
	t.throws(() => add(ipam, 'a', {}, {families: ['IPv6']}), {code: 'CNI_NOT_READY'});
	t.is(add(ipam, 'a'), '10.0.0.2');
});

test('a node that is full says which ranges are', async (t) => {
	const {ipam} = await startNode(t, '10.0.0.0/30', 'fd00::/64', '10.9.0.0/30');
	add(ipam, 'a');
	add(ipam, 'b');
	t.throws(() => add(ipam, 'c'), {
		code: 'CNI_FULL',
		message: 'cannot give a pod an IPv4 address: all 2 of 10.0.0.2 to 10.0.0.2, 10.9.0.2 to 10.9.0.2 are held',
	});
	t.is(ipam.attachments.length, 2);
	t.is(add(ipam, 'c', {}, {families: ['IPv6']}), 'fd00::4', 'the address that it would have got is not lost');
});

test('addresses that are asked for are given, or refused with a reason', async (t) => {
	const {ipam} = await startNode(t, '10.0.0.0/24', 'fd00::/64');
	const ask = (id: string, ...asked: readonly string[]) => add(ipam, id, {}, {asked: asked.map(parseAddress)});
	t.is(ask('a', 'fd00::9'), '10.0.0.2 fd00::9');
	t.throws(() => ask('b', 'fd00::9'), {code: 'CNI_ADDRESS', message: /second pod/});
	t.throws(() => ask('b', '10.1.0.9'), {code: 'CNI_ADDRESS'});
	t.throws(() => ask('b', '10.0.0.9', '10.0.0.10'), {code: 'CNI_ADDRESS', message: /second IPv4 address/});
	t.throws(() => add(ipam, 'b', {}, {families: ['IPv4'], asked: [parseAddress('fd00::10')]}), {code: 'CNI_ADDRESS'});
	t.is(ask('b', '10.0.0.9', 'fd00::10'), '10.0.0.9 fd00::10');
	ipam.release('b/eth0');
	t.is(ask('b', '10.0.0.9', 'fd00::10'), '10.0.0.9 fd00::10', 'who had them wants them back');
	t.deepEqual(
		ipam.rows().map(({state}) => state),
		['adding', 'adding', 'adding', 'adding'],
	);
});

test('an interface that is known gets no second attachment, whatever became of it', async (t) => {
	const {ipam} = await startNode(t, '10.0.0.0/24');
	add(ipam, 'a');
	t.throws(() => add(ipam, 'a'), {code: 'CNI_ATTACHED', message: /it is adding/});
	ipam.beginDelete('a/eth0');
	t.throws(() => add(ipam, 'a'), {code: 'CNI_ATTACHED', message: /it is deleting/});
	t.is(add(ipam, 'a', {ifName: 'eth1'}), '10.0.0.3');
});

test('a host port is the first pod’s, over a restart too, until that pod is gone', async (t) => {
	const node = await startNode(t, '10.0.0.0/24');
	const hostPorts = [{protocol: 'TCP', hostPort: 8080, containerPort: 80}] as const;
	add(node.ipam, 'a', {hostPorts});
	await node.restart();
	t.throws(() => add(node.ipam, 'b', {hostPorts}), {code: 'CNI_HOST_PORT', message: /held by pod shop\/web-1/});
	t.is(node.ipam.release('a/eth0')?.containerId, 'a');
	t.is(add(node.ipam, 'b', {hostPorts}), '10.0.0.3');
});

test('what is not there is released without an error', async (t) => {
	const {ipam} = await startNode(t, '10.0.0.0/24');
	t.deepEqual(
		[ipam.settle('a/eth0'), ipam.beginDelete('a/eth0'), ipam.release('a/eth0')],
		[undefined, undefined, undefined],
	);
});

test('a daemon that is started again, the API server away, knows podCIDRs, addresses, rests and whose turn it is', async (t) => {
	const node = await startNode(t, '10.0.0.0/29', 'fd00::/125');
	t.deepEqual([add(node.ipam, 'a'), add(node.ipam, 'b')], ['10.0.0.2 fd00::2', '10.0.0.3 fd00::3']);
	node.ipam.beginDelete('a/eth0');
	node.ipam.release('a/eth0');
	await node.restart();
	t.deepEqual(
		node.ipam.attachments.map(({containerId, state}) => `${containerId} ${state}`),
		['b adding'],
	);
	t.is(add(node.ipam, 'c'), '10.0.0.4 fd00::4');
	t.deepEqual([add(node.ipam, 'd'), add(node.ipam, 'e')], ['10.0.0.5 fd00::5', '10.0.0.6 fd00::6']);
	t.is(add(node.ipam, 'f'), '10.0.0.2 fd00::7', 'IPv6 has one that did not rest');
	node.now += restMs;
	t.is(add(node.ipam, 'g', {}, {families: ['IPv6']}), 'fd00::2');
});

test('a journal that outlived its machine holds rests that end a minute from now', async (t) => {
	const node = await startNode(t, '10.0.0.0/29');
	node.now = 5_000_000;
	add(node.ipam, 'a');
	node.ipam.release('a/eth0');
	node.now = 10;
	await node.restart();
	t.is(node.ipam.rows().length, 1);
	node.now += restMs;
	t.deepEqual(node.ipam.rows(), []);
});

test('pods keep the addresses of podCIDRs that the Node has no longer', async (t) => {
	const node = await startNode(t, '10.0.0.0/24');
	add(node.ipam, 'a');
	node.ipam.setPodCidrs([parsePrefix('10.9.0.0/24')]);
	t.throws(() => node.ipam.setPodCidrs([parsePrefix('10.7.0.0/32')]), {code: 'CNI_CONFIG'});
	await node.restart();
	t.is(add(node.ipam, 'b'), '10.9.0.2');
	t.is(String(node.ipam.holderOf(parseAddress('10.0.0.2'))?.containerId), 'a');
});

test('a network with ranges of its own has its own turn, and no address that another network gave', async (t) => {
	const node = await startNode(t, '10.0.0.0/24');
	const ranges = parseRanges([[{subnet: '10.7.0.0/24'}]]);
	const own = (id: string) => add(node.ipam, id, {network: 'lab'}, {ranges});
	t.deepEqual(
		[add(node.ipam, 'a'), own('b'), add(node.ipam, 'c'), own('d')],
		['10.0.0.2', '10.7.0.2', '10.0.0.3', '10.7.0.3'],
	);
	node.ipam.release('b/eth0');
	await node.restart();
	t.deepEqual([add(node.ipam, 'e'), own('f')], ['10.0.0.4', '10.7.0.4']);
	const overlapping = parseRanges([[{subnet: '10.0.0.0/24', rangeEnd: '10.0.0.5'}]]);
	t.is(add(node.ipam, 'g', {network: 'other'}, {ranges: overlapping}), '10.0.0.5', '2, 3 and 4 are held by the Node’s');
	t.is(
		add(node.ipam, 'h', {network: 'lab'}, {ranges: parseRanges([[{subnet: '10.8.0.0/24'}]])}),
		'10.8.0.2',
		'new ranges',
	);
});

test('after a write that fails nothing is taken, and nothing is freed', async (t) => {
	const {ipam, path} = await startNode(t, '10.0.0.0/24');
	add(ipam, 'a');
	const other = new DatabaseSync(path);
	other.exec('BEGIN IMMEDIATE');
	const before = [ipam.rows(), ipam.count('IPv4')];
	const hostPorts = [{protocol: 'TCP', hostPort: 80, containerPort: 80}] as const;
	t.throws(() => add(ipam, 'b', {hostPorts}), {code: 'CNI_JOURNAL'});
	t.throws(() => ipam.settle('a/eth0'), {code: 'CNI_JOURNAL'});
	t.throws(() => ipam.release('a/eth0'), {code: 'CNI_JOURNAL'});
	t.throws(() => ipam.setPodCidrs([]), {code: 'CNI_JOURNAL'});
	t.deepEqual([ipam.rows(), ipam.count('IPv4')], before);
	other.exec('ROLLBACK');
	other.close();
	t.is(add(ipam, 'c', {hostPorts}), '10.0.0.3');
});

test('every address that is not free has a row, with who has it and since when', async (t) => {
	const node = await startNode(t, '10.0.0.0/24', 'fd00::/64');
	add(node.ipam, 'a', {pod: undefined});
	node.ipam.release('a/eth0');
	node.now = 6000;
	add(node.ipam, 'b', {}, {families: ['IPv4']});
	node.now = 7000;
	node.ipam.settle('b/eth0');
	const nobody = {
		network: 'pods',
		containerId: '',
		ifName: '',
		pod: '',
		link: '',
		state: 'resting',
		since: '2026-11-28T00:00:01.000Z',
	} as const;
	const somebody = {
		network: 'pods',
		containerId: 'b',
		ifName: 'eth0',
		pod: 'shop/web-1',
		link: 'fairb',
		state: 'attached',
	} as const;
	t.deepEqual(node.ipam.rows(), [
		{address: '10.0.0.2', ...nobody},
		{address: '10.0.0.3', ...somebody, since: '2026-11-28T00:00:07.000Z'},
		{address: 'fd00::2', ...nobody},
	]);
});

test('an address that rests can be woken, and is given out at its turn', async (t) => {
	const node = await startNode(t, '10.0.0.0/30');
	add(node.ipam, 'a');
	t.is(node.ipam.wake(parseAddress('10.0.0.2')), undefined, 'held');
	node.ipam.release('a/eth0');
	t.like(node.ipam.wake(parseAddress('10.0.0.2')), {state: 'resting', network: 'pods'});
	t.deepEqual(node.ipam.rows(), []);
	await node.restart();
	t.deepEqual(node.ipam.rows(), []);
	t.deepEqual(node.ipam.count('IPv4'), {size: 1, free: 1});
});

/** What may happen; numbers choose among the attachments that there are. */
const happening = fc.oneof(
	fc.record({kind: fc.constant('add' as const), which: fc.constant(0)}),
	fc.record({kind: fc.constantFrom('settle' as const, 'beginDelete' as const, 'release' as const), which: fc.nat()}),
	fc.record({kind: fc.constant('restart' as const), which: fc.constant(0)}),
	fc.record({kind: fc.constant('ranges' as const), which: fc.nat(2)}),
);

testProp(
	'a daemon that is killed after any call knows the same attachments and rows, and no address is held twice',
	[fc.array(happening, {minLength: 1, maxLength: 25})],
	async (t, happenings) => {
		const node = await startNode(t, '10.0.0.0/28', 'fd00::/124');
		for (const [index, {kind, which}] of happenings.entries()) {
			const {attachments} = node.ipam;
			const chosen = attachments[which % Math.max(1, attachments.length)];
			node.now += 100;
			if (kind === 'add' && attachments.length < 6) {
				add(node.ipam, `c${index}`);
			} else if (kind === 'ranges') {
				node.ipam.setPodCidrs(
					[['10.0.0.0/28'], ['10.9.0.0/28', 'fd00::/124'], ['10.0.0.0/27']][which]?.map(parsePrefix) ?? [],
				);
			} else if (kind === 'restart') {
				const before = [node.ipam.rows(), node.ipam.attachments.toSorted(byKey), node.ipam.count('IPv4')];
				await node.restart();
				t.deepEqual([node.ipam.rows(), node.ipam.attachments.toSorted(byKey), node.ipam.count('IPv4')], before);
			} else if (kind !== 'add' && chosen !== undefined) {
				node.ipam[kind](attachmentKey(chosen));
			}

			const held = node.ipam.rows().map(({address}) => address);
			t.is(new Set(held).size, held.length);
		}
	},
	{numRuns: 40},
);

function byKey(a: {readonly containerId: string}, b: {readonly containerId: string}): number {
	return a.containerId < b.containerId ? -1 : 1;
}
