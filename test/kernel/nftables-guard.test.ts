import anyTest from 'ava';
import {NftablesDataplane} from '../../src/dataplane/nftables/nftables.ts';
import {Netns} from '../../src/kernel/netns.ts';
import {Nftables} from '../../src/kernel/nftables.ts';
import {addresses} from '../lab/addresses.ts';
import {buildLab, type Lab} from '../lab/topology.ts';
import {buildFrontend, buildPlan} from '../support/frontends.ts';

const test = anyTest.serial; // one node, one set of rules
const {signal} = new AbortController();
let lab: Lab;
test.before(async () => {
	lab = await buildLab();
});
test.after.always(async () => {
	await lab.end();
});

const services = [
	buildFrontend({address: '10.96.1.1', target: `${addresses.a[0]}! ${addresses.c[0]}`}),
	buildFrontend({address: 'fd00:96::101', target: `${addresses.a[1]}! ${addresses.c[1]}`}),
];
const targets = services.map(({address, port}) => ({protocol: 'TCP', address, port}) as const);

for (const form of ['owned', 'guarded'] as const) {
	test(`open connections go on when another process flushes all rules, beside a table that is ${form}`, async (t) => {
		const {n1, out} = lab.hosts;
		using netns = new Netns(n1.netns);
		const dataplane = new NftablesDataplane({kernel: new Nftables({netns}), form});
		await dataplane.sync(buildPlan(services), true, signal);
		const {open} = await out.ask('hold', {targets, count: 40, periodMs: 20});
		t.is(open, 40);
		await n1.exec('nft', ['flush', 'ruleset']);
		const listing = (await n1.exec('nft', ['list', 'ruleset'])).stdout;
		t.is(/^table ip fairlead \{/m.test(listing), form === 'owned');
		t.is(/^table ip fairlead-guard \{/m.test(listing), form === 'guarded');
		const before = await out.ask('held', null);
		// long enough for the kernel to have turned conntrack off, and for every connection to have sent something
		await n1.ask('probe', {probes: [{protocol: 'TCP', address: '203.0.113.250', port: 9}], deadlineMs: 700});
		const after = await out.ask('held', null);
		t.true(after.echoes > before.echoes + 40, `${after.echoes - before.echoes} echoes`);
		t.deepEqual(after.lost, []);
		t.deepEqual((await dataplane.sync(buildPlan(services), true, signal)).refused, []);
		const probes = await out.ask('probe', {probes: targets, deadlineMs: 1000});
		t.deepEqual(new Set(probes.map(({kind}) => kind)), new Set(['answered']));
		t.deepEqual((await out.ask('release', null)).lost, []);
		await dataplane.cleanup();
		dataplane.close();
	});
}
