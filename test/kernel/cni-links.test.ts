import {readdirSync} from 'node:fs';
import test from 'ava';
import type {LinkPlan} from '../../src/cni/link-plan.ts';
import {KernelLinks} from '../../src/cni/links.ts';
import {Netns} from '../../src/kernel/netns.ts';
import type {Address} from '../../src/net/address.ts';
import {Host} from '../lab/host.ts';
import {attachmentOf, bridgedPlan, podIpv4, podIpv6, routedPlan} from '../lab/pod-plans.ts';

const nodeAddresses = ['172.31.5.1', 'fd00:31:5::1'] as const;

function after(ms: number, callback: () => void): () => void {
	const timer = setTimeout(callback, ms);
	return () => clearTimeout(timer);
}

/** A node and pods without an interface; whatever a test makes goes with it. */
class Bench {
	readonly node: Host;
	readonly pods: readonly Host[];
	readonly links: KernelLinks;
	readonly nodeNetns: Netns;

	private constructor(node: Host, pods: readonly Host[]) {
		this.node = node;
		this.pods = pods;
		this.nodeNetns = new Netns(node.netns);
		this.links = new KernelLinks({netns: this.nodeNetns, after});
	}

	static async make(pods: number): Promise<Bench> {
		const names = ['node', ...Array.from({length: pods}, (_, pod) => `pod${pod}`)];
		const [node, ...others] = await Promise.all(names.map(async (name) => await new Host(name).ready()));
		if (node === undefined) {
			throw new Error('there is no node');
		}

		await node.ask('sysctl', {'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.forwarding': '1'});
		await node.ask('ip', ['link set lo up', ...nodeAddresses.map((address) => `address add ${address} dev lo`)]);
		for (const address of nodeAddresses) {
			await node.ask('serve', {name: 'node', ports: [8080], address}); // answers come from where they were asked
		}

		await Promise.all(others.map(async (pod) => await pod.ask('serve', {name: pod.name, ports: [8080]})));
		const bench = new Bench(node, others);
		await bench.links.settled(); // it begins with removing what an earlier one left
		return bench;
	}

	/** Attaches pod number `pod` by `plan`, in its namespace. */
	async attach(pod: number, plan: LinkPlan): Promise<void> {
		using netns = new Netns(this.pods[pod]?.netns ?? '');
		await this.links.attach(plan, netns);
	}

	async ip(...args: readonly string[]): Promise<string> {
		return (await this.node.exec('ip', args)).stdout;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.links.settled();
		this.links.close();
		this.nodeNetns.close();
		await Promise.all([this.node, ...this.pods].map(async (host) => await host.end()));
	}
}

/** What a client gets at port 8080 of each address, by TCP and UDP. */
async function ask(client: Host | undefined, ...addresses: readonly string[]): Promise<Set<string>> {
	const probes = addresses.flatMap((address) =>
		(['TCP', 'UDP'] as const).map((protocol) => ({protocol, address, port: 8080})),
	);
	const results = (await client?.ask('probe', {probes, deadlineMs: 2000})) ?? [];
	return new Set(
		results.map((result) => (result.kind === 'answered' ? `${result.by} sees ${result.seen}` : result.kind)),
	);
}

