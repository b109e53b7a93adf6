import anyTest from 'ava';
import {Daemon, runFairlead} from '../lab/daemon.ts';
import {Host} from '../lab/host.ts';
import {ObjectFolder, printList} from '../lab/object-folder.ts';
import {readSamples} from '../support/scrape.ts';

const test = anyTest.serial; // one node, one daemon
const deadlineMs = 10_000;
const addresses = ['172.31.1.1', 'fd00:31::1'] as const;
const port = 32_000;
let host: Host;
let folder: ObjectFolder;
let daemon: Daemon;

test.before(async () => {
	host = await new Host('n1').ready();
	await host.ask('ip', [
		'link set lo up',
		`address add ${addresses[0]}/32 dev lo`,
		`address add ${addresses[1]}/128 dev lo nodad`,
	]);
	folder = await ObjectFolder.create();
	await folder.write('node.json', printList([node('n1'), node('n2')]));
	await folder.write('service.json', printList([service]));
	const flags = ['--hostname-override', 'n1', '--cluster-cidr', '10.128.0.0/16,fd00:128::/48'];
	daemon = new Daemon(host, [...folder.flags, ...flags]);
	await daemon.ready();
});
test.after.always(async () => {
	await daemon.kill('SIGTERM');
	await runFairlead(host, ['cleanup']);
	await host.end();
	await folder.end();
});

function node(name: string, metadata = {}, spec = {}) {
	const own = name === 'n1' ? addresses.map((address) => ({type: 'InternalIP', address})) : [];
	return {apiVersion: 'v1', kind: 'Node', metadata: {name, ...metadata}, spec, status: {addresses: own}};
}

const service = {
	apiVersion: 'v1',
	kind: 'Service',
	metadata: {namespace: 'shop', name: 'web'},
	spec: {
		type: 'LoadBalancer',
		externalTrafficPolicy: 'Local',
		healthCheckNodePort: port,
		clusterIPs: ['10.96.0.10', 'fd00:96::a'],
		ipFamilies: ['IPv4', 'IPv6'],
		ports: [{name: 'http', port: 80, nodePort: 30_080}],
	},
};

/** A slice of the Service with one endpoint of n1 for each address. */
function slice(addressType: 'IPv4' | 'IPv6', ...pods: readonly string[]) {
	return {
		apiVersion: 'discovery.k8s.io/v1',
		kind: 'EndpointSlice',
		metadata: {
			namespace: 'shop',
			name: `web-${addressType.toLowerCase()}`,
			labels: {'kubernetes.io/service-name': 'web'},
		},
		addressType,
		ports: [{name: 'http', port: 8080}],
		endpoints: pods.map((address) => ({addresses: [address], nodeName: 'n1'})),
	};
}

/** Waits until the health-check port says so over IPv4 or IPv6, and returns how many endpoints it counts. */
async function awaitHealth(family: 0 | 1, status: number): Promise<number> {
	const at = family === 0 ? addresses[0] : `[${addresses[1]}]`;
	const body = await host.ask('await', {url: `http://${at}:${port}/`, status, deadlineMs});
	return JSON.parse(body).localEndpoints;
}

async function get(path: string, onPort: number, status = 200): Promise<string> {
	return await host.ask('await', {url: `http://127.0.0.1:${onPort}${path}`, status, deadlineMs});
}

test('a health-check port answers over IPv4 and IPv6 as the endpoints of each come and go', async (t) => {
	t.is(await awaitHealth(0, 503), 0);
	t.is(await awaitHealth(1, 503), 0);
	await folder.write('endpoints.json', printList([slice('IPv4', '10.128.0.1', '10.128.0.2')]));
	t.is(await awaitHealth(0, 200), 2);
	t.is(await awaitHealth(1, 503), 0);
	await folder.write('endpoints.json', printList([slice('IPv6', 'fd00:128::1')]));
	t.is(await awaitHealth(0, 503), 0);
	t.is(await awaitHealth(1, 200), 1);
	await folder.remove('endpoints.json');
	t.is(await awaitHealth(1, 503), 0);
});

test('the port is open on the addresses of node ports alone, and follows the Service to another', async (t) => {
	const listening = async () => (await host.exec('ss', ['-Hltn', `sport = :${port}`])).stdout;
	t.deepEqual(
		(await listening())
			.trim()
			.split('\n')
			.map((line) => line.split(/\s+/)[3])
			.sort(),
		[`${addresses[0]}:${port}`, `[${addresses[1]}]:${port}`],
	);
	const moved = {...service, spec: {...service.spec, healthCheckNodePort: port + 1}};
	await folder.write('service.json', printList([moved]));
	await host.ask('await', {url: `http://${addresses[0]}:${port + 1}/`, status: 503, deadlineMs});
	t.is(await listening(), '');
	await folder.write('service.json', printList([service]));
	await awaitHealth(0, 503);
});

test('a Node that is to be deleted, or is gone, is 503 on /healthz; /livez and the Services stay as they are', async (t) => {
	t.true(JSON.parse(await get('/healthz', 10_256)).nodeEligible);
	for (const left of [
		[node('n1', {}, {taints: [{key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule'}]})],
		[node('n1', {deletionTimestamp: '2026-11-23T10:00:00Z'})],
		[],
	]) {
		await folder.write('node.json', printList([...left, node('n2')]));
		t.like(JSON.parse(await get('/healthz', 10_256, 503)), {nodeEligible: false, healthy: true});
		t.like(JSON.parse(await get('/livez', 10_256)), {healthy: true, nodeEligible: undefined});
		await folder.write('node.json', printList([node('n1'), node('n2')]));
		t.like(JSON.parse(await get('/healthz', 10_256)), {nodeEligible: true});
	}

	t.deepEqual(Object.keys(JSON.parse(await get('/livez', 10_256)).status), ['IPv4', 'IPv6']);
});

test('metrics, the mode and the configuration are served on loopback', async (t) => {
	const samples = readSamples(await get('/metrics', 10_249));
	t.is(samples.get('fairlead_services'), 1);
	t.is(samples.get('fairlead_health_check_ports'), 1);
	t.is(samples.get('fairlead_source_complete{source="files"}'), 1);
	t.is(samples.get('kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family="IPv6"}'), 1);
	t.true((samples.get('kubeproxy_proxy_healthz_total{code="503"}') ?? 0) >= 3);
	t.is(await get('/proxyMode', 10_249), 'nftables');
	t.is(await get('/healthz', 10_249), 'ok');
	t.is(JSON.parse(await get('/configz', 10_249))['kubeproxy.config.k8s.io'].hostnameOverride, 'n1');
	t.is(await get('/', 10_249, 404), 'nothing here; try /metrics /healthz /proxyMode /configz\n');
});
