import test from 'ava';
import type {Status} from '../../src/control/status.ts';
import {judgeTakeover, type Takeover} from '../../src/daemon/kube-proxy.ts';
import {NetError} from '../../src/errors.ts';
import {buildStatusHead} from '../support/status.ts';

const daemon = {pid: 4242, name: 'fairlead'};
const whole: Status = {...buildStatusHead(), notWhole: [], problems: []};

/** What speaks against the removal on a node where Fairlead has everything in force, but for what `parts` say. */
function obstacles(parts: Partial<Takeover>): readonly string[] {
	const found = judgeTakeover({
		...{tables: [{family: 'ip'}, {family: 'ip6'}], proxies: [], daemon, status: whole},
		listeners: [
			[10_256, daemon],
			[10_249, daemon],
		],
		...parts,
	});
	return found.map(({code, because}) => `${code}: ${because}`);
}

const says = (parts: Partial<Status>) => obstacles({status: {...whole, ...parts}});

test('nothing speaks against it where kube-proxy is gone and everything is in force', (t) => {
	t.deepEqual(obstacles({}), []);
});

test('kube-proxy that runs comes first, named once though it listens too', (t) => {
	const proxy = {pid: 7, name: 'kube-proxy'};
	t.deepEqual(obstacles({proxies: [proxy], listeners: [[10_256, proxy]], daemon: undefined}), [
		'KUBE_PROXY_RUNNING: kube-proxy runs here, pid 7',
		'KUBE_PROXY_NEEDED: no daemon of Fairlead runs in this network namespace',
	]);
});

test('who listens on its ports and is not the daemon is taken for it, seen or not', (t) => {
	const [unseen, k3s] = [
		{pid: 0, name: 'somebody'},
		{pid: 8, name: 'k3s-server'},
	];
	t.deepEqual(
		obstacles({
			listeners: [
				[10_256, unseen],
				[10_256, unseen],
				[10_249, k3s],
			],
		}),
		[
			'KUBE_PROXY_RUNNING: port 10256 of kube-proxy is listened on by a process that cannot be seen from here',
			'KUBE_PROXY_RUNNING: port 10249 of kube-proxy is listened on by k3s-server, pid 8',
		],
	);
});

test('what a status says is missing speaks against it: the first of each, and how many', (t) => {
	const [row, problem] = [
		{service: 'shop/web:http', what: 'backends beyond the first 32768', because: 'the dataplane'},
		{source: 'files', code: 'OBJECT_INVALID', message: 'cannot read Service shop/x', hint: ''},
	];
	t.deepEqual(says({inForce: undefined, awaiting: ['the first sync']}), [
		'KUBE_PROXY_NEEDED: not everything is in the kernel yet: awaiting the first sync',
	]);
	t.deepEqual(says({inForce: undefined, failure: {code: 'NFT_REFUSED', message: 'cannot commit', hint: ''}}), [
		'KUBE_PROXY_NEEDED: not everything is in the kernel yet: cannot commit',
	]);
	t.deepEqual(says({notWhole: [row, row]}), [
		'KUBE_PROXY_NEEDED: not in force as written: shop/web:http, backends beyond the first 32768 (and 1 more)',
	]);
	t.deepEqual(says({problems: [problem]}), ['KUBE_PROXY_NEEDED: cannot read Service shop/x']);
	t.deepEqual(says({sources: whole.sources.map((source) => ({...source, complete: source.name !== 'files'}))}), [
		'KUBE_PROXY_NEEDED: what files told is not complete, or not fresh',
	]);
	t.deepEqual(obstacles({status: new NetError('CONTROL_TIMEOUT', 'ask')}), [
		'KUBE_PROXY_NEEDED: the daemon does not say what is in force (CONTROL_TIMEOUT)',
	]);
});

test('a family whose table is here and which the daemon does not serve speaks against it', (t) => {
	t.deepEqual(says({families: ['IPv4']}), ['KUBE_PROXY_NEEDED: the daemon does not serve IPv6']);
	t.deepEqual(obstacles({tables: [{family: 'ip'}], status: {...whole, families: ['IPv4']}}), []);
});
