import test from 'ava';
import type {LinkPlan} from '../../src/cni/link-plan.ts';
import {KernelLinks} from '../../src/cni/links.ts';
import {Netns} from '../../src/kernel/netns.ts';
import type {Address} from '../../src/net/address.ts';
import {Host} from '../lab/host.ts';
import {attachmentOf, bridgedPlan, routedPlan} from '../lab/pod-plans.ts';

const shaped = {ingressRate: 8e6, egressRate: 16e6};
const routes = [
	...routedPlan(0).routes,
	{dst: {address: '10.9.0.0' as Address, bits: 16}, mtu: 1300, advmss: 1200, priority: 7, table: 1000},
];
const link = 'fair00000000000';
const defaultRoutes = ['the pod has no route to 0.0.0.0/0 via 169.254.1.1'];
const allRoutes = [...defaultRoutes, 'the pod has no route to 10.9.0.0/16 via 169.254.1.1'];
/** The kernel forgets neighbours where an interface gets another MAC. */
const noGateways = ['169.254.1.1', 'fe80::1'].map(
	(each) => `the pod has its gateway ${each} at none, not ee:ee:ee:ee:ee:ee`,
);
const plans = {
	routed: routedPlan(0, {bandwidth: shaped, routes}),
	bridge: bridgedPlan(0, {bandwidth: shaped}),
} as const;

type Tampering = {
	readonly plan: keyof typeof plans;
	readonly at: 'pod' | 'node';
	/** A line of ip(8), or of tc(8). */
	readonly does: string;
	readonly found: readonly string[];
};