for (const [name, planOf] of [
	['routed', routedPlan],
	['on a bridge', bridgedPlan],
] as const) {
	test(`pods that are ${name} reach each other, the node and themselves, in both families, as soon as they are attached`, async (t) => {
		await using bench = await Bench.make(2);
		const [a, b] = [planOf(0), planOf(1)];
		await bench.attach(0, a);
		await bench.attach(1, b);
		for (const [index, ours] of a.addresses.entries()) {
			const theirs = b.addresses[index]?.address ?? '';
			const own = ours.address;
			t.deepEqual(await ask(bench.pods[0], theirs), new Set([`pod1 sees ${own}`]));
			t.deepEqual(await ask(bench.pods[0], own), new Set([`pod0 sees ${own}`]));
			t.deepEqual(await ask(bench.pods[0], nodeAddresses[index] ?? ''), new Set([`node sees ${own}`]));
			const fromNode = [...(await ask(bench.node, own))];
			t.is(fromNode.length, 1);
			t.regex(fromNode[0] ?? '', /^pod0 sees /);
		}
	});

	test(`a pod that is ${name} has its MAC, MTU and addresses, and the node's end is named after it`, async (t) => {
		await using bench = await Bench.make(1);
		const plan = planOf(0);
		await bench.attach(0, plan);
		// of all interfaces: asked for one, the kernel makes haste to bring it up
		const [, pod] = JSON.parse((await bench.pods[0]?.exec('ip', ['-j', 'address']))?.stdout ?? '');
		t.like(pod, {address: plan.mac, mtu: 1400, operstate: 'UP'});
		const addresses: readonly {local: string; prefixlen: number; tentative?: boolean}[] = pod.addr_info;
		t.deepEqual(
			addresses.map(({local, prefixlen}) => `${local}/${prefixlen}`),
			[...plan.addresses.map(({address, bits}) => `${address}/${bits}`), 'fe80::ff:fe00:0/64'],
		);
		t.false(addresses.some(({tentative}) => tentative));
		const [node] = JSON.parse(await bench.ip('-j', 'link', 'show', plan.link));
		t.like(node, {ifname: plan.link, ifalias: plan.alias, mtu: 1400, operstate: 'UP'});
		t.is(node.address === 'ee:ee:ee:ee:ee:ee', plan.bridge === undefined);
		t.deepEqual([...(await bench.links.present())], [plan.link]);
	});

	test(`when a pod that is ${name} is detached, no packet reaches it although its link is still there`, async (t) => {
		await using bench = await Bench.make(1);
		await bench.attach(0, planOf(0));
		const attachment = attachmentOf(planOf(0));
		const slow = new KernelLinks({netns: bench.nodeNetns, after: () => () => undefined});
		await slow.detach(attachment);
		t.is(await bench.ip('route', 'show', 'proto', '70'), '');
		t.is((await bench.links.present()).size, 0);
		const probes = attachment.addresses.map((address) => ({protocol: 'TCP', address, port: 8080}) as const);
		const results = await bench.node.ask('probe', {probes, deadlineMs: 100});
		t.false(results.some(({kind}) => kind === 'answered'));
		t.true((await bench.ip('link')).includes('fair0000'));
		await bench.links.detach(attachment);
		await bench.links.settled();
		t.false((await bench.ip('link')).includes('fair0000'));
		await t.notThrowsAsync(bench.links.detach(attachment), 'detaching what is gone is no error');
		slow.close();
	});
}

for (const [name, planOf, device] of [
	['routed', routedPlan, 'fair00000000000'],
	['on a bridge', bridgedPlan, 'fairbr0'],
] as const) {
	test(`packets from 127.0.0.1 may go to a pod that is ${name} only where a host port of it is open there`, async (t) => {
		await using bench = await Bench.make(1);
		const allowed = async () =>
			(await bench.node.exec('cat', [`/proc/sys/net/ipv4/conf/${device}/route_localnet`])).stdout.trim();
		await bench.attach(0, planOf(0));
		t.is(await allowed(), '0');
		await bench.links.detach(attachmentOf(planOf(0)));
		await bench.links.settled();
		await bench.attach(0, planOf(0, {localnet: true}));
		t.is(await allowed(), '1');
	});
}

test('a pod asks for no routers and believes none', async (t) => {
	await using bench = await Bench.make(1);
	await bench.attach(0, routedPlan(0));
	const setting = await bench.pods[0]?.exec('cat', ['/proc/sys/net/ipv6/conf/eth0/accept_ra']);
	t.is(setting?.stdout, '0\n');
});

test('a bridge keeps its address when pods come and go, and sends a packet back to the pod that it came from', async (t) => {
	await using bench = await Bench.make(1);
	await bench.attach(0, bridgedPlan(0));
	const [bridge] = JSON.parse(await bench.ip('-j', 'link', 'show', 'fairbr0'));
	const [port] = JSON.parse(await bench.ip('-d', '-j', 'link', 'show', 'master', 'fairbr0'));
	t.true(port.linkinfo.info_slave_data.hairpin);
	await bench.links.detach(attachmentOf(bridgedPlan(0)));
	await bench.links.settled();
	const [later] = JSON.parse(await bench.ip('-j', 'link', 'show', 'fairbr0'));
	t.is(later.address, bridge.address);
});

