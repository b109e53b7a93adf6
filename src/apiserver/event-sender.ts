import {child, eachItem, readText, rootField} from '../model/fields.ts';
import {
	type EventFacts,
	encodeEvent,
	encodeSeries,
	eventName,
	eventNamespace,
	type Occurrence,
	type Regarded,
} from './event.ts';
import {type WatchedKind, watchedKinds} from './kinds.ts';
import {namePath} from './query.ts';
import type {Refusal} from './refusal.ts';
import {answerMs, type Requests} from './requests.ts';

/** What became of an event. */
export type Sent =
	/** It is there, under this name. */
	| {readonly kind: 'told'; readonly name: string}
	/** The object is gone, or not of this proxy any more: nobody needs to hear of it. */
	| {readonly kind: 'moot'}
	| {readonly kind: 'refused'; readonly refusal: Refusal};

/** Sends one event at a time. */
export class EventSender {
	readonly #requests: Requests;
	readonly #nodeName: string;
	readonly #kinds: readonly WatchedKind[];

	constructor(requests: Requests, nodeName: string) {
		[this.#requests, this.#nodeName] = [requests, nodeName];
		this.#kinds = watchedKinds(nodeName);
	}

	/**
	 * Tells what happened, in the event of that name where one was made before; one that is no longer kept is made anew.
	 *
	 * @throws NetError API_CONFIG, or API_UNREACHABLE when there is no answer
	 */
	async send(occurrence: Occurrence, name: string | undefined, signal: AbortSignal): Promise<Sent> {
		if (name !== undefined) {
			const {happening, count, at} = occurrence;
			const path = `${collectionOf(happening.regarding)}/${name}`;
			const body = {type: 'application/merge-patch+json', text: encodeSeries(count, at)};
			const refusal = await this.#requests.write('PATCH', path, body, signal);
			if (refusal?.code !== 404) {
				return refusal === undefined ? {kind: 'told', name} : {kind: 'refused', refusal};
			}
		}

		return await this.#create(occurrence, signal);
	}

	async #create(occurrence: Occurrence, signal: AbortSignal): Promise<Sent> {
		const {regarding} = occurrence.happening;
		const kind = this.#kinds.find((each) => each.kind === regarding.kind);
		const found = kind && (await this.#identify(kind, regarding, signal));
		return kind === undefined || found === undefined
			? {kind: 'moot'}
			: 'refusal' in found
				? {kind: 'refused', refusal: found.refusal}
				: await this.#post(occurrence, {apiVersion: kind.apiVersion, uid: found.uid}, signal);
	}

	/** A name that is taken is ours: the event is there already. */
	async #post(occurrence: Occurrence, known: Omit<EventFacts, 'nodeName'>, signal: AbortSignal): Promise<Sent> {
		const facts = {...known, nodeName: this.#nodeName};
		const body = {type: 'application/json', text: encodeEvent(occurrence, facts)};
		const refusal = await this.#requests.write('POST', collectionOf(occurrence.happening.regarding), body, signal);
		return refusal === undefined || refusal.code === 409
			? {kind: 'told', name: eventName(occurrence, facts)}
			: {kind: 'refused', refusal};
	}

	/**
	 * The object's uid, without which `kubectl describe` does not show its events. The world keeps none: events are
	 * rare, and a list of one object takes no right that this node does not have. A Node is called by its name, as
	 * kubelet calls it. Undefined when it is gone.
	 */
	async #identify(
		kind: WatchedKind,
		{namespace, name}: Regarded,
		signal: AbortSignal,
	): Promise<{readonly uid: string} | {readonly refusal: Refusal} | undefined> {
		if (kind.kind === 'Node') {
			return {uid: name};
		}

		const path = namePath(kind, namespace === '' ? name : `${namespace}/${name}`);
		const answer = await this.#requests.get(path, () => answerMs, signal);
		if (answer.kind === 'refused') {
			return {refusal: answer.refusal};
		}

		const list = rootField(JSON.parse(Buffer.concat(await Array.fromAsync(answer.chunks)).toString()), 'the list');
		const [uid] = eachItem(list, 'items', (items, index) => readText(child(child(items, index), 'metadata'), 'uid'));
		return uid === undefined ? undefined : {uid};
	}
}

function collectionOf(regarding: Regarded): string {
	return `/apis/events.k8s.io/v1/namespaces/${eventNamespace(regarding)}/events`;
}