/** Each thing that somebody can do to a pod's network, and what CHECK says of it. */
const tamperings: readonly Tampering[] = [
	{plan: 'routed', at: 'pod', does: 'ip link set eth0 mtu 1300', found: ['eth0 of the pod has the MTU 1300, not 1400']},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip link set eth0 address 02:00:00:00:00:99',
		found: ['eth0 of the pod has the MAC 02:00:00:00:00:99, not 02:00:00:00:00:00', ...noGateways],
	},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip address delete fd00:244::2/128 dev eth0',
		found: ['eth0 of the pod has no address fd00:244::2/128'],
	},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip address delete fe80::ff:fe00:0/64 dev eth0',
		found: ['eth0 of the pod has no address fe80::ff:fe00:0/64'],
	},
	{plan: 'routed', at: 'pod', does: 'ip route delete default', found: defaultRoutes},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip route delete 10.9.0.0/16 table 1000',
		found: ['the pod has no route to 10.9.0.0/16 via 169.254.1.1'],
	},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip route replace 10.9.0.0/16 via 169.254.1.1 table 1000 metric 7 mtu 1200 advmss 1200',
		found: ['the pod has no route to 10.9.0.0/16 via 169.254.1.1'],
	},
	{plan: 'routed', at: 'pod', does: 'ip -6 route delete default', found: ['the pod has no route to ::/0 via fe80::1']},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip route delete 169.254.1.1',
		found: ['the pod has no route to 169.254.1.1/32'],
	},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip neighbour delete 169.254.1.1 dev eth0',
		found: ['the pod has its gateway 169.254.1.1 at none, not ee:ee:ee:ee:ee:ee'],
	},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip neighbour replace fe80::1 lladdr 02:00:00:00:00:98 dev eth0 nud permanent',
		found: ['the pod has its gateway fe80::1 at 02:00:00:00:00:98, not ee:ee:ee:ee:ee:ee'],
	},
	{
		plan: 'bridge',
		at: 'pod',
		does: 'ip route delete default',
		found: ['the pod has no route to 0.0.0.0/0 via 10.245.0.1'],
	},
	{plan: 'routed', at: 'node', does: `ip link set ${link} mtu 1300`, found: [`${link} has the MTU 1300, not 1400`]},
	{
		plan: 'routed',
		at: 'node',
		does: `ip link set ${link} alias x`,
		found: [`${link} has the alias x, not default/pod-0 eth0`],
	},
	{
		plan: 'routed',
		at: 'node',
		does: `ip link set ${link} address ee:ee:ee:ee:ee:00`,
		found: [
			`${link} has the MAC ee:ee:ee:ee:ee:00, not ee:ee:ee:ee:ee:ee`,
			'the node has 10.244.0.2 at none, not 02:00:00:00:00:00',
			'the node has fd00:244::2 at none, not 02:00:00:00:00:00',
		],
	},
	{
		plan: 'routed',
		at: 'node',
		does: 'ip route delete 10.244.0.2',
		found: [`the node has no route to 10.244.0.2 by ${link}`],
	},
	{
		plan: 'routed',
		at: 'node',
		does: 'ip -6 route delete fd00:244::2',
		found: [`the node has no route to fd00:244::2 by ${link}`],
	},
	{
		plan: 'routed',
		at: 'node',
		does: `ip neighbour delete 10.244.0.2 dev ${link}`,
		found: ['the node has 10.244.0.2 at none, not 02:00:00:00:00:00'],
	},
	{
		plan: 'routed',
		at: 'node',
		does: `tc qdisc delete dev ${link} root`,
		found: [`what the pod receives (${link}) has no limit, not 1000000 bytes a second`],
	},
	{
		plan: 'routed',
		at: 'node',
		does: `tc qdisc replace dev ${link} root tbf rate 1mbit burst 64kb latency 25ms`,
		found: [`what the pod receives (${link}) has 125000 bytes a second, 68661 waiting, not 1000000, 90536`],
	},
	{
		plan: 'routed',
		at: 'node',
		does: 'ip link delete fifb00000000000',
		found: ['what the pod sends (fifb00000000000) has no limit, not 2000000 bytes a second'],
	},
	{
		plan: 'bridge',
		at: 'node',
		does: `tc qdisc delete dev ${link} ingress`,
		found: ['what the pod sends does not pass fifb00000000000'],
	},
	{
		plan: 'bridge',
		at: 'node',
		does: `ip link set ${link} nomaster`,
		found: [`${link} is a port of none, not fairbr0`, `${link} sends back what came in by it: false, not true`],
	},
	{
		plan: 'bridge',
		at: 'node',
		does: `ip link set ${link} type bridge_slave hairpin off`,
		found: [`${link} sends back what came in by it: false, not true`],
	},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip address delete 10.244.0.2/32 dev eth0',
		found: [
			'eth0 of the pod has no address 10.244.0.2/32',
			'the pod has its gateway 169.254.1.1 at none, not ee:ee:ee:ee:ee:ee',
			'the pod has no route to 169.254.1.1/32',
			...allRoutes,
		],
	},
	{plan: 'bridge', at: 'node', does: `ip link set ${link} down`, found: [`${link} is down`]},
	{plan: 'routed', at: 'pod', does: 'ip link set eth0 name eth9', found: ['the pod has no interface eth0']},
	{
		plan: 'routed',
		at: 'pod',
		does: 'ip link delete eth0',
		found: ['the pod has no interface eth0', `the node has no interface ${link}`],
	},
];

function after(ms: number, callback: () => void): () => void {
	const timer = setTimeout(callback, ms);
	return () => clearTimeout(timer);
}

let [node, pod]: (Host | undefined)[] = [];

test.before(async () => {
	[node, pod] = await Promise.all(['node', 'pod'].map(async (each) => await new Host(each).ready()));
	await node?.ask('ip', ['link set lo up']);
});

test.after.always(async () => {
	await Promise.all([node, pod].map(async (host) => await host?.end()));
});

for (const {plan: name, at, does, found} of tamperings) {
	test.serial(
		`CHECK sees of a pod (${name}) that somebody did on its ${at === 'pod' ? 'side' : 'node'}: ${does}`,
		async (t) => {
			using nodeNetns = new Netns(node?.netns ?? '');
			using podNetns = new Netns(pod?.netns ?? '');
			const links = new KernelLinks({netns: nodeNetns, after});
			const plan: LinkPlan = plans[name];
			await links.attach(plan, podNetns);
			t.deepEqual(await links.check(plan, podNetns), []);
			const [tool = '', ...args] = does.split(' ');
			await (at === 'pod' ? pod : node)?.exec(tool, args);
			t.deepEqual(await links.check(plan, podNetns), found);
			await links.detach(attachmentOf(plan));
			await links.settled();
			links.close();
		},
	);
}
