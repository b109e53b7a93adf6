import {NetError} from '../errors.ts';
import {child, readText, readTextOrNone, rootField} from '../model/fields.ts';
import {parseMetadata} from '../model/metadata.ts';
import {type KubeObject, type ObjectKey, serviceKey} from '../model/objects.ts';
import {parseObject} from '../model/parse.ts';
import {readTriggerTime} from '../model/parse-slice.ts';
import type {WatchedKind} from './kinds.ts';
import {type Refusal, readStatus} from './refusal.ts';

/** What one line of a watch, or one item of a list, says. `version` is the state of the cluster after it. */
export type Told =
	| {
			readonly verb: 'put';
			readonly key: ObjectKey;
			readonly version: string;
			readonly object: KubeObject;
			readonly warnings: readonly string[];
			/** As a change has it. */
			readonly triggeredAt?: number;
	  }
	| {readonly verb: 'delete'; readonly key: ObjectKey; readonly version: string}
	/** It is known which object this is, but not what to make of it. */
	| {readonly verb: 'refuse'; readonly key: ObjectKey; readonly version: string; readonly problem: NetError}
	/** It is not even known which object this is. */
	| {readonly verb: 'garble'; readonly problem: NetError}
	/** Nothing else has changed up to `version`; `endsList`: and every object there is has been told. */
	| {readonly verb: 'bookmark'; readonly version: string; readonly endsList: boolean};

/** The API server ends a watch in the middle, and says why. */
export type End = {readonly verb: 'end'; readonly refusal: Refusal};

/** What an item of a list says; the items of a list do not name their kind. Never throws. */
export function decodeItem(kind: WatchedKind, text: string): Told {
	try {
		return decodeObject(kind, JSON.parse(text));
	} catch (cause) {
		return garbled(kind, text, cause);
	}
}

/** What an event of a watch says. Never throws. Source: metav1.WatchEvent. */
export function decodeEvent(kind: WatchedKind, line: string): Told | End {
	try {
		const event = rootField(JSON.parse(line), 'event');
		const type = readText(event, 'type');
		const object = child(event, 'object');
		switch (type) {
			case 'ADDED':
			case 'MODIFIED':
				return decodeObject(kind, object.value);
			case 'DELETED':
				return {verb: 'delete', ...nameOf(kind, object.value)};
			case 'BOOKMARK':
				return decodeBookmark(object.value);
			case 'ERROR':
				return {verb: 'end', refusal: readStatus(object.value, 500)};
		}

		return garbled(kind, line, new Error(`the type of event is ${JSON.stringify(type)}`));
	} catch (cause) {
		return garbled(kind, line, cause);
	}
}

/** @throws NetError OBJECT_INVALID when it has no name */
function decodeObject(kind: WatchedKind, value: unknown): Told {
	const name = nameOf(kind, value);
	try {
		const parsed = parseObject({...(value as object), apiVersion: kind.apiVersion, kind: kind.kind});
		if (parsed !== undefined) {
			const triggeredAt = kind.kind === 'EndpointSlice' ? readTriggerTime(rootField(value, name.key)) : undefined;
			return {verb: 'put', ...name, ...parsed, ...(triggeredAt !== undefined && {triggeredAt})};
		}
	} catch (error) {
		if (error instanceof NetError) {
			return {verb: 'refuse', ...name, problem: error};
		}

		throw error;
	}

	throw new Error(`no parser knows ${kind.apiVersion} ${kind.kind}`);
}

/** @throws NetError OBJECT_INVALID when it has no name */
function nameOf({kind}: WatchedKind, value: unknown): {readonly key: ObjectKey; readonly version: string} {
	const isNamespaced = kind === 'Service' || kind === 'EndpointSlice';
	const {namespace, name} = parseMetadata(value, kind, isNamespaced);
	const version = readTextOrNone(child(rootField(value, kind), 'metadata'), 'resourceVersion');
	return {key: isNamespaced ? serviceKey(namespace, name) : name, version};
}

/** Source: k8s.io/apimachinery metav1.InitialEventsAnnotationKey. */
function decodeBookmark(value: unknown): Told {
	const metadata = child(rootField(value, 'bookmark'), 'metadata');
	const mark = readTextOrNone(child(metadata, 'annotations'), 'k8s.io/initial-events-end');
	return {verb: 'bookmark', version: readText(metadata, 'resourceVersion'), endsList: mark === 'true'};
}

function garbled({kind}: WatchedKind, text: string, cause: unknown): Told {
	const problem = cause instanceof Error ? cause.message : String(cause);
	const details = {kind, problem, text: text.slice(0, 200), bytes: text.length};
	return {
		verb: 'garble',
		problem: new NetError('API_INVALID', `decode a ${kind} that the API server told`, details, cause),
	};
}
