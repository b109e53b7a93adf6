import test from 'ava';
import {versions} from '../../src/cni/spec.ts';
import {addresses} from '../lab/addresses.ts';
import {CniNode, type CniPod} from '../lab/cni-node.ts';
import {matrixObjects} from '../lab/matrix.ts';
import type {Probe, ProbeResult} from '../lab/requests.ts';

const web = {name: 'web', index: 1, internal: 'Cluster', external: 'Cluster', location: 'elsewhere'} as const;
let node: CniNode;

test.before(async () => {
	node = await CniNode.start(matrixObjects(web));
});

test.after.always(async () => await node.end());

// biome-ignore lint/suspicious/noExplicitAny: a result as the plugin prints it
type Result = any;

async function withPod(use: (pod: CniPod, result: Result) => Promise<void>, config: object = {}): Promise<void> {
	const pod = await node.newPod();
	const result = await node.attach(pod, config);
	try {
		await use(pod, result);
	} finally {
		await node.call('DEL', pod, config);
		await node.endPod(pod);
	}
}

function ipsOf(result: Result): readonly string[] {
	return result.ips.map(({address}: {address: string}) => address.replace(/\/.*/, ''));
}

async function ask(
	{host}: Pick<CniPod, 'host'>,
	targets: readonly string[],
	port = 8080,
): Promise<readonly ProbeResult[]> {
	const probes = targets.flatMap((address): Probe[] => [
		{protocol: 'TCP', address, port},
		{protocol: 'UDP', address, port},
	]);
	return await host.ask('probe', {probes, deadlineMs: 2500});
}

const answered = (by: string, pair: readonly string[]) =>
	pair.flatMap((seen) => [
		{kind: 'answered', by, seen},
		{kind: 'answered', by, seen},
	]);

for (const cniVersion of versions) {
	test.serial(
		`${cniVersion}: a pod has its interface, an address of each podCIDR and a default route of each family`,
		async (t) => {
			await withPod(
				async ({host}, result) => {
					t.is(result.cniVersion, cniVersion);
					const [outer, inner] = result.interfaces;
					t.regex(outer.name, /^fair[0-9a-f]{11}$/);
					t.is(outer.sandbox, undefined);
					t.like(inner, {name: 'eth0', sandbox: host.netns});
					t.deepEqual(
						result.ips.map(({interface: index}: {interface: number}) => result.interfaces[index].name),
						['eth0', 'eth0'],
					);
					t.deepEqual(
						result.ips.map(({version}: {version?: string}) => version),
						cniVersion === '0.3.1' || cniVersion === '0.4.0' ? ['4', '6'] : [undefined, undefined],
					);
					const {stdout} = await host.exec('ip', ['-json', 'address', 'show', 'eth0']);
					const [link] = JSON.parse(stdout);
					t.is(link.address, inner.mac);
					const held = link.addr_info.map(({local}: {local: string}) => local);
					t.deepEqual(
						ipsOf(result).filter((address) => !held.includes(address)),
						[],
					);
					for (const family of ['-4', '-6']) {
						t.regex((await host.exec('ip', [family, 'route'])).stdout, /^default via .* dev eth0/m);
					}
				},
				{cniVersion},
			);
			await node.untilNoTrace();
		},
	);
}

/** The kernel chooses one of the node's addresses for a destination. */
function isFromNode(result: ProbeResult): boolean {
	const own: readonly string[] = [...addresses.n1, ...addresses.alt];
	return result.kind === 'answered' && own.includes(result.seen);
}

/** Gateways of a bridge are addresses of the node, and the nearest to its pods. */
function gatewaysOf(result: Result): readonly string[] {
	return result.ips.map(({gateway}: {gateway: string}) => gateway);
}

for (const mode of ['routed', 'bridge'] as const) {
	test.serial(
		`${mode}: pods reach each other, the node, other pods and a Service by their own address, and the outside by the node’s`,
		async (t) => {
			const {n1, c} = node.lab.hosts;
			const use = async (one: CniPod, first: Result, two: CniPod, second: Result) => {
				t.deepEqual(await ask(one, ipsOf(second)), answered(two.host.name, ipsOf(first)));
				t.deepEqual(await ask(two, ipsOf(first)), answered(one.host.name, ipsOf(second)));
				t.deepEqual(await ask(one, addresses.n1), answered('n1', ipsOf(first)));
				t.deepEqual(await ask(one, addresses.c), answered('c', ipsOf(first)));
				t.deepEqual(await ask(one, ['10.96.1.1', 'fd00:96::101'], 80), answered('c', ipsOf(first)));
				t.deepEqual(
					(await ask(one, addresses.lb, 80)).filter((result) => !isFromNode(result)),
					[],
				); // nobody outside knows a pod
				const fromNode = mode === 'routed' ? addresses.n1 : gatewaysOf(first);
				t.deepEqual(await ask({host: n1}, ipsOf(first)), answered(one.host.name, fromNode));
				t.deepEqual(await ask({host: c}, ipsOf(first)), answered(one.host.name, addresses.c));
			};
			await withPod(
				async (one, first) => await withPod(async (two, second) => await use(one, first, two, second), {mode}),
				{mode},
			);
			if (mode === 'bridge') {
				await n1.ask('ip', ['link del fairlead0']); // it stays when its last pod goes
			}

			await node.untilNoTrace();
		},
	);
}

