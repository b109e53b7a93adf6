import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {loadAll} from 'js-yaml';

/** A rule of a ClusterRole. */
type Rule = {
	readonly apiGroups: readonly string[];
	readonly resources: readonly string[];
	readonly verbs: readonly string[];
};

/** What the manifests let the daemon do, and no more. */
function readRules(): readonly Rule[] {
	const text = readFileSync(join(import.meta.dirname, '../../manifests/base/account.yaml'), 'utf8');
	const documents = loadAll(text) as {readonly rules?: readonly Rule[]}[];
	return documents.flatMap(({rules = []}) => rules);
}

/** Each verb of each resource that the manifests allow: `list endpointslices.discovery.k8s.io`. */
export function printRights(): readonly string[] {
	return readRules().flatMap(({apiGroups: [group], resources, verbs}) =>
		resources.flatMap((resource) => verbs.map((verb) => `${verb} ${[resource, group].filter(Boolean).join('.')}`)),
	);
}

/** The same rights for the user `fairlead` and the account `shop/fairlead`: what is created, and where. */
export function testRights(): readonly (readonly [path: string, object: object])[] {
	const group = 'rbac.authorization.k8s.io';
	const [path, metadata] = [`/apis/${group}/v1`, {name: 'fairlead-test'}];
	const user = {apiGroup: group, kind: 'User', name: 'fairlead'};
	const account = {kind: 'ServiceAccount', name: 'fairlead', namespace: 'shop'};
	const roleRef = {apiGroup: group, kind: 'ClusterRole', name: metadata.name};
	return [
		[`${path}/clusterroles`, {metadata, rules: readRules()}],
		[`${path}/clusterrolebindings`, {metadata, roleRef, subjects: [user, account]}],
	];
}
