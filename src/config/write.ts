import type {Config} from './config.ts';
import {documentKinds} from './file.ts';
import {fieldsOf} from './kube-proxy-fields.ts';
import {ownField, settingEntries} from './settings.ts';
import {type Spelled, spellConfig} from './spell.ts';
import {printDocuments} from './yaml.ts';

type Section = {[name: string]: Spelled | Section};

/** What each kind of document says of a configuration. */
type Documents = Readonly<Record<keyof typeof documentKinds, Section>>;

/**
 * The configuration in force by the fields of its documents. Fields that mean nothing here are left out.
 *
 * @param hostname a node with this name is not named
 */
export function configDocuments(config: Config, hostname: string): Documents {
	const documents: Documents = {KubeProxyConfiguration: {}, FairleadConfiguration: {}};
	const spelled = spellConfig(config, hostname);
	for (const [name, {field}] of settingEntries) {
		const value = spelled[name];
		if (field === undefined && value !== '') {
			put(documents.FairleadConfiguration, ownField(name).split('.'), value);
		}

		for (const path of field === undefined ? [] : fieldsOf(field)) {
			put(documents.KubeProxyConfiguration, path.split('.'), value);
		}
	}

	return documents;
}

/**
 * The configuration as a file: a KubeProxyConfiguration and a FairleadConfiguration, YAML. Read on the same host it
 * gives the same configuration, warnings aside.
 */
export function printConfig(config: Config, hostname: string): string {
	const documents = configDocuments(config, hostname);
	return printDocuments(
		Object.entries(documentKinds).map(([kind, {apiVersion}]) => ({
			apiVersion,
			kind,
			...documents[kind as keyof typeof documentKinds], // Object.entries forgets the names
		})),
	);
}

function put(section: Section, [name = '', ...rest]: readonly string[], value: Spelled): void {
	if (rest.length === 0) {
		section[name] = value;
		return;
	}

	const inner = section[name];
	const next: Section = typeof inner === 'object' && !Array.isArray(inner) ? (inner as Section) : {};
	section[name] = next;
	put(next, rest, value);
}