test('a bridge that is there is used as it is when its addresses fit, and refused when it is none, or they do not', async (t) => {
	await using bench = await Bench.make(1);
	await bench.node.ask('ip', ['link add fairbr0 type bridge', 'address add 10.9.0.1/24 dev fairbr0']);
	const refused = await t.throwsAsync(bench.attach(0, bridgedPlan(0)), {code: 'CNI_KERNEL'});
	t.is(refused.message, 'cannot use the bridge fairbr0: it has 10.9.0.1/24, not 10.245.0.1/24, fd00:245::1/64');
	await bench.node.ask('ip', [
		'address add 10.245.0.1/24 dev fairbr0',
		'address add fd00:245::1/64 dev fairbr0 nodad',
		'link set fairbr0 up',
	]);
	await t.notThrowsAsync(bench.attach(0, bridgedPlan(0)));
	const other = bridgedPlan(1, {bridge: {name: 'lo', mtuBytes: 1400, addresses: [], hairpin: false}});
	const none = await t.throwsAsync(bench.attach(0, other), {code: 'CNI_KERNEL'});
	t.is(none.message, 'cannot use lo as a bridge: it is no bridge');
});

test('an interface name that is taken in the pod is refused, and nothing is left', async (t) => {
	await using bench = await Bench.make(1);
	await bench.attach(0, routedPlan(0));
	const refused = await t.throwsAsync(bench.attach(0, routedPlan(1)), {code: 'CNI_INTERFACE'});
	t.regex(refused.message, /^cannot make eth0 in "\/proc\/\d+\/ns\/net": it is there already$/);
	t.deepEqual([...(await bench.links.present())], [routedPlan(0).link]);
	t.deepEqual(await ask(bench.node, podIpv4(0)), new Set([`pod0 sees ${nodeAddresses[0]}`]));
});

test('a namespace that is none, or was let go of, is refused as such', async (t) => {
	await using bench = await Bench.make(1);
	using file = new Netns('/etc/hostname');
	await t.throwsAsync(bench.links.attach(routedPlan(0), file), {code: 'CNI_NETNS'});
	const closed = new Netns(bench.pods[0]?.netns ?? '');
	closed.close();
	await t.throwsAsync(bench.links.attach(routedPlan(0), closed), {code: 'CNI_NETNS'});
	t.is((await bench.links.present()).size, 0);
});

test('what the kernel refuses half-way leaves nothing, and is told in its words', async (t) => {
	await using bench = await Bench.make(1);
	const unreachable = {dst: {address: '10.9.0.0' as Address, bits: 16}, gw: '192.0.2.9' as Address};
	const plan = routedPlan(0, {bandwidth: {ingressRate: 8e6, egressRate: 8e6}, routes: [unreachable]});
	const refused = await t.throwsAsync(bench.attach(0, plan), {code: 'CNI_KERNEL'});
	t.is(refused.message, 'cannot add route 10.9.0.0/16 via 192.0.2.9: Nexthop has invalid gateway');
	t.regex(await bench.ip('-br', 'link'), /^lo .*\n$/);
	await t.notThrowsAsync(bench.attach(0, routedPlan(0)));
});

test('a link that an ADD left behind makes way for the next one of its name', async (t) => {
	await using bench = await Bench.make(2);
	const shaped = {bandwidth: {egressRate: 8e6}};
	await bench.attach(0, routedPlan(0, shaped));
	await bench.attach(1, routedPlan(0, shaped));
	t.deepEqual(await ask(bench.node, podIpv4(0), podIpv6(0)), new Set(nodeAddresses.map((each) => `pod1 sees ${each}`)));
});

test('a pod whose IPv6 is switched off has it switched on for its address', async (t) => {
	await using bench = await Bench.make(1);
	await bench.pods[0]?.ask('sysctl', {
		'net.ipv6.conf.all.disable_ipv6': '1',
		'net.ipv6.conf.default.disable_ipv6': '1',
	});
	await bench.attach(0, routedPlan(0));
	t.deepEqual(await ask(bench.node, podIpv6(0)), new Set([`pod0 sees ${nodeAddresses[1]}`]));
});

test('links that the daemon before marked are removed by the one that starts', async (t) => {
	await using bench = await Bench.make(1);
	const never = new KernelLinks({netns: bench.nodeNetns, after: () => () => undefined});
	using netns = new Netns(bench.pods[0]?.netns ?? '');
	await never.attach(routedPlan(0), netns);
	await never.detach(attachmentOf(routedPlan(0)));
	never.close();
	t.true((await bench.ip('link')).includes('fair0000'));
	const next = new KernelLinks({netns: bench.nodeNetns, after});
	await next.settled();
	t.false((await bench.ip('link')).includes('fair0000'));
	next.close();
});

