import {boolYaml11Tag, CORE_SCHEMA, type LoadOptions, loadAll, mergeTag, YAMLException} from 'js-yaml';
import {parseBlockItems} from './block-yaml.ts';

/** Where in the text something does not parse; lines count from 1, columns too. */
export type SyntaxFault = {readonly reason: string; readonly line?: number; readonly column?: number};

/**
 * YAML as kubectl reads it: YAML 1.2, the booleans of 1.1 (`yes`, `off`) and merge keys (`<<`). Source:
 * sigs.k8s.io/yaml, goyaml.v2, resolve.go.
 */
const options: LoadOptions = {schema: CORE_SCHEMA.withTags(boolYaml11Tag, mergeTag)};

/** A document shorter than this is parsed in one go: taking it apart would save nothing. */
const smallDocument = 64 * 1024;

/** Items of a list are parsed in groups of about so many characters: less memory than whole, less calls than singly. */
const groupLength = 32 * 1024;

/**
 * The documents of a YAML text, each as text of its own. A line that begins with `---` starts a document wherever
 * it stands: no scalar may hold one (YAML 1.2.2, section 9.1.4). A text with directives, `...` markers, lone
 * carriage returns or byte order marks stays in one piece.
 */
export function splitDocuments(source: string): string[] {
	const text = source.includes('\r\n') ? source.replaceAll('\r\n', '\n') : source;
	const isSpecial = ['%', '...'].some((start) => text.startsWith(start) || text.includes(`\n${start}`));
	if (isSpecial || text.includes('\r') || text.includes('\uFEFF')) {
		return [text];
	}

	const documents: string[] = [];
	for (let start = 0; start < text.length; ) {
		const end = nextMarker(text, start);
		documents.push(text.slice(start, end));
		start = end;
	}

	return documents;
}

function nextMarker(text: string, from: number): number {
	for (let at = text.indexOf('\n---', from); at >= 0; at = text.indexOf('\n---', at + 1)) {
		const after = text[at + 4];
		if (after === undefined || after === ' ' || after === '\t' || after === '\n') {
			return at + 1;
		}
	}

	return text.length;
}

/** A block list under a top-level `items:`: the document without it, and its items as texts of some items each. */
export type SplitList = {readonly frame: string; readonly groups: Iterable<string>};

/**
 * A document of the form that `kubectl get -o yaml` writes, taken apart at its items, so that 10,000 objects need
 * the memory of some. Undefined when the document is short, or has not surely that form. What parses in groups
 * parses to the same as a whole; where a group does not parse (an anchor used in another one), parse it whole.
 */
export function splitList(text: string, shortest = smallDocument): SplitList | undefined {
	// The root is a block mapping at column 0: then a line at column 0 is one of its keys or an item under one.
	if (text.length < shortest || !/^(?:---[ \t]*\n|[ \t]*(?:#[^\n]*)?\n)*[A-Za-z][\w.-]*:[ \n]/.test(text)) {
		return undefined;
	}

	const key = text.startsWith('items:\n') ? 0 : text.indexOf('\nitems:\n') + 1;
	const start = key + 'items:\n'.length;
	const indent = text.startsWith('items:\n', key) ? text.slice(start, start + 32).search(/[^ ]/) : -1;
	if (indent < 0 || !/^-[ \n]/.test(text.slice(start + indent, start + indent + 2))) {
		return undefined;
	}

	const bounds = itemBounds(text, start, indent);
	const end = bounds?.at(-1);
	return bounds === undefined || end === undefined
		? undefined
		: {frame: text.slice(0, start) + text.slice(end), groups: groups(text, bounds)};
}

/**
 * Offsets at which groups of items start, and the end of the list as the last one. Every line of an item but its
 * first is indented deeper than its `-`; undefined when a line is indented less than that and still not at column 0.
 */
function itemBounds(text: string, start: number, indent: number): number[] | undefined {
	const shallow = new RegExp(`\\n( {0,${indent}})(?=[^ \\n])`, 'g');
	const bounds = [start];
	let last = start;
	shallow.lastIndex = start;
	for (let match = shallow.exec(text); match !== null; match = shallow.exec(text)) {
		const at = match.index + 1;
		const width = match[1]?.length ?? 0;
		const isItem = width === indent && text[at + width] === '-' && /[ \n]/.test(text[at + width + 1] ?? '\n');
		if (!isItem) {
			return width === 0 ? [...bounds, at] : undefined;
		}

		if (at - last >= groupLength) {
			bounds.push(at);
			last = at;
		}
	}

	return [...bounds, text.length];
}

function* groups(text: string, bounds: readonly number[]): Iterable<string> {
	for (let index = 1; index < bounds.length; index++) {
		yield text.slice(bounds[index - 1], bounds[index]);
	}
}

/** The values of a YAML text's documents; null for one without content. Throws what {@link yamlFault} understands. */
export function parseYaml(text: string): unknown[] {
	return loadAll(text, options);
}

/** The items of one group of {@link splitList}. Throws as {@link parseYaml} does. */
export function parseGroup(text: string): unknown[] {
	const items = parseBlockItems(text) ?? parseYaml(text)[0];
	return Array.isArray(items) ? items : [items];
}

/** What is wrong with a text that {@link parseYaml} refused. */
export function yamlFault(error: unknown): SyntaxFault {
	if (!(error instanceof YAMLException)) {
		return {reason: error instanceof Error ? error.message : String(error)};
	}

	const {reason, mark} = error;
	return mark === undefined ? {reason} : {reason, line: mark.line + 1, column: mark.column + 1};
}
