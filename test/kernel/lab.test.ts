import test from 'ava';
import {addresses} from '../lab/addresses.ts';
import {askLab} from '../lab/ask.ts';
import {parsePackets} from '../lab/packets.ts';
import {buildLab, type Lab} from '../lab/topology.ts';

let lab: Lab;
test.before(async () => {
	lab = await buildLab();
});
test.after.always(async () => {
	await lab.end();
});

/** What the bare network does, before anything of ours is in the kernel. */
const plainRoutes = `
to        a             c                 n1            second of n1   nobody there  closed port
IPv4      10.128.0.11   10.128.1.21       172.31.1.1    172.31.9.1     10.96.1.1     10.128.0.11
IPv6      fd00:128::b   fd00:128:0:1::15  fd00:31::1    2001:db8:9::1  fd00:96::101  fd00:128::b
port      8080 TCP UDP  8080 TCP UDP      8080 TCP UDP  7 TCP UDP      80 TCP UDP    7 TCP UDP
pod a     a sees a      c sees a          n1 sees a     refused        dropped       refused
pod b     a sees b      c sees b          n1 sees b     refused        dropped       refused
node n1   a sees n1     c sees n1         n1 sees n1    refused        dropped       refused
host pod  a sees n1     c sees n1         n1 sees n1    refused        dropped       refused
node n2   a sees n2     c sees n2         n1 sees n2    refused        dropped       refused
pod c     a sees c      c sees c          n1 sees c     refused        dropped       refused
outside   a sees out    c sees out        n1 sees out   refused        dropped       refused
`;

test.serial('the lab routes packets between all its hosts, and each server sees the true source', async (t) => {
	t.deepEqual(await askLab(lab, parsePackets(plainRoutes)), []);
});

test.serial('a probe that was dropped asks no more once it is over', async (t) => {
	const {b} = lab.hosts;
	const probes = [{protocol: 'TCP', address: '10.96.0.1', port: 80}] as const;
	t.deepEqual(await b.ask('probe', {probes, deadlineMs: 50}), [{kind: 'dropped'}]);
	t.is((await b.exec('ss', ['-Htn', 'state', 'syn-sent'])).stdout, '');
});

test.serial('open connections and a steady rate of new ones are counted, and so is each that fails', async (t) => {
	const {out, n1} = lab.hosts;
	const target = {protocol: 'TCP', address: addresses.a[0], port: 8080} as const;
	const opened = await out.ask('hold', {targets: [target], count: 200, periodMs: 50});
	t.like(opened, {open: 200, lost: [], by: {a: 200}});
	await out.ask('rate', {targets: [target, {...target, protocol: 'UDP', address: addresses.c[1]}], perSecond: 400});
	await n1.ask('probe', {probes: [{...target, address: '10.96.0.1'}], deadlineMs: 500});
	const window = await out.ask('window', null);
	t.true(window.begun > 50, `only ${window.begun} begun`);
	t.deepEqual(window.failures, []);
	t.deepEqual(Object.keys(window.by).toSorted(), ['10.128.0.11:8080/TCP a', '[fd00:128:0:1::15]:8080/UDP c']);
	t.true((await out.ask('held', null)).echoes > 200);
	await out.ask('stop', null);
	await out.ask('release', null);
	await out.ask('rate', {targets: [{...target, port: 7}], perSecond: 400});
	await n1.ask('probe', {probes: [{...target, address: '10.96.0.1'}], deadlineMs: 100});
	const refused = await out.ask('stop', null);
	t.is(refused.failures.length, refused.begun);
	t.like(refused.failures[0], {target: '10.128.0.11:7/TCP', result: 'refused'});
});
