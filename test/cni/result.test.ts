import test from 'ava';
import {refuse} from '../../src/cni/answer.ts';
import {mergeResults, parseResult, printResult} from '../../src/cni/result.ts';
import {type Result, versions} from '../../src/cni/spec.ts';
import {NetError} from '../../src/errors.ts';
import {parseAddress} from '../../src/net/address.ts';
import {parsePrefix} from '../../src/net/prefix.ts';

const gateway = parseAddress('169.254.1.1');
const result: Result = {
	interfaces: [
		{name: 'fair0123', mac: 'ee:ee:ee:ee:ee:ee', mtu: 1450},
		{name: 'eth0', mac: '02:00:00:00:00:05', mtu: 1450, sandbox: '/run/netns/c1'},
	],
	ips: [
		{address: parseAddress('10.244.1.5'), bits: 32, gateway, interface: 1},
		{address: parseAddress('fd00:244::5'), bits: 128, gateway: parseAddress('fe80::1'), interface: 1},
	],
	routes: [{dst: parsePrefix('0.0.0.0/0'), gw: gateway, mtu: 1400, priority: 100}],
	dns: {nameservers: ['10.96.0.10'], search: ['cluster.local']},
};

const text = (value: unknown) => JSON.parse(JSON.stringify(value));

test('1.1.0 has the MTU of interfaces, and all of a route', (t) => {
	const printed = text(printResult(result, '1.1.0'));
	t.is(printed.cniVersion, '1.1.0');
	t.deepEqual(printed.interfaces[1], {name: 'eth0', mac: '02:00:00:00:00:05', mtu: 1450, sandbox: '/run/netns/c1'});
	t.deepEqual(printed.interfaces[0], {name: 'fair0123', mac: 'ee:ee:ee:ee:ee:ee', mtu: 1450});
	t.deepEqual(printed.routes, [{dst: '0.0.0.0/0', gw: '169.254.1.1', mtu: 1400, priority: 100}]);
	t.deepEqual(printed.ips[0], {address: '10.244.1.5/32', gateway: '169.254.1.1', interface: 1});
	t.deepEqual(printed.dns, {nameservers: ['10.96.0.10'], search: ['cluster.local']});
});

test('1.0.0 has neither', (t) => {
	const printed = text(printResult(result, '1.0.0'));
	t.deepEqual(printed.interfaces[1], {name: 'eth0', mac: '02:00:00:00:00:05', sandbox: '/run/netns/c1'});
	t.deepEqual(printed.routes, [{dst: '0.0.0.0/0', gw: '169.254.1.1'}]);
	t.deepEqual(printed.ips[1], {address: 'fd00:244::5/128', gateway: 'fe80::1', interface: 1});
});

test('0.3.1 and 0.4.0 say of each address which family it is', (t) => {
	for (const version of ['0.3.1', '0.4.0'] as const) {
		const printed = text(printResult(result, version));
		t.deepEqual(
			printed.ips.map((ip: {version: string}) => ip.version),
			['4', '6'],
		);
		t.is(printed.interfaces[0].mtu, undefined);
	}
});

test('what a version writes, the same version reads', (t) => {
	for (const version of versions) {
		const once = printResult(result, version);
		t.deepEqual(text(printResult(parseResult(text(once)), version)), text(once));
	}
});

test('behind another plugin its interfaces come first, and our addresses still name our own', (t) => {
	const merged = mergeResults(parseResult({interfaces: [{name: 'net1'}], ips: [], routes: []}), result);
	t.deepEqual(
		merged.interfaces.map(({name}) => name),
		['net1', 'fair0123', 'eth0'],
	);
	t.is(merged.interfaces[merged.ips[0]?.interface ?? 0]?.name, 'eth0');
});

test('an error is what went wrong, its number in the specification, and what to do', (t) => {
	const error = new NetError('CNI_HOST_PORT', 'open host port 8080/TCP: pod shop/web-1 has it', {hostPort: 8080});
	const {exitCode, output} = refuse(error, '0.4.0');
	t.is(exitCode, 1);
	t.like(output, {cniVersion: '0.4.0', code: 102, msg: 'cannot open host port 8080/TCP: pod shop/web-1 has it'});
	t.regex(String(Reflect.get(output ?? {}, 'details')), /^CNI_HOST_PORT: .*{"hostPort":8080}$/);
});

test('what nobody foresaw is the skeleton’s 999', (t) => {
	t.like(refuse(new NetError('DAEMON_BUG', 'answer'), '1.1.0').output, {code: 999});
});
