import {NetError} from '../errors.ts';
import {parseGroup, parseYaml, type SyntaxFault, splitDocuments, splitList, yamlFault} from './yaml.ts';

/** Where in a file a value stands: its document, from 1, and its place in that document's list, from 1. */
export type Place = {readonly document: number; readonly item?: number};

/** A value of a file that should be an API object, and where it stands. */
export type Located = {readonly value: unknown; readonly place: Place};

/** What is made of each value, before the next one is parsed: the values themselves take too much memory to keep. */
type Project<T> = (located: Located) => T;

/**
 * What `project` makes of each object in a file, in order: of single objects, of each document, and of each item of
 * a list (`kind: List`, or a typed one such as `ServiceList`, whose items need no kind of their own).
 *
 * @param file decides the format, `.json` or else YAML, and is named in errors
 * @param project must not throw
 * @throws NetError FILE_INVALID with details {file, document, line, column} when a part of it does not parse
 */
export function readContent<T>(file: string, text: string, project: Project<T>): T[] {
	if (!/\S/.test(text)) {
		throw invalid(file, undefined, {reason: 'it is empty'});
	}

	return file.endsWith('.json') ? readJson(file, text, project) : readYaml(file, text, project);
}

function readJson<T>(file: string, text: string, project: Project<T>): T[] {
	try {
		return objectsOf(JSON.parse(text), 1).map(project);
	} catch (error) {
		throw invalid(file, undefined, {reason: error instanceof Error ? error.message : String(error)});
	}
}

function readYaml<T>(file: string, source: string, project: Project<T>): T[] {
	const results: T[] = [];
	const documents = splitDocuments(source);
	let count = 0;
	for (const [index, text] of documents.entries()) {
		const inGroups = readGroups(text, count + 1, project);
		if (inGroups !== undefined) {
			appendAll(results, inGroups);
			count++;
			continue;
		}

		for (const value of parseWhole(file, documents, index, count + 1)) {
			count++;
			appendAll(results, objectsOf(value, count).map(project));
		}
	}

	return results;
}

/** `push(...items)` would put 20,000 arguments on the stack. */
function appendAll<T>(results: T[], items: readonly T[]): void {
	for (const item of items) {
		results.push(item);
	}
}

function parseWhole(file: string, documents: readonly string[], index: number, document: number): unknown[] {
	try {
		return parseYaml(documents[index] ?? '');
	} catch (error) {
		const fault = yamlFault(error);
		const linesBefore = documents.slice(0, index).reduce((sum, text) => sum + text.split('\n').length - 1, 0);
		throw invalid(file, document, fault.line === undefined ? fault : {...fault, line: linesBefore + fault.line});
	}
}

/** Undefined when the document has not the form for it, or has a fault: parsed whole it tells where. */
function readGroups<T>(text: string, document: number, project: Project<T>): T[] | undefined {
	const split = splitList(text);
	const frame = split === undefined ? undefined : listFrame(split.frame);
	if (split === undefined || frame === undefined) {
		return undefined;
	}

	const results: T[] = [];
	try {
		for (const group of split.groups) {
			for (const item of parseGroup(group)) {
				results.push(project({value: withListKind(item, frame), place: {document, item: results.length + 1}}));
			}
		}
	} catch {
		return undefined;
	}

	return results;
}

function listFrame(text: string): ListFrame | undefined {
	try {
		const [frame, ...more] = parseYaml(text);
		return more.length === 0 && isList(frame) && frame.items === null ? frame : undefined;
	} catch {
		return undefined;
	}
}

type ListFrame = {readonly kind: string; readonly apiVersion?: unknown; readonly items: readonly unknown[] | null};

/** A Go client writes a list without items as null. A kind that ends in List by chance has no `items`. */
function isList(value: unknown): value is ListFrame {
	if (typeof value !== 'object' || value === null || !('kind' in value) || !('items' in value)) {
		return false;
	}

	const {kind, items} = value;
	return typeof kind === 'string' && kind.endsWith('List') && (Array.isArray(items) || items === null);
}

function objectsOf(value: unknown, document: number): Located[] {
	if (value === null) {
		return []; // a document of comments, or the empty one behind a last `---`
	}

	if (!isList(value)) {
		return [{value, place: {document}}];
	}

	return (value.items ?? []).map((item, index) => ({
		value: withListKind(item, value),
		place: {document, item: index + 1},
	}));
}

/** Items of a typed list may leave out what its own kind says. Source: apimachinery, runtime.UnstructuredList. */
function withListKind(item: unknown, list: ListFrame): unknown {
	if (list.kind === 'List' || typeof item !== 'object' || item === null || 'kind' in item) {
		return item;
	}

	return {apiVersion: list.apiVersion, kind: list.kind.slice(0, -'List'.length), ...item};
}

function invalid(file: string, document: number | undefined, {reason, ...where}: SyntaxFault): NetError {
	const at = [
		document !== undefined && document > 1 && `document ${document}`,
		where.line !== undefined && `line ${where.line}`,
	].filter((part) => part !== false);
	const place = at.length === 0 ? '' : ` (${at.join(', ')})`;
	return new NetError('FILE_INVALID', `parse "${file}"${place}: ${reason}`, {file, document, ...where, reason});
}
