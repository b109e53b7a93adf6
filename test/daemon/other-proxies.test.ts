import test from 'ava';
import {judgeOtherProxies, type NodeNames, warnOfOtherProxies} from '../../src/daemon/other-proxies.ts';
import {NetError} from '../../src/errors.ts';
import {memoryLog} from '../support/memory-log.ts';

/** What a node without any proxy has, but for what `parts` say. */
function namesOf(parts: Partial<NodeNames> = {}): NodeNames {
	return {
		chains: [
			{family: 'ip', table: 'fairlead'},
			{family: 'ip', table: 'fairlead', chain: 'incoming'},
			{family: 'ip', table: 'nat', chain: 'POSTROUTING'},
		],
		legacyChains: ['PREROUTING'],
		ipvsServices: 0,
		interfaces: ['lo', 'eth0'],
		...parts,
	};
}

const found = (parts: Partial<NodeNames>) => judgeOtherProxies(namesOf(parts)).map((proxy) => proxy.found);

test('our own tables, a pod network and kubelet’s chains are no proxy', (t) => {
	const kubelet = ['KUBE-KUBELET-CANARY', 'KUBE-FIREWALL', 'KUBE-POSTROUTING'];
	t.deepEqual(found({}), []);
	t.deepEqual(found({chains: kubelet.map((chain) => ({family: 'ip', table: 'nat', chain}))}), []);
	t.deepEqual(found({chains: [{family: 'ip', table: 'filter', chain: 'cali-FORWARD'}], interfaces: ['cali1234']}), []);
});

test('kube-proxy is known by its table, by its chain in either iptables, and by IPVS', (t) => {
	t.deepEqual(
		found({
			chains: [
				{family: 'ip', table: 'kube-proxy'},
				{family: 'ip', table: 'kube-proxy', chain: 'services'},
				{family: 'ip6', table: 'kube-proxy'},
			],
		}),
		['rules of kube-proxy in nftables mode (tables ip kube-proxy, ip6 kube-proxy)'],
	);
	t.deepEqual(found({chains: [{family: 'ip', table: 'nat', chain: 'KUBE-SERVICES'}]}), [
		'rules of kube-proxy in iptables mode (chain KUBE-SERVICES in ip nat)',
	]);
	t.deepEqual(found({legacyChains: ['KUBE-SERVICES']}), [
		'rules of kube-proxy in iptables mode (chain KUBE-SERVICES, iptables-legacy)',
	]);
	t.regex(found({ipvsServices: 3})[0] ?? '', /3 virtual services of IPVS/);
});

test('Cilium and Calico’s eBPF dataplane are known by their interfaces', (t) => {
	t.regex(found({interfaces: ['cilium_host']})[0] ?? '', /Cilium/);
	t.regex(found({interfaces: ['bpfin.cali']})[0] ?? '', /Calico/);
});

test('the start of the daemon warns of each with what to do, and goes on where it cannot be known', async (t) => {
	const {log, lines} = memoryLog();
	await warnOfOtherProxies(
		log,
		async () => await Promise.resolve(namesOf({ipvsServices: 1, interfaces: ['cilium_host']})),
	);
	t.deepEqual(
		lines.map((line) => {
			const {level, msg, remedy} = JSON.parse(line);
			return [level, String(msg).startsWith('another proxy is on this node: '), typeof remedy];
		}),
		[
			['warn', true, 'string'],
			['warn', true, 'string'],
		],
	);
	await warnOfOtherProxies(log, async () => await Promise.reject(new NetError('KERNEL_DENIED', 'read')));
	t.like(JSON.parse(lines[2] ?? ''), {level: 'debug', error: {code: 'KERNEL_DENIED'}});
});
