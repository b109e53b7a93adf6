import test from 'ava';
import type {Happening} from '../../src/apiserver/event.ts';
import {resolveConfig} from '../../src/config/config.ts';
import {Events, openEvents} from '../../src/daemon/events.ts';
import type {Commit} from '../../src/daemon/follower.ts';
import {NetError} from '../../src/errors.ts';
import {invalid, rootField} from '../../src/model/fields.ts';
import type {PlanChange} from '../../src/plan/plan.ts';
import {memoryLog} from '../support/memory-log.ts';

/** The events of node `n1`, and what it told since it was last asked. */
function start() {
	const told: Happening[] = [];
	const recorder = {record: (happening: Happening) => void told.push(happening), run: async () => {}};
	const events = new Events({nodeName: 'n1', version: '1.2.3', mode: 'nftables', recorder});
	return {events, news: () => told.splice(0)};
}

const onNode = {kind: 'Node', namespace: '', name: 'n1'} as const;
const onWeb = {kind: 'Service', namespace: 'shop', name: 'web'} as const;

test('a start is told of on the Node, as kube-proxy does', async (t) => {
	const {events, news} = start();
	await events.run(AbortSignal.abort());
	const note = 'Fairlead 1.2.3 starts, mode nftables';
	const action = 'StartFairlead';
	t.deepEqual(news(), [{regarding: onNode, type: 'Normal', reason: 'Starting', action, note, scope: 'node'}]);
});

test('a health or metrics address that cannot be bound is told of on the Node, once', (t) => {
	const {events, news} = start();
	const error = new NetError('HEALTH_BIND', 'serve health on 0.0.0.0:10256');
	events.unbound('health', error);
	events.unbound('health', error);
	events.unbound('metrics', new NetError('METRICS_BIND', 'serve metrics on 127.0.0.1:10249'));
	t.deepEqual(
		news().map(({regarding, type, reason}) => [regarding, type, reason]),
		[
			[onNode, 'Warning', 'FailedToStartProxierHealthcheck'],
			[onNode, 'Warning', 'FailedToStartMetricServer'],
		],
	);
});

test('a health-check port in use is told of on its Service, with the node that says so', (t) => {
	const {events, news} = start();
	const error = new NetError('HEALTH_CHECK_BIND', 'answer health checks on 10.0.0.1:30123');
	events.unanswered({service: 'shop/web', port: 30123, error});
	t.like(news()[0], {
		...{regarding: onWeb, type: 'Warning', reason: 'FailedToStartServiceHealthcheck', scope: 'node'},
		note: 'node n1: cannot answer health checks on 10.0.0.1:30123',
	});
});

test('all that is missing of a Service is one event, the same on every node', (t) => {
	const rows = [
		{service: 'shop/web:http', what: '10.96.0.1 TCP 80', because: 'Service shop/api has it'},
		{service: 'shop/api', what: 'a part of it', because: 'this version does not do it'},
		{service: 'shop/web:dns', what: '10.96.0.1 TCP 53', because: 'Service shop/api has it'},
	];
	const [one, other] = [start(), start()];
	one.events.notWhole(rows);
	other.events.notWhole(rows.toReversed());
	const news = one.news();
	t.deepEqual(news, other.news());
	t.is(news.length, 2);
	t.like(news[0], {
		...{regarding: onWeb, type: 'Warning', reason: 'NotServedAsWritten', scope: 'cluster'},
		note: '10.96.0.1 TCP 53: Service shop/api has it; 10.96.0.1 TCP 80: Service shop/api has it',
	});
});

test('an object that cannot be read is told of beside it; what is wrong with no single object is not', (t) => {
	const {events, news} = start();
	const names = ['Service shop/web', 'EndpointSlice shop/web-1', 'Node n1', 'ServiceCIDR more', 'Service'];
	for (const name of names) {
		events.troubled(invalid(rootField({}, name), 'spec', 'a spec'));
	}

	events.troubled(new NetError('API_UNREACHABLE', 'reach the API server'));
	const told = news();
	t.deepEqual(
		told.map(({regarding: {kind, namespace, name}}) => [kind, namespace, name]),
		[
			['Service', 'shop', 'web'],
			['EndpointSlice', 'shop', 'web-1'],
			['Node', '', 'n1'],
			['ServiceCIDR', '', 'more'],
		],
	);
	t.like(told[0], {type: 'Warning', reason: 'ObjectInvalid', scope: 'cluster'});
	t.regex(told[0]?.note ?? '', /^cannot read Service shop\/web: spec is/);
});

const update: Commit['change'] = {healthChecks: false} as PlanChange;

/** A commit of which the kernel refused `shop/web` with these words. */
function refused(change: Commit['change'], ...words: readonly string[]): Pick<Commit, 'outcome' | 'change'> {
	const service = {namespace: 'shop', name: 'web', port: 'http', protocol: 'TCP'} as const;
	return {
		outcome: {operations: 0, refused: words.map((word) => ({service, error: new NetError('KERNEL_REFUSED', word)}))},
		change,
	};
}

test('what the kernel refuses is told of once, again for another reason, and again after it was in force', (t) => {
	const {events, news} = start();
	events.committed(refused(update, 'add a rule'));
	t.like(news()[0], {
		...{regarding: onWeb, type: 'Warning', reason: 'RefusedByKernel', scope: 'node'},
		note: 'node n1: the kernel refused it: cannot add a rule (KERNEL_REFUSED)',
	});
	events.committed(refused(undefined, 'add a rule')); // the retry
	events.committed(refused(update));
	events.committed(refused(update, 'add a rule'));
	t.deepEqual(news(), []);
	events.committed(refused(update, 'add a set'));
	t.is(news().length, 1);
	events.committed(refused(undefined));
	events.committed(refused(update, 'add a set'));
	t.is(news().length, 1);
});

test('what the kernel refuses of no Service is told of on the Node', (t) => {
	const {events, news} = start();
	const error = new NetError('KERNEL_REFUSED', 'make the table');
	events.committed({outcome: {operations: 0, refused: [{service: undefined, error}]}, change: undefined});
	t.like(news()[0], {regarding: onNode, reason: 'RefusedByKernel'});
});

test('a daemon that reads files tells no API server anything', (t) => {
	const flags = (entries: Record<string, string>) => new Map(Object.entries(entries));
	const open = (entries: Record<string, string>) =>
		openEvents(
			resolveConfig({flags: flags({'hostname-override': 'n1', ...entries}), environment: {}, hostname: 'n1'}),
			'1',
			memoryLog().log,
		);
	t.is(open({objects: '/objects'}), undefined);
	t.not(open({kubeconfig: '/kubeconfig'}), undefined);
});