test.serial('a DEL succeeds with nothing to delete, without a namespace, and however often', async (t) => {
	const pod = await node.newPod();
	t.like(await node.call('DEL', pod), {exitCode: 0, output: undefined});
	await node.attach(pod);
	t.like(await node.call('DEL', pod, {}, {CNI_NETNS: ''}), {exitCode: 0, output: undefined});
	t.like(await node.call('DEL', pod), {exitCode: 0});
	await node.untilNoTrace();
	await node.endPod(pod);
});

test.serial('a DEL after the namespace vanished frees the address', async (t) => {
	const pod = await node.newPod();
	const [ip = ''] = ipsOf(await node.attach(pod));
	await node.endPod(pod);
	t.is((await node.addresses())[ip], 'attached');
	t.like(await node.call('DEL', pod), {exitCode: 0});
	t.is((await node.addresses())[ip], 'resting');
});

test.serial('an ADD for what is attached is refused, and what is attached stays', async (t) => {
	await withPod(async (pod, result) => {
		t.like(await node.call('ADD', pod), {exitCode: 1, output: {code: 104}});
		t.deepEqual(await ask({host: node.lab.hosts.n1}, ipsOf(result)), answered(pod.host.name, addresses.n1));
	});
});

test.serial('an interface of that name in the pod: refused, and no address, link or route is left', async (t) => {
	const pod = await node.newPod();
	await pod.host.ask('ip', ['link add eth0 type veth peer name other']);
	const before = await node.addresses();
	t.like(await node.call('ADD', pod), {exitCode: 1, output: {code: 103}});
	const after = await node.addresses();
	t.deepEqual(
		Object.values(after).filter((state) => state === 'adding' || state === 'attached'),
		Object.values(before).filter((state) => state === 'adding' || state === 'attached'),
	);
	await node.untilNoTrace();
	await node.endPod(pod);
});

test.serial('a namespace that is not there, and the node’s own, are refused with 8', async (t) => {
	const pod = await node.newPod();
	t.like(await node.call('ADD', pod, {}, {CNI_NETNS: '/run/netns/nobody'}), {exitCode: 1, output: {code: 8}});
	t.like(await node.call('ADD', pod, {}, {CNI_NETNS: node.lab.hosts.n1.netns}), {exitCode: 1, output: {code: 8}});
	t.like(await node.call('ADD', pod, {}, {CNI_NETNS: '/etc/passwd'}), {exitCode: 1, output: {code: 8}});
	await node.untilNoTrace();
	await node.endPod(pod);
});

test.serial('a CHECK finds nothing behind an ADD, and says what was changed since', async (t) => {
	await withPod(async (pod, prevResult) => {
		t.like(await node.call('CHECK', pod, {prevResult}), {exitCode: 0, output: undefined});
		await pod.host.ask('ip', ['route del default']);
		const {exitCode, output} = await node.call('CHECK', pod, {prevResult});
		t.like({exitCode, code: output.code}, {exitCode: 1, code: 105});
		t.regex(output.msg, /default|0\.0\.0\.0\/0/);
	});
});

test.serial('a CHECK of what was never attached, and one against another result, fail', async (t) => {
	const other = await node.newPod();
	const prevResult = {cniVersion: '1.1.0', interfaces: [], ips: [{address: '10.9.9.9/32'}]};
	t.like(await node.call('CHECK', other, {prevResult}), {exitCode: 1, output: {code: 105}});
	await withPod(async (pod) => {
		t.like(await node.call('CHECK', pod, {prevResult}), {exitCode: 1, output: {code: 105}});
	});
	await node.endPod(other);
});

test.serial('a GC removes what is not in use, of its own network alone', async (t) => {
	const [kept, stale, foreign] = [await node.newPod(), await node.newPod(), await node.newPod()];
	const [keptIp = ''] = ipsOf(await node.attach(kept));
	const [staleIp = ''] = ipsOf(await node.attach(stale));
	const [foreignIp = ''] = ipsOf(await node.attach(foreign, {name: 'other'}));
	const valid = [{containerID: kept.containerId, ifname: 'eth0'}];
	t.like(await node.call('GC', kept, {'cni.dev/valid-attachments': valid}), {exitCode: 0, output: undefined});
	const states = await node.addresses();
	t.deepEqual([states[keptIp], states[staleIp], states[foreignIp]], ['attached', 'resting', 'attached']);
	await node.call('DEL', kept);
	await node.call('DEL', foreign, {name: 'other'});
	await node.untilNoTrace();
	await Promise.all([kept, stale, foreign].map(async (pod) => await node.endPod(pod)));
});

test.serial('a STATUS is good while pods can be attached', async (t) => {
	t.like(await node.call('STATUS', await node.newPod()), {exitCode: 0, output: undefined});
});

