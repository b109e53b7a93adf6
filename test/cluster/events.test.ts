import {setTimeout} from 'node:timers/promises';
import test from 'ava';
import type {Happening} from '../../src/apiserver/event.ts';
import {EventRecorder} from '../../src/apiserver/event-recorder.ts';
import {systemClock} from '../../src/daemon/clock.ts';
import {serviceJson} from '../support/manifests.ts';
import type {Cluster} from './cluster.ts';
import {Kubectl} from './kubectl.ts';
import {withCluster} from './with-cluster.ts';

const testCluster = withCluster(test);

/** After so long what is not there is shown. */
const limitMs = 60_000;

const taken: Happening = {
	regarding: {kind: 'Service', namespace: 'shop', name: 'web'},
	...{type: 'Warning', reason: 'NotServedAsWritten', action: 'Serve', note: 'its address is taken', scope: 'cluster'},
};

/** What an administrator reads. */
async function kubectl(cluster: Cluster, ...words: readonly string[]): Promise<string> {
	return (await new Kubectl(cluster).run(...words)).stdout;
}

testCluster(
	'`kubectl describe` and `kubectl get events` show what happened to a Service and a Node',
	async (t, cluster) => {
		await cluster.create('/api/v1/namespaces/shop/services', serviceJson());
		await cluster.create('/api/v1/nodes', {kind: 'Node', apiVersion: 'v1', metadata: {name: 'n1'}});
		const warnings: string[] = [];
		const [stop, kubeconfig] = [new AbortController(), cluster.writeKubeconfig()];
		const recorders = ['n1', 'n2'].map((nodeName) => {
			const warn = (warning: string) => warnings.push(warning);
			return new EventRecorder({kubeconfig, nodeName, server: undefined, clock: systemClock, warn});
		});
		const running = recorders.map(async (recorder) => await recorder.run(stop.signal));
		recorders.map((recorder) => recorder.record(taken));
		recorders[0]?.record({
			regarding: {kind: 'Node', namespace: '', name: 'n1'},
			...{type: 'Normal', reason: 'Starting', action: 'StartFairlead', note: 'Fairlead 1 starts', scope: 'node'},
		});
		recorders[1]?.record({...taken, scope: 'node', note: 'the kernel refused it'});
		const eventsOf = async () => await kubectl(cluster, 'get', 'events', '--all-namespaces', '--no-headers');
		const from = performance.now();
		let shown = await eventsOf();
		while (shown.split('\n').length < 4 && performance.now() - from < limitMs) {
			await setTimeout(200);
			shown = await eventsOf();
		}

		stop.abort();
		await Promise.all(running);
		t.deepEqual(warnings, []);
		t.is(shown.match(/service\/web +its address is taken/g)?.length, 1, shown); // of two nodes
		t.regex(shown, /service\/web +the kernel refused it/);
		t.regex(
			await kubectl(cluster, 'describe', 'service', '-n', 'shop', 'web'),
			/NotServedAsWritten .*its address is taken/,
		);
		t.regex(await kubectl(cluster, 'describe', 'node', 'n1'), /Starting .*Fairlead 1 starts/);
	},
);
