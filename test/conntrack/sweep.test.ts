import test from 'ava';
import {FlowSweeper} from '../../src/conntrack/sweep.ts';
import {NetError} from '../../src/errors.ts';
import {frontendKey} from '../../src/plan/frontend.ts';
import type {StaleFlows} from '../../src/plan/plan.ts';
import {FakeConntrack} from '../support/fake-conntrack.ts';
import {buildStaleFlows} from '../support/flows.ts';

const dns = '10.96.0.10:53';
const [a, b] = ['10.128.0.11:53', '10.128.0.12:53'];

function sweeper(kernel: FakeConntrack, frontends: readonly StaleFlows[]): FlowSweeper {
	const serving = new Map(frontends.map((flows) => [frontendKey(flows.address, 'UDP', flows.port), flows.serving]));
	return new FlowSweeper(kernel, (key) => serving.get(key));
}

test('flows to backends that serve no more are deleted; those to serving ones, other ports and over TCP stay', async (t) => {
	const kernel = new FakeConntrack([
		{to: dns, by: a},
		{to: dns, by: b},
		{to: dns, by: dns},
		{to: dns, by: a, protocol: 'TCP'},
		{to: '10.96.0.10:9153', by: a},
		{to: '8.8.8.8:53', by: '8.8.8.8:53'},
	]);
	const frontends = [buildStaleFlows(dns, b)];
	const {walked, deleted} = await sweeper(kernel, frontends).sweep('IPv4', frontends);
	t.deepEqual([...deleted], [['10.96.0.10 UDP 53', 2]]);
	t.is(walked, 3, 'the kernel told only of those to the frontend');
	t.deepEqual(kernel.left, [`${dns} ${b}`, `${dns} ${a}`, `10.96.0.10:9153 ${a}`, '8.8.8.8:53 8.8.8.8:53']);
	t.deepEqual(kernel.asked, ['IPv4 UDP 10.96.0.10 53']);
});

test('an IPv6 frontend is found though the kernel compares IPv6 addresses the wrong way round', async (t) => {
	const [frontend, other] = ['[fd00:96::a]:53', '[fd00:96::b]:53'];
	const kernel = new FakeConntrack([frontend, other].map((to) => ({to, by: '[fd00:128::b]:53'})));
	const frontends = [buildStaleFlows(frontend)];
	await sweeper(kernel, frontends).sweep('IPv6', frontends);
	t.deepEqual(kernel.left, [`${other} [fd00:128::b]:53`]);
});

test('a kernel that ignores filters does the same, and is asked without them from then on', async (t) => {
	const flows = [
		{to: dns, by: a},
		{to: '172.31.1.1:30053', by: a},
		{to: '8.8.8.8:53', by: '8.8.8.8:53'},
		{to: dns, by: a, protocol: 'TCP'},
	] as const;
	const kernel = new FakeConntrack(flows);
	kernel.ignoresFilters = true;
	const frontends = [buildStaleFlows(dns, b), buildStaleFlows('172.31.1.1:30053', b)];
	const old = sweeper(kernel, frontends);
	t.is((await old.sweep('IPv4', frontends)).deleted.size, 2);
	t.deepEqual(kernel.left, ['8.8.8.8:53 8.8.8.8:53', `${dns} ${a}`]);
	await old.sweep('IPv4', frontends);
	t.deepEqual(kernel.asked, ['IPv4 UDP 10.96.0.10 53', 'IPv4 all']);
});

test('who serves counts at the moment when a flow is judged, not when the sweep began', async (t) => {
	const kernel = new FakeConntrack([{to: dns, by: b}]);
	let serving = buildStaleFlows(dns, a).serving;
	kernel.meanwhile = () => {
		serving = buildStaleFlows(dns, a, b).serving;
	};
	const {deleted} = await new FlowSweeper(kernel, () => serving).sweep('IPv4', [buildStaleFlows(dns, a)]);
	t.is(deleted.size, 0);
});

test('a flow that ends by itself meanwhile is not counted, one that the kernel keeps is an error', async (t) => {
	const kernel = new FakeConntrack([
		{to: dns, by: a},
		{to: dns, by: a},
	]);
	kernel.meanwhile = () => void kernel.flows.delete(1);
	const frontends = [buildStaleFlows(dns)];
	const {deleted} = await sweeper(kernel, frontends).sweep('IPv4', frontends);
	t.deepEqual([...deleted.values()], [1]);
	kernel.add({to: dns, by: a});
	kernel.request = async () => await Promise.resolve([{index: 0, errno: 'EBUSY'}]);
	const error = await t.throwsAsync(sweeper(kernel, frontends).sweep('IPv4', frontends), {instanceOf: NetError});
	t.is(error.code, 'NETLINK_REFUSED');
	t.is(error.message, 'cannot delete a flow to 10.96.0.10 UDP 53: EBUSY');
});
