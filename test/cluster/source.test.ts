import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import test from 'ava';
import {load} from 'js-yaml';
import {systemClock} from '../../src/apiserver/clock.ts';
import {readFiles} from '../../src/files/read.ts';
import {type KubeObject, keyOf} from '../../src/model/objects.ts';
import {isSame} from '../../src/model/same.ts';
import {WatchedApi} from '../support/watched-api.ts';
import type {KubeManifest} from './cluster.ts';
import {withCluster} from './with-cluster.ts';

/** After so long the difference is shown. */
const limitMs = 20_000;

const scenarios = join(import.meta.dirname, '../scenarios');
const testCluster = withCluster(test);

/** What matters of an object: some fields the API server decides, and not everything that is not proxied is told. */
function comparable(object: KubeObject): readonly [string, unknown] | undefined {
	const id = `${object.kind} ${keyOf(object)}`;
	switch (object.kind) {
		case 'Service':
			return object.clusterIps.length === 0 || object.proxyName !== undefined || object.namespace === 'default'
				? undefined
				: [id, {...object, createdAt: undefined, healthCheckNodePort: undefined}];
		case 'EndpointSlice':
			return object.service === '' ? undefined : [id, object];
		case 'Node':
			return object.name === 'n1' ? [id, object] : undefined;
		case 'ServiceCIDR':
			return [id, object];
	}
}

function comparables(objects: Iterable<KubeObject>): Record<string, unknown> {
	const pairs = [...objects].map(comparable).filter((each) => each !== undefined);
	return JSON.parse(JSON.stringify(Object.fromEntries(pairs))); // as files send it: without what is undefined
}

testCluster(
	'the objects of every scenario are the same through the API server as through files',
	async (t, cluster) => {
		const kubeconfig = cluster.writeKubeconfig();
		const api = new WatchedApi(t, {kubeconfig, nodeName: 'n1', clock: systemClock});
		await api.untilSynced();
		for (const scenario of readdirSync(scenarios)) {
			const path = join(scenarios, scenario, 'objects.yaml');
			const {changes} = await readFiles(path);
			const objects = changes.flatMap((change) => (change.verb === 'put' ? [change.object] : []));
			const expected = comparables(
				objects.filter((object) => object.kind !== 'NodeAddress' && object.kind !== 'PodAttachment'),
			);
			const {items} = load(readFileSync(path, 'utf8')) as {readonly items: readonly KubeManifest[]};
			// The API server makes the ServiceCIDR by itself, and takes no ExternalName with the fields of other types.
			const own = items.filter(({kind, spec}) => kind !== 'ServiceCIDR' && spec?.type !== 'ExternalName');
			await Promise.all(own.map(async (item) => await cluster.createWithStatus(item)));
			const isThere = api.until(() => isSame(comparables(api.inForce.values()), expected));
			await Promise.race([isThere, setTimeout(limitMs, undefined, {ref: false})]);
			t.deepEqual(comparables(api.inForce.values()), expected, scenario);
			await Promise.all(own.map(async (item) => await cluster.delete(item)));
			await api.until(() => Object.keys(comparables(api.inForce.values())).length === 1);
		}

		t.deepEqual(api.reports, []);
	},
);
