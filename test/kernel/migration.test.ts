import anyTest from 'ava';
import {MigratingNode} from '../lab/migrating-node.ts';

const test = anyTest.serial; // one node, one set of rules

let node: MigratingNode;
test.before(async () => {
	node = await MigratingNode.build();
});
test.after.always(async () => {
	await node.end();
});
test.afterEach.always(async () => {
	await node.reset();
});

const theirs = ['table ip kube-proxy', 'table ip6 kube-proxy'];
const ours = ['table ip fairlead', 'table ip6 fairlead'];

test('from kube-proxy to Fairlead no connection is lost and no new one fails, TCP and UDP, by any frontend', async (t) => {
	t.timeout(60_000);
	await node.startKubeProxy();
	await node.load();
	await node.startFairlead();
	await node.pause(500);
	const said = await node.cleanup('--kube-proxy');
	await node.pause(1000);
	t.deepEqual(await node.unload(), []);
	t.regex(said, /^removed table ip kube-proxy: \d+ chains, \d+ rules, 7 sets, 5 maps\nremoved table ip6 kube-proxy: /);
	t.deepEqual(await node.tables(), ours);
});

test('from Fairlead to kube-proxy likewise', async (t) => {
	t.timeout(60_000);
	await node.startFairlead();
	await node.load();
	await node.startKubeProxy();
	await node.pause(500);
	await node.stopFairlead();
	await node.pause(500);
	await node.cleanup();
	await node.pause(1000);
	t.deepEqual(await node.unload(), []);
	t.deepEqual(await node.tables(), theirs);
});

test('in the other order, first out and then in, connections are lost: this load notices', async (t) => {
	t.timeout(60_000);
	await node.startKubeProxy();
	await node.load();
	await node.nft('delete table ip kube-proxy\ndelete table ip6 kube-proxy');
	await node.startFairlead();
	const lost = await node.unload();
	t.true(lost.length > 0);
	t.log(lost.slice(0, 6));
});

test('in the other order on the way back connections are lost too', async (t) => {
	t.timeout(60_000);
	await node.startFairlead();
	await node.load();
	await node.stopFairlead();
	await node.cleanup();
	await node.startKubeProxy();
	const lost = await node.unload();
	t.true(lost.length > 0);
	t.log(lost.slice(0, 6));
});