test('what is left of a pod whose namespace went first is still told as present, and goes', async (t) => {
	await using bench = await Bench.make(2);
	const plan = routedPlan(0, {bandwidth: {egressRate: 8e6}});
	await bench.attach(0, plan);
	await bench.node.ask('ip', [`link delete ${plan.link}`]); // as the kernel does with a namespace
	t.deepEqual([...(await bench.links.present())], [plan.link]);
	await bench.links.detach(attachmentOf(plan));
	await bench.links.settled();
	t.is((await bench.links.present()).size, 0);
});

test('the MTU of the node is that of the interface with its address, else of its default route', async (t) => {
	await using bench = await Bench.make(0);
	await bench.node.ask('ip', [
		'link add up0 mtu 8000 type veth peer name up1',
		'link set up0 up',
		'link set up1 up',
		'link add out0 mtu 1450 type veth peer name out1',
		'link set out0 up',
		'address add 192.168.7.1/24 dev up0',
		'address add 192.168.8.1/24 dev out0',
	]);
	await bench.ip('link', 'show', 'up0'); // from here on it counts as up, so that its IPv6 addresses get routes
	await bench.node.ask('ip', ['address add fd00:7::1/64 dev up0 nodad']);
	const mtu = (...addresses: readonly string[]) => bench.links.nodeMtu(addresses as Address[]);
	t.is(mtu('192.168.7.1'), 8000);
	t.is(mtu('fd00:7::1'), 8000);
	t.is(mtu('192.168.7.2'), 1500, 'somebody else’s address, and no default route');
	await bench.node.ask('ip', ['route add default via 192.168.8.2']);
	t.is(mtu('192.168.7.2'), 1450);
	t.is(mtu(), 1450);
	t.is(mtu('192.168.7.2', '192.168.7.1'), 8000);
	t.is(mtu(nodeAddresses[0]), 1450, 'held by lo, by which nothing leaves the node');
});

for (const [name, rates, sender] of [
	['receives', {ingressRate: 800_000, ingressBurst: 80_000}, 'node'],
	['sends', {egressRate: 800_000, egressBurst: 80_000}, 'pod'],
] as const) {
	test(`of a million bytes at once that a pod ${name} little more than its burst passes`, async (t) => {
		await using bench = await Bench.make(1);
		const plan = routedPlan(0, {bandwidth: rates});
		await bench.attach(0, plan);
		const from = sender === 'node' ? bench.node : bench.pods[0];
		const to = sender === 'node' ? podIpv4(0) : nodeAddresses[0];
		const began = performance.now();
		await from?.exec('bash', ['-c', `for i in {1..1000}; do printf %01000d 0; done > /dev/udp/${to}/9`]);
		const device = sender === 'node' ? plan.link : plan.link.replace('fair', 'fifb');
		const {stdout} = await bench.node.exec('tc', ['-s', '-j', 'qdisc', 'show', 'dev', device, 'root']);
		const most = 10_000 + 100 * (performance.now() - began) + 2500;
		const [{bytes, drops}] = JSON.parse(stdout);
		t.true(bytes > 8000 && bytes < most, `${bytes} of at most ${most}`);
		t.true(drops > 100, `${drops} dropped`);
	});
}

test.serial(
	'a hundred pods come and go, and nothing is left of them: links, routes, neighbours, descriptors',
	async (t) => {
		await using bench = await Bench.make(1);
		using netns = new Netns(bench.pods[0]?.netns ?? '');
		const descriptors = () => readdirSync('/proc/self/fd').length;
		const before = [
			descriptors(),
			await bench.ip('-br', 'link'),
			await bench.ip('route'),
			await bench.ip('-6', 'route'),
		];
		const plans = Array.from({length: 100}, (_, pod) =>
			routedPlan(pod, {ifName: `eth${pod}`, ...(pod % 10 === 0 && {bandwidth: {egressRate: 8e6}})}),
		).map((plan) => ({...plan, routes: []}));
		await Promise.all(plans.map(async (plan) => await bench.links.attach(plan, netns)));
		t.is((await bench.links.present()).size, 100);
		const began = performance.now();
		await Promise.all(plans.map(async (plan) => await bench.links.detach(attachmentOf(plan))));
		await bench.links.settled();
		const tookMs = performance.now() - began;
		t.true(tookMs < 1000, `gone after ${tookMs} ms`); // alone on the machine 50; one by one it would be 2,000
		t.deepEqual(
			[descriptors(), await bench.ip('-br', 'link'), await bench.ip('route'), await bench.ip('-6', 'route')],
			before,
		);
		t.is(await bench.ip('neighbour'), '');
		t.is(await bench.ip('-6', 'neighbour'), '');
	},
);
