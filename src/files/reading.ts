import {hash} from 'node:crypto';
import {type ErrorCode, NetError} from '../errors.ts';
import {type KubeObject, keyOf} from '../model/objects.ts';
import {parseObject} from '../model/parse.ts';
import {type Located, type Place, readContent} from './content.ts';

/** What names an object across kinds: `Service shop/web`, `Node worker-1`; as errors of the model name it. */
export type ObjectId = string;

/** What a file said last time: object → hash of its projection. */
export type Known = ReadonlyMap<ObjectId, number>;

/** A fault of a file or of one object in it, as it crosses threads. Two readings' faults are one when `key` is equal. */
export type Fault = {
	readonly key: string;
	readonly code: ErrorCode;
	readonly message: string;
	readonly details: Readonly<Record<string, unknown>>;
};

/** An object that differs from what is known of it: its projection as JSON. */
export type Put = {readonly id: ObjectId; readonly hash: number; readonly json: string};

export type Reading = {
	readonly puts: readonly Put[];
	/** Known objects that the file holds no more. */
	readonly gone: readonly ObjectId[];
	readonly faults: readonly Fault[];
	/** Whether something in the file could not be read that is not known from an earlier reading either. */
	readonly missing: boolean;
	/** What is skipped inside `puts`, as kube-proxy skips it. */
	readonly warnings: readonly string[];
};

type Outcome =
	| {
			readonly kind: 'object';
			readonly id: ObjectId;
			readonly hash: number;
			readonly json: string;
			readonly place: Place;
			readonly warnings: readonly string[];
	  }
	| {readonly kind: 'refused'; readonly id: ObjectId | undefined; readonly fault: Fault};

/**
 * What `text` says against what its file said before. An object that is refused keeps its last good version, and
 * so do all others of the file when one is refused that does not even say its name.
 *
 * @throws NetError FILE_INVALID when a part of it does not parse: then the whole file stays as it was
 */
export function readObjects(file: string, text: string, known: Known): Reading {
	const outcomes = readContent(file, text, (located) => project(file, located));
	const seen = new Map<ObjectId, Place>();
	const held = new Set<ObjectId>();
	const puts: Put[] = [];
	const faults: Fault[] = [];
	const warnings: string[] = [];
	let anonymous = false;
	for (const outcome of outcomes) {
		if (outcome === undefined) {
			continue;
		}

		const {id} = outcome;
		const first = id === undefined ? undefined : seen.get(id);
		if (outcome.kind === 'refused') {
			faults.push(outcome.fault);
			anonymous ||= id === undefined;
			held.add(id ?? '');
		} else if (first !== undefined) {
			faults.push(duplicate(file, outcome.id, outcome.place, first));
		} else {
			seen.set(outcome.id, outcome.place);
			if (known.get(outcome.id) !== outcome.hash) {
				puts.push({id: outcome.id, hash: outcome.hash, json: outcome.json});
				warnings.push(...outcome.warnings);
			}
		}
	}

	const isGone = (id: ObjectId) => !seen.has(id) && !held.has(id);
	return {
		puts,
		gone: anonymous ? [] : [...known.keys()].filter(isGone),
		faults,
		missing: [...held].some((id) => !known.has(id) && !seen.has(id)),
		warnings,
	};
}

/** Undefined for kinds that are none of our business. */
function project(file: string, {value, place}: Located): Outcome | undefined {
	try {
		const parsed = parseObject(value);
		if (parsed === undefined) {
			return undefined;
		}

		const json = JSON.stringify(parsed.object);
		return {kind: 'object', id: idOf(parsed.object), hash: hashOf(json), json, place, warnings: parsed.warnings};
	} catch (error) {
		return refusal(file, place, error);
	}
}

export function idOf(object: KubeObject): ObjectId {
	return `${object.kind} ${keyOf(object)}`;
}

/** 48 bits: compared only between versions of one object. */
function hashOf(json: string): number {
	return hash('sha1', json, 'buffer').readUIntBE(0, 6);
}

function refusal(file: string, place: Place, error: unknown): Outcome {
	const details = error instanceof NetError ? error.details : {};
	const object = typeof details['object'] === 'string' ? details['object'] : 'object';
	const problem = String(details['problem'] ?? (error instanceof Error ? error.message : error));
	const id = object.includes(' ') ? object : undefined;
	const where = id === undefined ? `${object} (${printPlace(place)})` : object;
	return {
		kind: 'refused',
		id,
		fault: {
			key: `refused ${where} ${problem}`,
			code: 'OBJECT_INVALID',
			message: `read ${where} in "${file}": ${problem}`,
			details: {...details, file, ...place},
		},
	};
}

function duplicate(file: string, id: ObjectId, place: Place, first: Place): Fault {
	return {
		key: `twice ${id}`,
		code: 'FILE_DUPLICATE',
		message: `read ${id} twice in "${file}": ${printPlace(first)} stays in force, not ${printPlace(place)}`,
		details: {file, object: id, ...place, other: file, otherPlace: first},
	};
}

function printPlace({document, item}: Place): string {
	return item === undefined ? `document ${document}` : `document ${document}, item ${item}`;
}
