import {NetError} from '../errors.ts';
import {anything, type FieldKind, isMapping} from './field-kinds.ts';
import {kubeProxyFields} from './kube-proxy-fields.ts';
import {nearestPath} from './nearest.ts';
import type {ConfigProblem} from './problem.ts';
import {ownField, settingEntries} from './settings.ts';
import {parseDocuments} from './yaml.ts';

/** What a field says, as a flag would spell it, and as it stood there. */
export type FieldText = {readonly text: string; readonly value: unknown};

/** What a configuration file says. */
export type ConfigContent = {
	/** Kind and path of a field (`KubeProxyConfiguration.conntrack.min`) → what it says; silent fields are left out. */
	readonly fields: ReadonlyMap<string, FieldText>;
	readonly problems: readonly ConfigProblem[];
	/** A sentence each. */
	readonly warnings: readonly string[];
};

/** One kind of document that a file may hold, once. */
type DocumentKind = {
	readonly apiVersion: string;
	readonly fields: ReadonlyMap<string, FieldKind>;
	/** Fields with fields, by path. */
	readonly sections: ReadonlySet<string>;
	/** What becomes of a field that is not known: kube-proxy's file may be of another version than this program. */
	readonly unknown: 'warn' | 'refuse';
};

const ownFields = settingEntries.flatMap(([name, {field}]) => (field === undefined ? [ownField(name)] : []));

export const documentKinds = {
	KubeProxyConfiguration: documentKind(
		'kubeproxy.config.k8s.io/v1alpha1',
		new Map([...kubeProxyFields].map(([path, {kind}]) => [path, kind])),
		'warn',
	),
	FairleadConfiguration: documentKind(
		'fairlead.io/v1alpha1',
		new Map(ownFields.map((name) => [name, anything])),
		'refuse',
	),
} as const;

type KindName = keyof typeof documentKinds;

/**
 * What a configuration file says: a KubeProxyConfiguration, a FairleadConfiguration, or both, as YAML documents.
 * Values are checked for their types and for the bounds that no setting checks; nothing has a default yet.
 *
 * @param path where the text stood, for errors
 * @throws NetError CONFIG_INVALID when the text is no YAML
 */
export function parseConfigFile(path: string, text: string): ConfigContent {
	const parsed = parseDocuments(text);
	if ('fault' in parsed) {
		const {reason, line, column} = parsed.fault;
		const place = line === undefined ? '' : ` (line ${line}, column ${column})`;
		throw new NetError('CONFIG_INVALID', `parse ${JSON.stringify(path)}${place}: ${reason}`, {path, ...parsed.fault});
	}

	const {documents} = parsed;
	const found: Found = {fields: new Map(), problems: [], warnings: []};
	const seen = new Set<KindName>();
	for (const [index, document] of documents.entries()) {
		const kind = kindOf(document);
		if (kind === undefined || seen.has(kind)) {
			found.problems.push(strangeDocument(document, index + 1, kind));
		} else {
			seen.add(kind);
			readFields(kind, document, found);
		}
	}

	if (documents.length === 0) {
		found.problems.push({setting: path, value: undefined, wanted: `${wantedDocument}, and it holds none`});
	}

	return found;
}

type Found = {
	readonly fields: Map<string, FieldText>;
	readonly problems: ConfigProblem[];
	readonly warnings: string[];
};

const wantedDocument = `a document of ${Object.entries(documentKinds)
	.map(([kind, {apiVersion}]) => `kind ${kind} and apiVersion ${apiVersion}`)
	.join(', or of ')}`;

function documentKind(
	apiVersion: string,
	fields: ReadonlyMap<string, FieldKind>,
	unknown: DocumentKind['unknown'],
): DocumentKind {
	const above = (path: string) => path.split('.').map((_, index, parts) => parts.slice(0, index).join('.'));
	return {apiVersion, fields, sections: new Set([...fields.keys()].flatMap(above)), unknown};
}

function kindOf(document: unknown): KindName | undefined {
	const names = Object.keys(documentKinds) as KindName[]; // Object.keys forgets the names
	return names.find(
		(name) =>
			isMapping(document) && document['kind'] === name && document['apiVersion'] === documentKinds[name].apiVersion,
	);
}

function strangeDocument(document: unknown, number: number, kind: KindName | undefined): ConfigProblem {
	const {kind: said, apiVersion} = isMapping(document) ? document : {};
	const setting = `document ${number}`;
	if (kind !== undefined) {
		return {setting, value: kind, wanted: 'one document of each kind'};
	}

	const hint = said === 'ConfigMap' ? '; of a ConfigMap only what stands under its key, config.conf with kubeadm' : '';
	return {setting, value: {apiVersion, kind: said}, wanted: `${wantedDocument}${hint}`};
}

/** Gathers what the document says. @param section path of what `mapping` stands at; empty for the document itself */
function readFields(kind: KindName, mapping: unknown, found: Found, section = ''): void {
	const {fields, sections} = documentKinds[kind];
	if (!isMapping(mapping)) {
		found.problems.push({setting: `${kind}.${section}`, value: mapping, wanted: 'a section with fields'});
		return;
	}

	for (const [key, value] of Object.entries(mapping)) {
		const path = section === '' ? key : `${section}.${key}`;
		const field = fields.get(path);
		if (field !== undefined) {
			readField(`${kind}.${path}`, field, value, found);
		} else if (sections.has(path)) {
			readFields(kind, value ?? {}, found, path); // null says nothing, of a section too
		} else if (path !== 'kind' && path !== 'apiVersion') {
			readUnknown(kind, path, value, found);
		}
	}
}

function readField(place: string, {wanted, spell}: FieldKind, value: unknown, found: Found): void {
	const text = value === null ? '' : spell(value);
	if (text === undefined) {
		found.problems.push({setting: place, value, wanted});
	} else if (text !== '') {
		found.fields.set(place, {text, value});
	}
}

function readUnknown(kind: KindName, path: string, value: unknown, {problems, warnings}: Found): void {
	const {fields, unknown} = documentKinds[kind];
	const nearest = nearestPath(path, fields.keys());
	const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
	if (unknown === 'refuse') {
		problems.push({setting: `${kind}.${path}`, value, wanted: `no such field${hint}`});
	} else {
		warnings.push(`${kind}.${path} is not known and left out${hint}`);
	}
}