test.serial('an address, a hardware address, an MTU and a DNS that are asked for are given', async (t) => {
	const dns = {servers: ['10.96.0.10'], searches: ['cluster.local'], options: ['ndots:5']};
	const runtimeConfig = {ips: ['10.128.2.77/24'], mac: '02:00:00:00:00:77', dns};
	await withPod(
		async ({host}, result) => {
			t.is(ipsOf(result)[0], '10.128.2.77');
			t.is(result.interfaces[1].mac, '02:00:00:00:00:77');
			t.is(result.interfaces[1].mtu, 1400);
			t.deepEqual(result.dns, {nameservers: ['10.96.0.10'], search: ['cluster.local'], options: ['ndots:5']});
			t.regex((await host.exec('ip', ['link', 'show', 'eth0'])).stdout, /mtu 1400.*02:00:00:00:00:77/s);
			const other = await node.newPod();
			t.like(await node.call('ADD', other, {runtimeConfig}), {exitCode: 1, output: {code: 101}});
			await node.endPod(other);
		},
		{runtimeConfig, mtu: 1400},
	);
});

test.serial(
	'a pod of a host port is reached by it from outside, from the node and by itself, and nobody else can have it',
	async (t) => {
		const runtimeConfig = {portMappings: [{hostPort: 8888, containerPort: 8080, protocol: 'tcp'}]};
		await withPod(
			async (pod, result) => {
				const tcp = async (host: CniPod['host'], targets: readonly string[]) => {
					const probes = targets.map((address): Probe => ({protocol: 'TCP', address, port: 8888}));
					return await host.ask('probe', {probes, deadlineMs: 2500});
				};
				const by = pod.host.name;
				const {out, n1} = node.lab.hosts;
				t.deepEqual(
					await tcp(out, addresses.n1),
					addresses.out.map((seen) => ({kind: 'answered', by, seen})),
				);
				t.like(await tcp(n1, ['127.0.0.1', ...addresses.n1]), [{by}, {by}, {by}]);
				t.like(await tcp(pod.host, addresses.n1), [{by}, {by}]);
				const other = await node.newPod();
				const refused = await node.call('ADD', other, {runtimeConfig});
				t.like(refused, {exitCode: 1, output: {code: 102}});
				t.regex(refused.output.msg, new RegExp(`shop/${by}`));
				await node.endPod(other);
				t.is(ipsOf(result).length, 2);
			},
			{runtimeConfig},
		);
		const probes = addresses.n1.map((address): Probe => ({protocol: 'TCP', address, port: 8888}));
		t.deepEqual(await node.lab.hosts.out.ask('probe', {probes, deadlineMs: 500}), [
			{kind: 'refused'},
			{kind: 'refused'},
		]);
	},
);

test.serial('100 pods at once are all attached, with an address each, and all gone at once', async (t) => {
	const pods = await Promise.all(Array.from({length: 100}, async () => await node.newPod()));
	const added = await Promise.all(pods.map(async (pod) => await node.call('ADD', pod)));
	t.deepEqual(
		added.filter(({exitCode}) => exitCode !== 0),
		[],
	);
	t.is(new Set(added.flatMap(({output}) => ipsOf(output))).size, 200);
	const deleted = await Promise.all(pods.map(async (pod) => await node.call('DEL', pod)));
	t.deepEqual(
		deleted.filter(({exitCode}) => exitCode !== 0),
		[],
	);
	await node.untilNoTrace();
	await Promise.all(pods.map(async (pod) => await node.endPod(pod)));
});

test.serial(
	'new podCIDRs of the Node are used at once, and addresses of the old ones stay with their pods',
	async (t) => {
		await withPod(async (one, first) => {
			await node.write(matrixObjects(web), ['10.128.3.0/24', 'fd00:128:0:3::/64']);
			await node.daemon.printed(() => node.daemon.log.includes('10.128.3.0/24'));
			await withPod(async (_, second) => {
				t.regex(ipsOf(second)[0] ?? '', /^10\.128\.3\./);
				t.deepEqual(await ask({host: node.lab.hosts.n1}, ipsOf(first)), answered(one.host.name, addresses.n1));
			});
		});
		await node.write(matrixObjects(web));
		await node.daemon.printed(
			() => node.daemon.log.lastIndexOf('10.128.2.0/24') > node.daemon.log.lastIndexOf('10.128.3.0/24'),
		);
	},
);

test.serial('calls are counted by verb and code, and addresses by family', async (t) => {
	await withPod(async () => undefined);
	const url = 'http://127.0.0.1:10249/metrics';
	const text = await node.lab.hosts.n1.ask('await', {url, status: 200, deadlineMs: 5000});
	t.regex(text, /^fairlead_cni_calls_total\{verb="ADD",code="0"\} [1-9]/m);
	t.regex(text, /^fairlead_cni_calls_total\{verb="ADD",code="10\d"\} [1-9]/m);
	t.regex(text, /^fairlead_cni_call_duration_seconds_count\{verb="DEL"\} [1-9]/m);
	t.regex(text, /^fairlead_cni_addresses\{ip_family="IPv4",state="all"\} 253$/m);
	t.regex(text, /^fairlead_cni_addresses\{ip_family="IPv6",state="free"\} [1-9]/m);
});
