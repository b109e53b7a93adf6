import {boolYaml11Tag, CORE_SCHEMA, dump, loadAll, mergeTag, YAMLException} from 'js-yaml';

/** YAML 1.2 with the booleans of 1.1 and merge keys, as kubectl and kube-proxy read it. Source: sigs.k8s.io/yaml. */
const schema = CORE_SCHEMA.withTags(boolYaml11Tag, mergeTag);

/** Where and why a text is no YAML. */
type YamlFault = {readonly reason: string; readonly line?: number; readonly column?: number};

type Parsed = {readonly documents: readonly unknown[]} | {readonly fault: YamlFault};

/** The documents of a YAML or JSON text, those without content left out; or what is wrong with it. */
export function parseDocuments(text: string): Parsed {
	try {
		const documents = loadAll(text, {schema});
		return {documents: documents.filter((document) => document !== null)};
	} catch (error) {
		return {fault: faultOf(error)};
	}
}

function faultOf(error: unknown): YamlFault {
	if (!(error instanceof YAMLException)) {
		return {reason: String(error)};
	}

	const {reason, mark} = error;
	return mark === undefined ? {reason} : {reason, line: mark.line + 1, column: mark.column + 1};
}

/**
 * The documents as YAML, which {@link parseDocuments} reads as the same values. Texts that any YAML version would read as
 * something else (`on`, `1:2`) are quoted: that is js-yaml's own schema for dumps.
 */
export function printDocuments(documents: readonly unknown[]): string {
	return documents.map((document) => dump(document, {noRefs: true, lineWidth: -1, quoteStyle: 'double'})).join('---\n');
}
