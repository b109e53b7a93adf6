import type {ServerResponse} from 'node:http';
import {whatIsWrong} from './events.ts';
import type {Faults} from './faults.ts';
import type {Target} from './resources.ts';
import {parseSelectors, type Selector} from './selectors.ts';
import {type Status, statusOf, tooLarge, tooOld} from './status.ts';
import type {KubeJson, Store} from './store.ts';
import {WatchStream} from './watch-stream.ts';

/** A page of a list that was begun. */
type Page = {readonly version: number; readonly rest: readonly KubeJson[]};

const streamForbidden =
	'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled';
const matchMissing =
	'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';

/** How the double answers to a request that nothing is wrong with. */
export class Answers {
	readonly #store: Store;
	readonly #faults: Faults;
	/** Keeps a watch that was opened, until its answer is closed. */
	readonly #keep: (watch: WatchStream, response: ServerResponse) => void;
	readonly #pages = new Map<string, Page>();

	constructor(store: Store, faults: Faults, keep: (watch: WatchStream, response: ServerResponse) => void) {
		this.#store = store;
		this.#faults = faults;
		this.#keep = keep;
	}

	/** One object, or a list or a page of it. */
	read(target: Target, query: URLSearchParams, response: ServerResponse): void {
		if (target.name !== undefined) {
			const object = this.#store.get(target.resource, target.namespace, target.name);
			respond(response, object === undefined ? notFound(target) : named(target, object));
			return;
		}

		const version = Number(query.get('resourceVersion') ?? 0);
		const page = version > this.#store.version ? tooLarge(version, this.#store.version) : this.#page(target, query);
		if ('status' in page) {
			respond(response, page);
			return;
		}

		const limit = Number(query.get('limit') ?? 0);
		const [items, rest] = limit > 0 ? [page.rest.slice(0, limit), page.rest.slice(limit)] : [page.rest, []];
		const {kind, apiVersion} = target.resource;
		const metadata = {resourceVersion: String(page.version), ...this.#continuation(page.version, rest)};
		respond(response, {kind: `${kind}List`, apiVersion, metadata, items: items.map(unnamed)});
	}

	watch(target: Target, query: URLSearchParams, response: ServerResponse): void {
		const isList = query.get('sendInitialEvents') === 'true';
		const version = Number(query.get('resourceVersion') ?? 0);
		const refusal = this.#refuseWatch(isList, query.get('resourceVersionMatch'), version);
		if (refusal !== undefined) {
			respond(response, refusal);
			return;
		}

		const selector = selectorOf(target, query);
		const takesBookmarks = query.get('allowWatchBookmarks') === 'true';
		const options = {selector, takesBookmarks, startsAt: version, version: () => this.#store.version};
		const watch = new WatchStream(target, response, options);
		if (version > 0 && (this.#faults.expiresAll || version < this.#store.compacted)) {
			watch.fail(tooOld(version, this.#store.compacted));
			return;
		}

		this.#keep(watch, response);
		endAfter(Number(query.get('timeoutSeconds') ?? 0), watch, response);
		if (version === 0) {
			this.#store
				.list(target.resource)
				.filter(selector)
				.map((object) => watch.add(object));
		} else {
			this.#store.since(version).map((event) => watch.tell(event));
		}

		if (isList && !this.#faults.listsNoEnd) {
			watch.bookmark(this.#store.version, true);
		}

		response.on(
			'close',
			this.#store.listen((event) => event.version > version && watch.tell(event)),
		);
	}

	/** POST to a collection, PUT, PATCH and DELETE of an object: without the defaults that the real one fills in. */
	write(target: Target, method: string, body: string, response: ServerResponse): void {
		const {resource, namespace} = target;
		if (method === 'DELETE') {
			const gone = this.#store.delete(resource.kind, namespace, target.name ?? '');
			respond(response, gone ?? notFound(target));
			return;
		}

		if (method === 'PATCH') {
			this.#patch(target, JSON.parse(body), response);
			return;
		}

		const given = JSON.parse(body) as KubeJson;
		const {name} = given.metadata;
		const invalid = resource.plural === 'events' ? whatIsWrong(given, namespace) : undefined;
		if (invalid !== undefined) {
			respond(response, statusOf(422, invalid));
			return;
		}

		if (method === 'POST' && this.#store.get(resource, namespace, name) !== undefined) {
			respond(response, statusOf(409, `${resource.plural} "${name}" already exists`));
			return;
		}

		this.#store.put({...given, metadata: {...given.metadata, ...(namespace !== undefined && {namespace})}});
		const stored = this.#store.get(resource, namespace, name);
		respond(response, stored === undefined ? notFound(target) : named(target, stored), method === 'POST' ? 201 : 200);
	}

	/** Of a merge patch, only fields that stand at the top: what is given replaces what was there. */
	#patch(target: Target, patch: object, response: ServerResponse): void {
		const {resource, namespace, name = ''} = target;
		const before = this.#store.get(resource, namespace, name);
		if (before === undefined) {
			respond(response, notFound(target));
			return;
		}

		const after = {...before, ...patch};
		this.#store.put(after);
		respond(response, named(target, after));
	}

	#page(target: Target, query: URLSearchParams): Page | Status {
		const token = query.get('continue') ?? '';
		if (token === '') {
			return {version: this.#store.version, rest: this.#store.list(target.resource).filter(selectorOf(target, query))};
		}

		const page = this.#pages.get(token);
		if (page === undefined) {
			return statusOf(400, 'invalid continue token: continue key is not valid');
		}

		return page.version < this.#store.compacted
			? statusOf(410, 'The provided continue parameter is too old to display a consistent list result.')
			: page;
	}

	#continuation(version: number, rest: readonly KubeJson[]): object {
		if (rest.length === 0) {
			return {};
		}

		const text = JSON.stringify({v: 'double', rv: version, start: this.#pages.size});
		const token = Buffer.from(text).toString('base64url');
		this.#pages.set(token, {version, rest});
		return {continue: token, remainingItemCount: rest.length};
	}

	#refuseWatch(isList: boolean, match: string | null, version: number): Status | undefined {
		if (Number.isNaN(version)) {
			const {reason: _, ...status} = statusOf(500, 'resourceVersion: Invalid value: invalid syntax');
			return status;
		}

		if (!isList) {
			return undefined;
		}

		return this.#faults.streamsNoLists
			? statusOf(422, streamForbidden)
			: match === 'NotOlderThan'
				? undefined
				: statusOf(422, matchMissing);
	}
}

export function respond(response: ServerResponse, body: Status | object, code = 200, retryAfter?: string): void {
	const status = isStatus(body) ? body.code : code;
	const seconds = retryAfter ?? (isStatus(body) ? body.details?.['retryAfterSeconds'] : undefined);
	const headers = {'content-type': 'application/json', ...(seconds !== undefined && {'retry-after': String(seconds)})};
	response.writeHead(status, headers);
	response.end(`${JSON.stringify(body)}\n`);
}

function isStatus(body: object): body is Status {
	return 'kind' in body && body.kind === 'Status';
}

function endAfter(seconds: number, watch: WatchStream, response: ServerResponse): void {
	if (seconds > 0) {
		const timer = setTimeout(() => watch.end(), seconds * 1000);
		response.on('close', () => clearTimeout(timer));
	}
}

function selectorOf(target: Target, query: URLSearchParams): Selector {
	const selector = parseSelectors(query.get('labelSelector') ?? '', query.get('fieldSelector') ?? '');
	return (object) =>
		selector(object) && (target.namespace === undefined || object.metadata.namespace === target.namespace);
}

function named({resource}: Target, object: KubeJson): object {
	return {kind: resource.kind, apiVersion: resource.apiVersion, ...object};
}

/** An item of a list does not say its kind. */
function unnamed({kind: _, apiVersion: __, ...object}: KubeJson): object {
	return object;
}

function notFound({resource, name}: Target): Status {
	return statusOf(404, `${resource.plural} "${name}" not found`);
}
