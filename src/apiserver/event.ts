import {createHash} from 'node:crypto';
import type {WatchedKind} from './kinds.ts';

/** What an event is about. `namespace` is empty for kinds that live in none. */
export type Regarded = {readonly kind: WatchedKind['kind']; readonly namespace: string; readonly name: string};

/** Something that people shall read beside an object. */
export type Happening = {
	readonly regarding: Regarded;
	readonly type: 'Normal' | 'Warning';
	/** Why, one word in CamelCase, for machines. */
	readonly reason: string;
	/** What was being done, one word in CamelCase. */
	readonly action: string;
	/** For people; what is beyond 1 KiB is cut off. */
	readonly note: string;
	/**
	 * Whether only this node can say so, or every node that reads the same objects will: that is told once in the
	 * cluster, by the node that is first.
	 */
	readonly scope: 'node' | 'cluster';
};

/** It happened `count` times, the last one at `at`, in milliseconds since 1970. */
export type Occurrence = {
	readonly happening: Happening;
	readonly count: number;
	readonly at: number;
	/** Tells it from others that say the same at the same time: 0 up to but not 1. */
	readonly chance: number;
};

/** Who tells, and what the API server knows of the object. */
export type EventFacts = {
	readonly nodeName: string;
	readonly apiVersion: string;
	readonly uid: string;
};

/** Bytes of a note; characters of an instance. Source: k8s.io/kubernetes/pkg/apis/core/validation/events.go. */
const noteMaxBytes = 1024;
const instanceMax = 128;

/** Leaves room for the sign behind it in the 253 characters of a name. */
const nameMax = 230;

/** Two happenings of one key say the same. */
export function happeningKey({regarding, type, reason, action, note}: Happening): string {
	return JSON.stringify([regarding.kind, regarding.namespace, regarding.name, type, reason, action, note]);
}

/** The namespace that the API server takes it in: that of the object, and `default` for those that live in none. */
export function eventNamespace({namespace}: Regarded): string {
	return namespace === '' ? 'default' : namespace;
}

/**
 * The object's name and a sign. What every node says has the same sign on each, so that the API server takes it from
 * the first of them and answers the others that it is there. What one node says has a sign of its own, the same when
 * it is sent again because no answer came.
 */
export function eventName({happening, at, chance}: Occurrence, {uid, nodeName}: EventFacts): string {
	const {regarding, scope} = happening;
	const own = scope === 'cluster' ? '' : `${nodeName} ${at} ${chance}`;
	const sign = createHash('sha256')
		.update(`${happeningKey(happening)} ${uid} ${own}`)
		.digest('hex')
		.slice(0, 16);
	return `${regarding.name.slice(0, nameMax).replace(/[.-]+$/, '')}.${sign}`;
}

/** The body of a POST. Source: k8s.io/api/events/v1, Event. */
export function encodeEvent(occurrence: Occurrence, facts: EventFacts): string {
	const {happening, count, at} = occurrence;
	const {regarding, type, reason, action, note} = happening;
	const {kind, namespace, name} = regarding;
	return JSON.stringify({
		...{apiVersion: 'events.k8s.io/v1', kind: 'Event'},
		metadata: {name: eventName(occurrence, facts), namespace: eventNamespace(regarding)},
		eventTime: encodeMicroTime(at),
		...{reportingController: 'fairlead', reportingInstance: facts.nodeName.slice(0, instanceMax)},
		...{type, reason, action, note: cutNote(note)},
		regarding: {apiVersion: facts.apiVersion, kind, name, uid: facts.uid, ...(namespace !== '' && {namespace})},
		...(count > 1 && seriesOf(count, at)),
	});
}

/** The body of a PATCH that says how often it happened up to now. Source: k8s.io/api/events/v1, EventSeries. */
export function encodeSeries(count: number, at: number): string {
	return JSON.stringify(seriesOf(count, at));
}

function seriesOf(count: number, at: number): object {
	return {series: {count, lastObservedTime: encodeMicroTime(at)}};
}

/** Source: k8s.io/apimachinery metav1.RFC3339Micro. */
function encodeMicroTime(at: number): string {
	return new Date(at).toISOString().replace('Z', '000Z');
}

/** At the end of a whole character. */
function cutNote(note: string): string {
	const bytes = Buffer.from(note);
	if (bytes.length <= noteMaxBytes) {
		return note;
	}

	const ellipsis = ' …';
	const whole = new TextDecoder().decode(bytes.subarray(0, noteMaxBytes - Buffer.byteLength(ellipsis)), {stream: true});
	return `${whole}${ellipsis}`;
}
