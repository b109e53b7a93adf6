import {readFileSync} from 'node:fs';
import {setTimeout} from 'node:timers/promises';
import {load} from 'js-yaml';
import type {Scenario} from '../lab/scenario.ts';
import type {Cluster, KubeManifest} from './cluster.ts';

/** The API server makes the ServiceCIDR by itself, and takes no ExternalName with the fields of other types. */
export function creatable(items: readonly KubeManifest[]): readonly KubeManifest[] {
	return items.filter(({kind, spec}) => kind !== 'ServiceCIDR' && spec?.type !== 'ExternalName');
}

/** One group after the other: the API server says itself when an object was created, to the second. */
function byAge(items: readonly KubeManifest[]): readonly (readonly KubeManifest[])[] {
	const groups = Map.groupBy(items, ({metadata}) => Date.parse(metadata.creationTimestamp ?? ''));
	return [...groups].toSorted(([a], [b]) => a - b).map(([, group]) => group);
}

/** With these objects there, and gone when `during` is over. */
export async function withObjects(
	cluster: Cluster,
	items: readonly KubeManifest[],
	during: () => Promise<void>,
): Promise<void> {
	try {
		for (const [index, group] of byAge(items).entries()) {
			await setTimeout(index === 0 ? 0 : 1000 - (Date.now() % 1000));
			await Promise.all(group.map(async (item) => await cluster.createWithStatus(item)));
		}

		await during();
	} finally {
		await Promise.all(items.map(async (item) => await cluster.delete(item)));
	}
}

/** What an API server takes of the cluster of a scenario. */
export function objectsOf({objectsPath}: Scenario): readonly KubeManifest[] {
	const {items} = load(readFileSync(objectsPath, 'utf8')) as {readonly items: readonly KubeManifest[]};
	return creatable(items);
}
